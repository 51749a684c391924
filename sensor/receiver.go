package sensor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"picket/rules"
	"picket/watch"
	"picket/watch/logs"
)

// syslogSource is the one source of all messages that are received.
const syslogSource = "syslog"

// syslog checks where messages are received. Who can send there can have anyone banned, so an address that other hosts
// reach wants the senders named.
func (v *validation) syslog(l *LogsConfig) {
	from := false
	for i, text := range l.Syslog {
		key := fmt.Sprintf("logs.syslog[%d]", i)
		a, err := logs.ParseSyslogAddress(text)
		v.check(err == nil, key, "udp://127.0.0.1:514, tcp://[::1]:601, unix:///run/picket/log", "%q: %v", text, err)
		v.check(err != nil || a.Local() || len(l.SyslogFrom) > 0, key,
			"name the senders in logs.syslog-from, such as [192.0.2.0/24], or write udp://127.0.0.1:514", "other hosts reach %s, and may have anyone banned", text)
		from = from || err == nil && !strings.HasPrefix(a.Network, "unix")
	}
	for i, p := range l.SyslogFrom {
		v.check(p.Prefix.IsValid() && p.System == 0, fmt.Sprintf("logs.syslog-from[%d]", i), "192.0.2.7 or 2001:db8::/32", "a sender is known by its address, not by name or AS")
	}
	v.check(len(l.SyslogFrom) == 0 || from || len(v.told)+len(v.faults) > 0, "logs.syslog-from", "give one in logs.syslog", "no address of UDP or TCP is listened on")
}

// openSyslog opens the receiver, if there is to be one. It works until picket ends, whatever becomes of the jails.
func (s *Sensor) openSyslog(c *LogsConfig) (err error) {
	if len(c.Syslog) == 0 {
		return nil
	}
	var from []netip.Prefix
	for _, p := range c.SyslogFrom {
		from = append(from, p.Prefix)
	}
	s.syslog, err = logs.NewSyslog(logs.SyslogConfig{
		Name: syslogSource, Host: s.host, Listen: c.Syslog, Allow: from, Warn: func(err error) { s.log.Warn("syslog", "error", err) },
	})
	if err != nil {
		return fmt.Errorf("%w (logs.syslog)", err)
	}
	s.log.Info("syslog is received", "on", strings.Join(c.Syslog, " "), "from", from)
	return nil
}

// noHearer is the warning for a receiver whose messages nobody judges.
const noHearer = "logs.syslog: messages are received, and no jail judges them (syslog in a rule, syslog:NAME in a logpath)"

// unheard tells whether messages are received that no jail judges.
func unheard(c *LogsConfig, jails []rules.Settings) bool {
	return len(c.Syslog) > 0 && !slices.ContainsFunc(jails, func(j rules.Settings) bool { return len(j.Syslog) > 0 })
}

// settleSyslog takes the programs from a jail when nothing is received, and tells whether there were any.
func (c *LogsConfig) settleSyslog(j *rules.Settings) bool {
	wanted := len(j.Syslog) > 0 && len(c.Syslog) == 0
	if wanted {
		j.Syslog = nil
	}
	return wanted
}

// errNoSource refuses a jail that would never see a line.
var errNoSource = errors.New("neither a log file nor a journal match is known, nor a program whose messages are received (logs.syslog)")

// checkSource refuses a jail without a source.
func checkSource(j *rules.Settings) error {
	if len(j.Logs)+len(j.Journal)+len(j.Syslog) == 0 {
		return errNoSource
	}
	return nil
}

// programs are those that a jail hears, as logpath writes them.
func programs(j *rules.Settings) (list []string) {
	for _, name := range j.Syslog {
		list = append(list, rules.SyslogPrefix+name)
	}
	return list
}

// watchAll runs the receiver of syslog messages and, beside it, the watchers of files and journal.
func (s *Sensor) watchAll(ctx context.Context) error {
	if s.syslog == nil {
		return s.keepWatching(ctx)
	}
	ctx, stop := context.WithCancel(ctx)
	received := make(chan error, 1)
	go func() { received <- s.syslog.Run(ctx, s.judge.batches) }()
	err := s.keepWatching(ctx)
	stop()
	return errors.Join(err, <-received)
}

// maxProgram is the longest name that is remembered; RFC 5424 allows 48 bytes.
const maxProgram = 64

// jailsOf returns the jails that are to see a line: of a log all that read it, of syslog those that hear its program.
func (r *reader) jailsOf(o *watch.Observation) []*jailPost {
	if r.programs == nil {
		return r.jails
	}
	program, _ := o.Field("app")
	list, known := r.programs[string(program)]
	if known {
		return list
	}
	for _, post := range r.jails {
		if post.settings.Hears(string(program)) {
			list = append(list, post)
		}
	}
	if len(program) <= maxProgram {
		if len(r.programs) >= maxOrigins {
			clear(r.programs)
		}
		r.programs[string(program)] = list
	}
	return list
}

// overNetwork tells whether a line came from the network: whoever may send, or can forge who he is, has written all of it.
func overNetwork(o *watch.Observation) bool {
	if o.Origin.Source != syslogSource {
		return false
	}
	peer, _ := o.Field("peer")
	return peer != nil
}

// received are the counters of the receiver; nil without one.
func (s *Sensor) received() map[string]uint64 {
	if s.syslog == nil {
		return nil
	}
	all := map[string]uint64{}
	for _, c := range s.syslog.Counters() {
		all[c.Name] = c.Value
	}
	return all
}
