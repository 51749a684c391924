package fail2ban

import (
	"context"
	"errors"
	"slices"

	"picket/outputs/fail2ban/pickle"
	"picket/rules"
)

// add adds a jail that does nothing yet: add JAIL [BACKEND].
func (a answerer) add(ctx context.Context, args words) (any, error) {
	name, err := args.word(0)
	if err != nil {
		return nil, err
	}
	if name == "--all" {
		return nil, valueError("Reserved name '--all'")
	}
	backend := "auto"
	if len(args) > 1 {
		backend = pickle.Text(args[1])
	}
	if !slices.Contains(backends, backend) {
		return nil, valueError("Unknown backend %s. Must be among %s or 'auto'", backend, pickle.Repr(backends[1:]))
	}
	s := rules.Settings{Name: name, Backend: backend}
	s.Limits = rules.Limits{Jail: name, MaxRetry: 3, Window: 600, BanSeconds: 600}
	s.Filter.Name = name
	if err := a.host.AddJail(ctx, s); errors.Is(err, rules.ErrHaveJail) {
		return nil, &pickled{pickle.Object{Module: "fail2ban.exceptions", Name: "DuplicateJailException", Args: pickle.Tuple{name}}}
	} else if err != nil {
		return nil, err
	}
	return name, nil
}

// backends are fail2ban's names for how a log is read.
var backends = []string{"auto", "pyinotify", "polling", "systemd"}

func (a answerer) start(ctx context.Context, args words) (any, error) {
	name, err := args.word(0)
	if err != nil {
		return nil, err
	}
	return nil, named(name, a.host.StartJail(ctx, name))
}

// stop stops a jail, or all of them: then the server is gone for its clients, while picket has other work and goes on.
func (a answerer) stop(ctx context.Context, args words) (any, error) {
	if len(args) == 0 || args[0] == "--all" {
		return shutdown{}, a.host.StopJails(ctx)
	}
	name := pickle.Text(args[0])
	return nil, named(name, a.host.StopJail(ctx, name))
}

// reload reads the configuration anew: reload JAIL|--all [OPTIONS] [COMMANDS]. The commands that fail2ban's client made of
// the configuration it has read itself are not needed: picket reads the files.
func (a answerer) reload(ctx context.Context, args words) (any, error) {
	var o rules.ReloadOptions
	if len(args) > 0 && args[0] != "--all" {
		o.Jail = pickle.Text(args[0])
	}
	if len(args) > 1 {
		list, _ := listOf(args[1])
		for _, option := range list {
			switch option {
			case "--restart":
				o.Restart = true
			case "--unban":
				o.Unban = true
			case "--if-exists":
				o.IfExists = true
			}
		}
	}
	if err := a.host.ReloadJails(ctx, o); err != nil {
		return nil, named(o.Jail, err)
	}
	return "OK", nil
}

func (a answerer) flushLogs(ctx context.Context, _ words) (any, error) {
	return "rolled over", a.host.FlushLogs(ctx)
}
