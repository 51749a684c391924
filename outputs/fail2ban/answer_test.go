package fail2ban

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket/outputs/fail2ban/pickle"
	f2b "picket/rules/fail2ban"
)

const kit = "../../../shared/kits/fail2ban/"

// differently are the commands of the kit that picket answers otherwise, and why.
var differently = map[string]string{
	"version":                            "the release whose behaviour is kept, 1.1.2",
	"status sshd stats":                  "broken upstream",
	"get sshd actionproperties dummyban": "other properties: attributes of Python's class are not there",
	"get logtarget":                      "picket's own log",
	"get dbfile":                         "no database of fail2ban's",
	"get dbpurgeage":                     "no database of fail2ban's",
	"get dbmaxmatches":                   "no database of fail2ban's",
	"set loglevel INFO":                  "picket's own log",
	"status":                             "its second run, after stop, is told apart by its place",
	"stop":                               "stops the prison for all that follow",
}

// TestKit plays the kit's session: the same commands in the same order, and the texts that fail2ban-client 1.1.2 printed.
func TestKit(t *testing.T) {
	text, err := os.ReadFile(kit + "client-output.txt")
	if err != nil {
		t.Skip("the kit is not here: ", err)
	}
	filter, _, err := f2b.ReadFilter(kit+"config", "sshd", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	a := answerer{twoJails(filter.FailRegex)}
	equal := 0
	for _, m := range regexp.MustCompile(`(?s)\$ fail2ban-client ([^\n]*)\n(.*?)\[exit (\d+)\]\n`).FindAllStringSubmatch(string(text), -1) {
		command, want, exit := m[1], m[2], m[3]
		got, failed := ask(t, a, strings.Fields(command))
		if differently[command] != "" {
			continue
		}
		if exit != "0" {
			want = want[strings.Index(want, "\n")+1:] // the log line on stderr
		}
		if diff := cmp.Diff(want, got+"\n"); diff != "" || failed != (exit != "0") {
			t.Errorf("%s (failed: %v): %s", command, failed, diff)
			continue
		}
		equal++
	}
	t.Logf("%d commands answered as by fail2ban", equal)
}

// TestPasswordHidden: no answer has the password of an action.
func TestPasswordHidden(t *testing.T) {
	p := twoJails(nil)
	p.jails[0].Settings.Actions[0].Set("password", "hunter2")
	for _, command := range []string{"get sshd action dummyban password", "set sshd action dummyban password hunter3"} {
		if got, _ := ask(t, answerer{p}, strings.Fields(command)); got != f2b.Hidden {
			t.Errorf("%s: %q", command, got)
		}
	}
}

// ask sends a command through pickle and back.
func ask(t *testing.T, a answerer, args []string) (text string, failed bool) {
	t.Helper()
	command := make([]any, len(args))
	for i, w := range args {
		command[i] = w
	}
	if args[0] == "reload" || args[0] == "restart" { // what the client makes of them
		jail := "--all"
		if len(args) > 1 {
			jail = args[1]
		}
		command = []any{"reload", jail, []any{}, []any{}}
	}
	message, err := pickle.Encode(command)
	if err != nil {
		t.Fatal(err)
	}
	reply, _ := a.reply(context.Background(), message)
	v, err := answerOf(reply)
	var refused *Refused
	if errors.As(err, &refused) {
		return BeautifyError(refused.Exception), true
	}
	if err != nil {
		t.Fatal(err)
	}
	return Beautify(command, v), false
}
