package shell

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"picket/rules"
	"picket/rules/expression"
)

// The two families that conditional options are for.
const (
	family4 = "inet4"
	family6 = "inet6"
)

// The bounds of a command.
const (
	maxCommand = 64 << 10 // bytes of its text
	maxValue   = 64 << 10 // bytes of a tag's value: the kernel takes 128 KiB for one environment variable
	maxDepth   = 25       // tags within tags
)

var (
	tag     = regexp.MustCompile(`<([^ <>]+)>`)
	special = regexp.MustCompile("[\\\\#&;`|*?~<>^()\\[\\]{}$'\"\n\r\x00-\x1f\x7f]")
	noName  = regexp.MustCompile(`\W`)
)

// command is a text for /bin/sh and the variables that it refers to.
type command struct {
	text string
	env  []string
}

// option returns a property of the action for a family: that of the family before the general one.
func (a *action) option(name, family string) (text string, ok bool) {
	if family != "" {
		if text, ok = a.properties[name+"?family="+family]; ok {
			return text, true
		}
	}
	text, ok = a.properties[name]
	return text, ok
}

// compose makes a command of an operation (actionban …); its text is "" if there is nothing to do. The action's own
// properties are replaced first, by the administrator's text; what belongs to the ticket comes last and only once, so
// that nothing in it is taken for a tag.
func (a *action) compose(operation, family string, dynamic func(name string) (string, bool)) (command, error) {
	text, _ := a.option(operation, family)
	for depth := 0; ; depth++ {
		if depth > maxDepth || len(text) > maxCommand {
			return command{}, fmt.Errorf("%s of action %s: tags within tags go too deep", operation, a.name)
		}
		next := tag.ReplaceAllStringFunc(text, func(found string) string {
			if value, ok := a.option(found[1:len(found)-1], family); ok {
				return value
			}
			return found
		})
		if next == text {
			break
		}
		text = next
	}
	c := command{}
	c.text = strings.TrimSpace(tag.ReplaceAllStringFunc(text, func(found string) string { return c.value(found, dynamic) }))
	return c, nil
}

// value replaces one tag of the ticket. A value with anything in it that means something to a shell goes into a variable.
func (c *command) value(found string, dynamic func(string) (string, bool)) string {
	name := found[1 : len(found)-1]
	switch name {
	case "br":
		return "\n"
	case "sp":
		return " "
	}
	value, ok := dynamic(name)
	if !ok {
		return found
	}
	if !special.MatchString(value) {
		return value
	}
	variable := "f2bV_" + noName.ReplaceAllString(name, "_")
	value = strings.ReplaceAll(value[:min(len(value), maxValue)], "\x00", "")
	c.env = append(c.env, variable+"="+value)
	return "$" + variable
}

// values returns the tags of a ticket.
func (r *Runner) values(t *rules.Ticket) func(name string) (string, bool) {
	return func(name string) (string, bool) {
		if make, ok := ticketTags[name]; ok {
			return make(t), true
		}
		if field, ok := strings.CutPrefix(name, "F-"); ok {
			return t.Fields[expression.GroupName(field)], true // "" where the expression has not captured it
		}
		if r.Lookup != nil && (name == "ip-host" || name == "fq-hostname") {
			return r.Lookup(name, t.Prefix.Addr()), true
		}
		if r.Count != nil {
			if n, ok := r.Count(name); ok {
				return strconv.FormatUint(n, 10), true
			}
		}
		return "", false
	}
}

// environment returns the tags of operations that are about no party: start, stop, flush, check, repair.
func (r *Runner) environment(family string) func(name string) (string, bool) {
	return func(name string) (string, bool) {
		switch {
		case name == "family" && family != "":
			return family, true
		case name == "fq-hostname" && r.Lookup != nil:
			return r.Lookup(name, netip.Addr{}), true
		}
		return "", false
	}
}

// ticketTags are the tags that a ticket alone answers. Those that merge bans tell of this one where nothing is merged.
var ticketTags = map[string]func(*rules.Ticket) string{
	"ip":             func(t *rules.Ticket) string { return t.ID },
	"fid":            func(t *rules.Ticket) string { return t.ID },
	"family":         func(t *rules.Ticket) string { return familyOf(t) },
	"ip-rev":         func(t *rules.Ticket) string { return reverse(t.Prefix.Addr()) },
	"time":           func(t *rules.Ticket) string { return strconv.FormatInt(t.Since.Unix(), 10) },
	"bantime":        func(t *rules.Ticket) string { return strconv.FormatInt(int64(t.Seconds), 10) },
	"bancount":       func(t *rules.Ticket) string { return strconv.Itoa(t.Count) },
	"failures":       func(t *rules.Ticket) string { return strconv.Itoa(t.Failures) },
	"ipfailures":     func(t *rules.Ticket) string { return strconv.Itoa(merged(t.Merged, t).Failures) },
	"ipjailfailures": func(t *rules.Ticket) string { return strconv.Itoa(merged(t.JailMerged, t).Failures) },
	"matches":        func(t *rules.Ticket) string { return strings.Join(t.Matches, "\n") },
	"ipmatches":      func(t *rules.Ticket) string { return strings.Join(merged(t.Merged, t).Matches, "\n") },
	"ipjailmatches":  func(t *rules.Ticket) string { return strings.Join(merged(t.JailMerged, t).Matches, "\n") },
	"restored":       func(t *rules.Ticket) string { return map[bool]string{true: "1", false: "0"}[t.Restored] },
	"raw-ticket":     rawTicket,
}

// merged is what bans merge to, this one alone if nothing is known.
func merged(m *rules.MergedBans, t *rules.Ticket) *rules.MergedBans {
	if m != nil {
		return m
	}
	return &rules.MergedBans{Failures: t.Failures, Matches: t.Matches}
}

// rawTicket writes a ticket as fail2ban does.
func rawTicket(t *rules.Ticket) string {
	quoted := make([]string, len(t.Matches))
	for i, line := range t.Matches {
		quoted[i] = "'" + strings.ReplaceAll(strings.ReplaceAll(line, `\`, `\\`), "'", `\'`) + "'"
	}
	return fmt.Sprintf("BanTicket: ip=%s time=%d bantime=%d bancount=%d #attempts=%d matches=[%s]",
		t.ID, t.Since.Unix(), int64(t.Seconds), t.Count, t.Failures, strings.Join(quoted, ", "))
}

// familyOf is the family of a ticket's address, "" for what is none.
func familyOf(t *rules.Ticket) string {
	switch a := t.Prefix.Addr(); {
	case a.Is4():
		return family4
	case a.Is6():
		return family6
	}
	return ""
}

// reverse writes an address as DNS looks it up, with the dot at the end and without a zone: 1.2.0.192.
func reverse(a netip.Addr) string {
	var out strings.Builder
	b := a.AsSlice()
	for i := len(b) - 1; i >= 0; i-- {
		if a.Is4() {
			fmt.Fprintf(&out, "%d.", b[i])
		} else {
			fmt.Fprintf(&out, "%x.%x.", b[i]&15, b[i]>>4)
		}
	}
	return out.String()
}
