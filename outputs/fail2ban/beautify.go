package fail2ban

import (
	"fmt"
	"strings"

	"picket/outputs/fail2ban/pickle"
)

// Beautify returns the answer to a command as fail2ban-client prints it, without the last newline. Scripts and monitors
// parse these texts: each is as it was seen, tabs and all.
func Beautify(command []any, answer any) string {
	c := words(command).texts(0)
	if show, ok := shownAnswers[c[0]]; ok {
		return show(c, answer)
	}
	if len(c) >= 2 {
		if show, ok := shownGlobals[c[1]]; ok {
			return show(answer)
		}
	}
	if len(c) >= 3 {
		if text, ok := shownAttribute(c, answer); ok {
			return text
		}
	}
	return pickle.Text(answer)
}

// BeautifyError returns an exception as fail2ban-client prints it.
func BeautifyError(e pickle.Object) string {
	switch e.Name {
	case "UnknownJailException":
		return "Sorry but the jail '" + pickle.Text(e) + "' does not exist"
	case "IndexError":
		return "Sorry but the command is invalid"
	case "DuplicateJailException":
		return "The jail '" + pickle.Text(e) + "' already exists"
	case "KeyError":
		return pickle.Repr(firstOf(e.Args))
	case "FileNotFoundError":
		if len(e.Args) == 3 {
			return fmt.Sprintf("[Errno %s] %s: %s", pickle.Text(e.Args[0]), pickle.Text(e.Args[1]), pickle.Repr(e.Args[2]))
		}
	}
	return pickle.Text(e)
}

// ErrorArgs are the arguments of an exception as fail2ban-client logs them. Python's file errors keep their path apart.
func ErrorArgs(e pickle.Object) pickle.Tuple {
	if e.Name == "FileNotFoundError" {
		return e.Args[:min(len(e.Args), 2)]
	}
	return e.Args
}

func firstOf(t pickle.Tuple) any {
	if len(t) == 0 {
		return ""
	}
	return t[0]
}

// shownAnswers are the verbs with a text of their own.
var shownAnswers = map[string]func(command []string, answer any) string{
	"ping":       func(_ []string, v any) string { return "Server replied: " + pickle.Text(v) },
	"start":      func(_ []string, _ any) string { return "Jail started" },
	"add":        func(_ []string, v any) string { return "Added jail " + pickle.Text(v) },
	"flushlogs":  func(_ []string, v any) string { return "logs: " + pickle.Text(v) },
	"echo":       func(_ []string, v any) string { return joinTexts(v, " ") },
	"stop":       shownStop,
	"status":     shownStatus,
	"stats":      shownTable,
	"statistic":  shownTable,
	"statistics": shownTable,
}

// shownGlobals are the server's own settings.
var shownGlobals = map[string]func(answer any) string{
	"syslogsocket": func(v any) string { return "Current syslog socket is:\n`- " + pickle.Text(v) },
	"logtarget":    func(v any) string { return "Current logging target is:\n`- " + pickle.Text(v) },
	"loglevel":     func(v any) string { return "Current logging level is " + pickle.Repr(v) },
	"dbfile": func(v any) string {
		return orDisabled(v, "Current database file is:\n`- "+pickle.Text(v))
	},
	"dbpurgeage": func(v any) string {
		return orDisabled(v, "Current database purge age is:\n`- "+pickle.Text(v)+"seconds")
	},
}

func orDisabled(v any, text string) string {
	if v == nil {
		return "Database currently disabled"
	}
	return text
}

func shownStop(command []string, _ any) string {
	if len(command) > 1 {
		return "Jail stopped"
	}
	return "Shutdown successful"
}

// items returns the members of a list or tuple, nil of anything else.
func items(v any) []any {
	list, _ := listOf(v)
	return list
}

func joinTexts(v any, between string) string {
	var texts []string
	for _, item := range items(v) {
		texts = append(texts, pickle.Text(item))
	}
	return strings.Join(texts, between)
}

// value shows a value in a tree: a list as its words.
func value(v any) string {
	if _, ok := listOf(v); ok {
		return joinTexts(v, " ")
	}
	return pickle.Text(v)
}

// branch returns the sign before member i of n, and what stands before that member's own members.
func branch(i, n int) (sign, below string) {
	if i == n-1 {
		return "`-", "   "
	}
	return "|-", "|  "
}

// pair takes (title, value) apart.
func pair(v any) (title string, content any) {
	p := items(v)
	if len(p) < 2 {
		return pickle.Text(v), nil
	}
	return pickle.Text(p[0]), p[1]
}

