package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"picket/actions/measure"
)

// Unit stops or restarts a systemd unit (argument unit). Stopping lasts until it is lifted, which starts it again.
type Unit struct {
	Verb string // "stop" or "restart"
}

var _ measure.Doer = (*Unit)(nil)

// unitTimeout bounds one call of systemctl; systemd's own default for a stop is 90 seconds.
const unitTimeout = 100 * time.Second

// unitName is what systemd allows in a unit's name (systemd.unit(5)), and no leading dash.
var unitName = regexp.MustCompile(`^[A-Za-z0-9_@:][A-Za-z0-9_@:.\\-]{0,254}$`)

// kept lists units that no measure may stop: without them nobody could log in to lift it.
var kept = []string{"ssh", "sshd", "dbus", "systemd-", "init", "picket", "-.mount", "user@", "network", "NetworkManager"}

// Able implements measure.Doer.
func (u *Unit) Able() error {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return errors.New("systemd does not run on this host")
	}
	_, err := exec.LookPath("systemctl")
	return err
}

func unitOf(o *measure.Order) (string, error) {
	name := o.Measure.Args["unit"]
	if !unitName.MatchString(name) {
		return "", fmt.Errorf("unit %q is not the name of a systemd unit (give unit: nginx.service)", name)
	}
	return name, spared(name)
}

// spared is an error for the name of a unit that no measure may touch.
func spared(name string) error {
	for _, k := range kept {
		if strings.HasPrefix(name, k) {
			return fmt.Errorf("unit %s: refused: this host cannot be reached or run without it", name)
		}
	}
	return nil
}

// Plan implements measure.Doer. It pins which run of the unit is meant, so that a restart can be told from none.
func (u *Unit) Plan(ctx context.Context, o *measure.Order) (measure.Plan, error) {
	name, err := unitOf(o)
	if err != nil {
		return measure.Plan{}, err
	}
	s, err := show(ctx, name)
	args := map[string]string{beforeKey: s.invocation}
	maps.Copy(args, o.Measure.Args) // what was pinned first stays
	return measure.Plan{
		Target: name, Args: args, Steps: []string{"systemctl " + u.Verb + " " + name},
		Lasting: u.Verb == "stop", For: o.Measure.For,
	}, err
}

// beforeKey is the argument that holds the InvocationID of before.
const beforeKey = "invocation"

// unitState is what systemd says of a unit.
type unitState struct {
	active     string // active, inactive, failed, activating …
	invocation string // of the run at hand; each start has another
}

// show asks systemd for a unit. One that systemd does not know is an error, and one that goes by another name, too, if
// that must not be touched.
func show(ctx context.Context, name string) (unitState, error) {
	out, err := systemctl(ctx, "show", "--property=Id,LoadState,ActiveState,InvocationID", "--", name)
	if err != nil {
		return unitState{}, err
	}
	values := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[key] = value
	}
	if loaded := values["LoadState"]; loaded != "loaded" && loaded != "masked" {
		return unitState{}, fmt.Errorf("unit %s is %s (systemctl list-units --all)", name, cmp.Or(loaded, "unknown to systemd"))
	}
	if err := spared(values["Id"]); err != nil {
		return unitState{}, fmt.Errorf("unit %s: %w", name, err)
	}
	return unitState{values["ActiveState"], values["InvocationID"]}, nil
}

func systemctl(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, unitTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "systemctl", append([]string{"--no-ask-password"}, args...)...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return strings.TrimSpace(string(out)), err
}

// Do implements measure.Doer.
func (u *Unit) Do(ctx context.Context, o *measure.Order) (measure.Result, error) {
	name, err := unitOf(o)
	if err != nil {
		return measure.Result{}, err
	}
	if o.Again && u.Verb == "restart" {
		return measure.Result{}, fmt.Errorf("restart of %s was begun before picket ended, and it is not known whether it was done (order it again if it was not)", name)
	}
	out, err := systemctl(ctx, u.Verb, "--", name)
	return measure.Result{Output: said("systemctl %s %s\n%s\n", u.Verb, name, out)}, err
}

// Prove implements measure.Doer: stopped is inactive or failed and nothing else, restarted is active in another run.
func (u *Unit) Prove(ctx context.Context, o *measure.Order) (string, error) {
	name, err := unitOf(o)
	if err != nil {
		return "", err
	}
	s, err := show(ctx, name)
	if err != nil {
		return "", err
	}
	stopped := s.active == "inactive" || s.active == "failed"
	switch {
	case u.Verb == "stop" && !stopped, u.Verb == "restart" && s.active != "active":
		return "", fmt.Errorf("unit %s is %s after %s", name, s.active, u.Verb)
	case u.Verb == "restart" && s.invocation == o.Measure.Args[beforeKey]:
		return "", fmt.Errorf("unit %s runs as before: it was not started anew", name)
	}
	return fmt.Sprintf("unit %s is %s", name, s.active), nil
}

// Undo implements measure.Doer.
func (u *Unit) Undo(ctx context.Context, o *measure.Order) error {
	if u.Verb != "stop" {
		return errors.New("a restart cannot be taken back")
	}
	name, err := unitOf(o)
	if err != nil {
		return err
	}
	if _, err := systemctl(ctx, "start", "--", name); err != nil {
		return err
	}
	s, err := show(ctx, name)
	if err == nil && s.active == "failed" {
		err = fmt.Errorf("unit %s has failed after start", name)
	}
	return err
}
