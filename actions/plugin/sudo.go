package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// SudoLack is a command that a plugin needs and its user may not run without a password.
type SudoLack struct {
	Command string
	Why     string // in sudo's words, or ours
	Line    string // of sudoers, which an administrator can add
}

// sudoWithin bounds one question to sudo: its user database may be far away.
const sudoWithin = 10 * time.Second

// SudoMissing tells which of a plugin's sudo_requirements its user may not run without a password. Whether a command is
// allowed is asked of sudo itself, which knows all of sudoers; picket must be root for that. Whether it would want a
// password sudo tells for no single command: that is read out of its list of rules.
func (r *Runner) SudoMissing(ctx context.Context, m *Manifest) (missing []SudoLack, err error) {
	if len(m.SudoRequirements) == 0 {
		return nil, nil
	}
	account, err := (&doer{m, r}).account()
	if err != nil {
		return nil, err
	}
	if _, err := exec.LookPath("sudo"); err != nil {
		return nil, errors.New("sudo is not installed on this host")
	}
	text, err := sudo(ctx, account.Username, "-ll")
	if err != nil {
		return nil, err
	}
	rules := readSudoRules(text)
	for _, line := range m.SudoRequirements {
		words := strings.Fields(line)
		why := ""
		if _, err := sudo(ctx, account.Username, append([]string{"-l", "--"}, words...)...); err != nil {
			why = err.Error()
		} else {
			why = rules.asks(words)
		}
		if why != "" {
			missing = append(missing, SudoLack{line, why, sudoersLine(account.Username, line)})
		}
	}
	return missing, nil
}

// sudo asks what a user may do.
func sudo(ctx context.Context, user string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, sudoWithin)
	defer cancel()
	c := exec.CommandContext(ctx, "sudo", append([]string{"-n", "-U", user}, args...)...)
	c.Env = []string{"PATH=" + searchPath, "LC_ALL=C"}
	var out, wrong bytes.Buffer
	c.Stdout, c.Stderr = &out, &wrong
	err := c.Run()
	if text := firstLine(wrong.String()); err != nil && text != "" {
		err = errors.New(text)
	} else if err != nil {
		err = errors.New("sudoers does not allow it")
	}
	return out.String(), err
}

// sudoersLine allows one command. What sudoers gives a meaning to is escaped (sudoers(5), "Other special characters").
func sudoersLine(user, command string) string {
	words := strings.Fields(command)
	for i, w := range words {
		words[i] = sudoersSpecial.ReplaceAllString(w, `\$0`)
	}
	if len(words) == 1 {
		words = append(words, `""`) // no arguments: without it any would do
	}
	return fmt.Sprintf("%s ALL=(root) NOPASSWD: %s", user, strings.Join(words, " "))
}

var sudoersSpecial = regexp.MustCompile(`[,:=\\*?\[\]!"#]`)

// sudoRules are what sudo -ll lists: the rules of one user, aliases and includes resolved, in the order in which they
// stand; of those that match a command the last decides.
type sudoRules struct {
	defaults []string
	rules    []sudoRule
}

type sudoRule struct {
	asRoot, free bool // free: no password is asked, if that is said
	said         bool
	commands     []string
}

// readSudoRules reads the list. Lines of commands begin with a tab; those of digests go on in the next line.
func readSudoRules(text string) (s sudoRules) {
	var r *sudoRule
	list, digest := &s.defaults, ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		key, value, keyed := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case strings.HasPrefix(line, "Sudoers entry:"), strings.HasPrefix(line, "LDAP Role:"), strings.HasPrefix(line, "SSSD Role:"):
			s.rules = append(s.rules, sudoRule{asRoot: true})
			r, list = &s.rules[len(s.rules)-1], nil
		case r == nil && strings.HasPrefix(line, "    "):
			*list = append(*list, strings.Split(strings.TrimSuffix(strings.TrimSpace(line), ","), ", ")...)
		case r == nil:
		case keyed && key == "RunAsUsers":
			users := strings.Split(value, ", ")
			r.asRoot = slices.ContainsFunc(users, func(u string) bool { return u == "root" || u == "ALL" || u == "#0" }) && !slices.Contains(users, "!root")
		case keyed && key == "Options":
			options := strings.Split(value, ", ")
			r.free = slices.Contains(options, "!authenticate")
			r.said = r.free || slices.Contains(options, "authenticate")
		case digest == "" && strings.HasPrefix(line, "\tsha") && !strings.Contains(line, " "):
			digest = line
		case strings.HasPrefix(line, "\t") || digest != "":
			r.commands, digest = append(r.commands, strings.TrimSpace(line)), ""
		}
	}
	return s
}

// asks tells why sudo would want a password, or a terminal, for a command that it allows; "" when it wants neither.
func (s *sudoRules) asks(words []string) string {
	if slices.Contains(s.defaults, "requiretty") {
		return "sudo wants a terminal (requiretty), and a plugin has none"
	}
	for _, r := range slices.Backward(s.rules) {
		for _, pattern := range slices.Backward(r.commands) {
			if !r.asRoot || !commandMatches(pattern, words) {
				continue
			}
			if r.free || !r.said && slices.Contains(s.defaults, "!authenticate") {
				return ""
			}
			return fmt.Sprintf("sudo would ask for a password: the rule for %q has no NOPASSWD", pattern)
		}
	}
	return "it is allowed, but by no rule that can be read here: a password may be asked for"
}

// commandMatches tells whether a pattern of sudoers means a command (sudoers(5), "Wildcards" and "Regular expressions").
func commandMatches(pattern string, words []string) bool {
	if pattern == "ALL" {
		return true
	}
	program, args, limited := strings.Cut(pattern, " ")
	given := strings.Join(words[1:], " ")
	switch {
	case strings.HasSuffix(program, "/"):
		if path.Dir(words[0])+"/" != program {
			return false
		}
	case !wordsMatch(program, words[0], false):
		return false
	}
	switch {
	case !limited:
		return true
	case args == `""`:
		return given == ""
	}
	return wordsMatch(args, given, true)
}

// wordsMatch holds a text against a shell pattern, or a regular expression between ^ and $. In arguments a star stands
// for slashes, too.
func wordsMatch(pattern, text string, slashes bool) bool {
	if strings.HasPrefix(pattern, "^") && strings.HasSuffix(pattern, "$") {
		re, err := regexp.CompilePOSIX(pattern)
		return err == nil && re.MatchString(text)
	}
	pattern = strings.ReplaceAll(pattern, "[!", "[^")
	if slashes {
		pattern, text = strings.ReplaceAll(pattern, "/", "\x01"), strings.ReplaceAll(text, "/", "\x01")
	}
	ok, err := path.Match(pattern, text)
	return err == nil && ok
}