func shownStatus(command []string, answer any) string {
	if len(command) > 1 && command[1] != "--all" {
		return strings.Join(append([]string{"Status for the jail: " + command[1]}, tree("", answer)...), "\n")
	}
	lines := []string{"Status"}
	list := items(answer)
	var jails pickle.Dict
	if n := len(list); n > 0 {
		if d, ok := list[n-1].(pickle.Dict); ok {
			jails, list = d, list[:n-1]
		}
	}
	for i, item := range list {
		title, content := pair(item)
		sign, _ := branch(i, len(list))
		if len(command) > 1 {
			sign = "|-"
		}
		lines = append(lines, fmt.Sprintf("%s %s:\t%s", sign, title, value(content)))
	}
	if len(command) > 1 {
		lines = append(append(lines, "`- Status for the jails:"), forest(jails)...)
	}
	return strings.Join(lines, "\n")
}

// forest shows the status of each jail.
func forest(jails pickle.Dict) []string {
	var lines []string
	for i, p := range jails {
		sign, below := branch(i, len(jails))
		lines = append(lines, "   "+sign+" Jail: "+pickle.Text(p.Key))
		lines = append(lines, tree("   "+below, p.Value)...)
	}
	return lines
}

// tree shows [(title, [(title, value), …]), …] as branches and twigs.
func tree(before string, v any) []string {
	var lines []string
	list := items(v)
	for i, item := range list {
		title, content := pair(item)
		sign, below := branch(i, len(list))
		lines = append(lines, before+sign+" "+title)
		twigs := items(content)
		for k, twig := range twigs {
			title, content := pair(twig)
			sign, _ := branch(k, len(twigs))
			lines = append(lines, fmt.Sprintf("%s%s%s %s:\t%s", before, below, sign, title, value(content)))
		}
	}
	return lines
}

// attributeLists are the attributes that are shown as a list: with none of them, and above some.
var attributeLists = []struct {
	options     []string
	none, title string
	numbered    bool
}{
	{[]string{"logpath", "addlogpath", "dellogpath"}, "No file is currently monitored", "Current monitored log file(s):", false},
	{[]string{"ignoreip", "addignoreip", "delignoreip"}, "No IP address/network is ignored", "These IP addresses/networks are ignored:", false},
	{[]string{"failregex", "addfailregex", "delfailregex", "ignoreregex", "addignoreregex", "delignoreregex"},
		"No regular expression is defined", "The following regular expression are defined:", true},
}

func shownAttribute(c []string, answer any) (string, bool) {
	for _, l := range attributeLists {
		for _, option := range l.options {
			if option == c[2] {
				return shownList(items(answer), l.none, l.title, l.numbered), true
			}
		}
	}
	switch c[2] {
	case "logencoding":
		return "Current log encoding is set to:\n" + pickle.Text(answer), true
	case "journalmatch", "addjournalmatch", "deljournalmatch":
		return shownMatches(items(answer)), true
	case "datepattern":
		return "Current date pattern set to: " + shownPattern(answer), true
	case "actions":
		return shownNames(answer, "No actions for jail "+c[1], "The jail "+c[1]+" has the following actions:\n"), true
	case "actionproperties", "actionmethods":
		kind := strings.TrimPrefix(c[2], "action")
		action := c[len(c)-1]
		return shownNames(answer, fmt.Sprintf("No %s for jail %s action %s", kind, c[1], action),
			fmt.Sprintf("The jail %s action %s has the following %s:\n", c[1], action, kind)), true
	case "banip":
		return shownBans(c, answer), c[0] == "get"
	}
	return "", false
}

func shownList(list []any, none, title string, numbered bool) string {
	if len(list) == 0 {
		return none
	}
	lines := []string{title}
	for i, item := range list {
		sign, _ := branch(i, len(list))
		text := pickle.Text(item)
		if numbered {
			text = fmt.Sprintf("[%d]: %s", i, text)
		}
		lines = append(lines, sign+" "+text)
	}
	return strings.Join(lines, "\n")
}

func shownMatches(list []any) string {
	if len(list) == 0 {
		return "No journal match filter set"
	}
	var texts []string
	for _, m := range list {
		texts = append(texts, joinTexts(m, " "))
	}
	return "Current match filter:\n" + strings.Join(texts, " + ")
}

func shownPattern(answer any) string {
	if answer == nil {
		return "Not set/required"
	}
	p := items(answer)
	if len(p) < 2 {
		return pickle.Text(answer)
	}
	if p[0] == nil {
		return pickle.Text(p[1])
	}
	return fmt.Sprintf("%s (%s)", pickle.Text(p[0]), pickle.Text(p[1]))
}

func shownNames(answer any, none, title string) string {
	if len(items(answer)) == 0 {
		return none
	}
	return title + joinTexts(answer, ", ")
}

// shownBans shows the list of bans with the separator that was asked for.
func shownBans(c []string, answer any) string {
	between := " "
	if len(c) > 3 {
		between = c[3]
	}
	if between == "--with-time" {
		between = "\n"
	}
	return joinTexts(answer, between)
}
