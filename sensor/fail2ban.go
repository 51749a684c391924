package sensor

import (
	"context"
	"errors"

	"picket/outputs/fail2ban"
	"picket/rules"
	f2b "picket/rules/fail2ban"
)

// fail2banHost lets fail2ban's clients ask about the jails.
type fail2banHost struct{ rules.Warden }

var _ fail2ban.Host = fail2banHost{}

// StopJails implements fail2ban.Host.
func (h fail2banHost) StopJails(ctx context.Context) error {
	names, err := h.Jails(ctx)
	for _, name := range names {
		if e := h.StopJail(ctx, name); !errors.Is(e, rules.ErrNoJail) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// noSocket is what logs.fail2ban-socket says for none.
const noSocket = "off"

// prepareFail2ban opens fail2ban's socket where jails of fail2ban are at work. When fail2ban itself answers there, picket
// goes on without: two servers must not be taken for one.
func (s *Sensor) prepareFail2ban(o *RunOptions) error {
	path := o.Config.Logs.fail2banSocket()
	if path == "" || len(s.posted()) == 0 {
		return nil
	}
	l, err := fail2ban.Listen(path)
	if err != nil {
		s.log.Warn("fail2ban's clients are not answered", "error", err)
		return nil
	}
	s.fail2ban = l
	return nil
}

// fail2banSocket returns where fail2ban's clients look for their server, "" for nowhere: what the configuration says, or
// what fail2ban.conf says where its jails are at work.
func (c *LogsConfig) fail2banSocket() string {
	switch {
	case c.Socket == noSocket:
		return ""
	case c.Socket != "":
		return c.Socket
	case c.Fail2ban == "":
		return ""
	}
	server, _ := f2b.ReadServer(c.Fail2ban) // its faults were told with the jails
	return server.Socket
}

// serveFail2ban answers fail2ban's clients until ctx ends. Its end is no end of picket.
func (s *Sensor) serveFail2ban(ctx context.Context) {
	if s.fail2ban == nil {
		return
	}
	if err := fail2ban.Serve(ctx, s.fail2ban, fail2banHost{s}); err != nil {
		s.log.Error("fail2ban's clients are answered no more", "error", err)
	}
}
