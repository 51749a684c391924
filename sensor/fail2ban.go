package sensor

import (
	"cmp"
	"context"
	"errors"

	"picket/outputs/fail2ban"
	"picket/rules"
	f2b "picket/rules/fail2ban"
)

// fail2banHost lets fail2ban's clients ask about the jails.
type fail2banHost struct{ *Sensor }

var _ fail2ban.Host = fail2banHost{}

// BanLog implements fail2ban.Host.
func (h fail2banHost) BanLog() (path, level string) {
	path = cmp.Or(h.banLog.path, "STDERR")
	for name, n := range banLogLevels {
		if n == h.banLog.least {
			level = name
		}
	}
	return path, level
}

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

// serveFail2ban answers fail2ban's clients until ctx ends. Its end is no end of picket. When a client has stopped all jails
// the socket is gone, as fail2ban's would be, until StartJails opens it again.
func (s *Sensor) serveFail2ban(ctx context.Context) {
	for l := s.fail2ban; l != nil; {
		err := fail2ban.Serve(ctx, l, fail2banHost{s})
		if !errors.Is(err, fail2ban.ErrStopped) {
			if err != nil {
				s.log.Error("fail2ban's clients are answered no more", "error", err)
			}
			return
		}
		s.log.Warn("fail2ban-client has stopped all jails: their bans are lifted, no log is judged (fail2ban-client start lets them work again)")
		select {
		case l = <-s.reopened:
		case <-ctx.Done():
			return
		}
	}
}

// StartJails lets all jails work again after fail2ban-client's stop, with the configuration as it is now, and opens
// fail2ban's socket again.
func (s *Sensor) StartJails(ctx context.Context) error {
	switch {
	case s.judge == nil:
		return errors.New("no jail is configured (logs in picket's configuration says which)")
	case len(s.posted()) > 0:
		return errors.New("the jails are at work already")
	}
	if err := s.ReloadJails(ctx, rules.ReloadOptions{}); err != nil {
		return err
	}
	l, err := fail2ban.Listen(s.config.Load().Logs.fail2banSocket())
	if err != nil {
		return err
	}
	select {
	case s.reopened <- l:
		return nil
	default: // somebody else was quicker
		return l.Close()
	}
}
