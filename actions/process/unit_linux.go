package process

import (
	"context"
	"errors"
	"fmt"
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
	for _, k := range kept {
		if strings.HasPrefix(name, k) {
			return "", fmt.Errorf("unit %s: refused: this host cannot be reached or run without it", name)
		}
	}
	return name, nil
}

// Plan implements measure.Doer.
func (u *Unit) Plan(_ context.Context, o *measure.Order) (measure.Plan, error) {
	name, err := unitOf(o)
	return measure.Plan{
		Target: name, Steps: []string{"systemctl " + u.Verb + " " + name},
		Lasting: u.Verb == "stop", For: o.Measure.For,
	}, err
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

// Prove implements measure.Doer.
func (u *Unit) Prove(ctx context.Context, o *measure.Order) (string, error) {
	name, err := unitOf(o)
	if err != nil {
		return "", err
	}
	state, _ := systemctl(ctx, "is-active", "--", name) // says "inactive" with an exit code
	if (u.Verb == "stop") == (state == "active") {
		return "", fmt.Errorf("unit %s is %s after %s", name, state, u.Verb)
	}
	return fmt.Sprintf("unit %s is %s", name, state), nil
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
	_, err = systemctl(ctx, "start", "--", name)
	return err
}
