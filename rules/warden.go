package rules

import (
	"context"
	"errors"
	"fmt"
)

// Warden keeps the running jails: what the verbs of picket and of fail2ban-client ask for. The sensor implements it. Every
// method may be called by any goroutine and waits for the judge, who owns the jails.
type Warden interface {
	// Jails returns the names of the running jails in the order of the configuration.
	Jails(ctx context.Context) ([]string, error)
	// Jail reports one jail; the report is the caller's.
	Jail(ctx context.Context, name string) (Report, error)
	// Change lets change edit a copy of a jail's settings and puts them in force as a whole: counters and bans stay. When
	// change returns an error, or the settings can't work, nothing is changed. Logs that are new are read from where they
	// say. An empty name is ErrNoJail.
	Change(ctx context.Context, name string, change func(*Settings) error) error

	// BanIn bans parties by hand, through the gate, with all actions of the jail. It returns how many are banned that
	// were not before. The error of the first that the gate refuses comes with the number of the others.
	BanIn(ctx context.Context, jail string, ids []string) (int, error)
	// UnbanIn lifts bans in a jail, or in all jails if jail is "". A network lifts all that lies in it. It returns how
	// many were lifted, and which ids were not banned.
	UnbanIn(ctx context.Context, jail string, ids []string) (lifted int, absent []string, err error)
	// UnbanAll lifts every ban of a jail, or of all jails if jail is "".
	UnbanAll(ctx context.Context, jail string) (int, error)
	// Attempt counts one failure of a party, with lines as evidence, and returns how many it has now.
	Attempt(ctx context.Context, jail, id string, matches []string) (int, error)

	// AddJail adds a jail, stopped (ErrHaveJail if its name is taken); StartJail lets it work. StopJail lifts its bans, ends
	// its actions and takes it away. One that is added again under the same name goes on with what it has counted, and its
	// start makes the bans again for the time that is left of them.
	AddJail(ctx context.Context, s Settings) error
	StartJail(ctx context.Context, name string) error
	StopJail(ctx context.Context, name string) error
	// ReloadJails reads the configuration anew: jails that are new start, those that are gone stop, all others go on
	// with their counters and bans.
	ReloadJails(ctx context.Context, o ReloadOptions) error
	// FlushLogs opens the log of bans anew after a rotation.
	FlushLogs(ctx context.Context) error
}

// ReloadOptions say what to read anew.
type ReloadOptions struct {
	Jail     string // "" for all
	Restart  bool   // stop and start, instead of changing what is at work
	Unban    bool   // lift the bans of what is reloaded
	IfExists bool   // a jail that is not configured is no error
}

// ErrNoJail is the answer to questions about a jail that is not running.
var ErrNoJail = errors.New("no such jail")

// ErrHaveJail is the answer to adding a jail that is there already.
var ErrHaveJail = errors.New("the jail is there already")

// HaveJail names the jail that is there already.
func HaveJail(name string) error { return fmt.Errorf("%w: %s", ErrHaveJail, name) }

// NoJail names the jail that is not running.
func NoJail(name string) error { return fmt.Errorf("%w: %s", ErrNoJail, name) }
