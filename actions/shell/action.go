package shell

import (
	"fmt"
	"strings"
	"time"

	"picket/rules"
	"picket/rules/fail2ban"
)

// action is one action of a jail, and what of it has been started.
type action struct {
	name       string
	properties map[string]string
	families   []string        // it is started for each of them; "" for one that knows no families
	onDemand   bool            // started before the first ban of a family
	noRestored bool            // not run for bans that were made before the last start
	started    map[string]bool // by family
	banned     map[string]bool // by family: something was banned since the start
	epoch      int             // how often the environment was made anew
	epochOf    map[string]int  // the epoch in which a party was banned, by its ID
	timeout    time.Duration
	mail       *mailer // smtp.py; nil for commands
}

func newAction(jail string, a *rules.Action) *action {
	out := &action{name: a.Name, properties: map[string]string{}, families: []string{""}, started: map[string]bool{}, banned: map[string]bool{}, epochOf: map[string]int{}, timeout: defaultTimeout}
	conditional := false
	for _, o := range a.Options {
		out.properties[o.Name] = o.Text
		conditional = conditional || strings.Contains(o.Name, "?family=")
	}
	out.onDemand = conditional
	if conditional {
		out.families = []string{family4, family6}
	}
	if text, said := a.Option("actionstart_on_demand"); said && text != "" {
		out.onDemand = isTrue(text)
	}
	out.noRestored = isTrue(out.properties["norestored"])
	if a.File == SMTPScript {
		out.mail, out.noRestored = newMailer(jail, a), true
	}
	if seconds, err := fail2ban.Seconds(out.properties["timeout"]); err == nil && seconds > 0 {
		out.timeout = time.Duration(seconds * float64(time.Second))
	}
	return out
}

func isTrue(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "1", "on", "true", "yes":
		return true
	}
	return false
}

// startedAs is the family under which something for a ticket's family is started.
func (a *action) startedAs(family string) string {
	if len(a.families) == 1 {
		return ""
	}
	if family == "" {
		return family4 // what is no address is taken for IPv4's
	}
	return family
}

// operate runs one operation. When it fails and the action's check says that its environment is gone, that is made anew
// and the operation tried once more.
func (r *Runner) operate(a *action, operation, family string, dynamic func(string) (string, bool)) error {
	if a.mail != nil {
		return a.mail.operate(operation, dynamic, a.timeout)
	}
	c, err := a.compose(operation, family, dynamic)
	if err != nil || c.text == "" {
		return err
	}
	if err = execute(c, a.timeout); err == nil {
		return nil
	}
	check, bad := a.compose("actioncheck", family, r.environment(family))
	if bad != nil || check.text == "" || operation == "actionstart" || operation == "actionstop" || execute(check, a.timeout) == nil {
		return fmt.Errorf("%s of action %s: %w", operation, a.name, err)
	}
	r.tell("ERROR", "Invariant check failed. Trying to restore a sane environment")
	if bad := r.restore(a, family); bad != nil {
		r.tell("CRITICAL", "Unable to restore environment")
		return fmt.Errorf("%s of action %s: %w; environment not restored: %w", operation, a.name, err, bad)
	}
	if err = execute(c, a.timeout); err != nil {
		return fmt.Errorf("%s of action %s: %w", operation, a.name, err)
	}
	return nil
}

// restore makes an action's environment anew: by its actionrepair, or by stopping and starting it.
func (r *Runner) restore(a *action, family string) error {
	a.epoch++
	if text, _ := a.option("actionrepair", family); text != "" {
		return r.operate(a, "actionrepair", family, r.environment(family))
	}
	_ = r.operate(a, "actionstop", family, r.environment(family)) // what is half there may refuse to go
	a.started[family] = false
	return r.start(a, family)
}

func (r *Runner) start(a *action, family string) error {
	if a.started[family] {
		return nil
	}
	if err := r.operate(a, "actionstart", family, r.environment(family)); err != nil {
		return err
	}
	a.started[family] = true
	return nil
}
