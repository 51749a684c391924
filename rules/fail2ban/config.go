package fail2ban

import (
	"errors"
	"fmt"
	"strings"
)

// Version is the version of fail2ban whose behaviour is kept; %(fail2ban_version)s.
const Version = "1.1.2"

// Config is a whole configuration.
type Config struct {
	Dir    string
	Server Server
	Jails  []*Jail // enabled ones in the order of their sections, those that can't be used among them
	Faults []*Fault
}

// Server is fail2ban.conf.
type Server struct {
	SyslogSocket, LogLevel, LogTarget, AllowIPv6, DBFile, DBPurgeAge string
	DBMaxMatches                                                     int // -1 if not said
	Socket, PIDFile                                                  string
}

// Load reads a configuration directory whole. Faults that leave the rest usable are in the Config; the error tells that
// there is nothing to use: fail2ban would not start with it either.
func Load(dir string) (*Config, error) {
	l := newLibrary(strings.TrimRight(dir, "/"))
	c := &Config{Dir: l.dir}
	server, err := l.readServer()
	if err != nil {
		return nil, fmt.Errorf("read fail2ban.conf: %w", err)
	}
	c.Server = server
	conf := l.read("jail")
	if conf == nil {
		return nil, fmt.Errorf("read jail.conf: no such file in %s, or none in UTF-8", l.dir)
	}
	conf.defaults.setText("fail2ban_version", Version)
	conf.defaults.setText("fail2ban_confpath", l.dir)
	fatal := l.readJails(c, conf)
	c.Faults = l.faults
	return c, errors.Join(fatal...)
}

// readJails reads all sections; every fault is kept, so that one look shows them all.
func (l *library) readJails(c *Config, conf *layers) (fatal []error) {
	names := append([]string(nil), conf.names...)
	for _, name := range names {
		if name == "INCLUDES" || strings.HasPrefix(name, "KNOWN/") {
			continue
		}
		j, err := l.readJail(conf, name)
		if err != nil {
			f := faultOf(name, err)
			l.faults = append(l.faults, f)
			fatal = append(fatal, f)
			continue
		}
		if j == nil {
			continue
		}
		if j.Skipped != "" {
			l.faults = append(l.faults, &Fault{At: firstLine(conf.sections[name]), Jail: name, Problem: j.Skipped})
		}
		c.Jails = append(c.Jails, j)
	}
	return fatal
}

func faultOf(jail string, err error) *Fault {
	f := &Fault{Jail: jail, Problem: err.Error(), Fatal: true}
	var wrong *interpolationError
	if errors.As(err, &wrong) {
		f.At = wrong.at
	}
	return f
}

// firstLine returns where a section's last written option stands: the place to look for it.
func firstLine(section *table) Position {
	var at Position
	for _, n := range section.names {
		if v := section.of[n]; v.at.File != "" && (at.File == "" || v.at.File == at.File && v.at.Line < at.Line) {
			at = v.at
		}
	}
	return at
}

func (l *library) readServer() (Server, error) {
	s := Server{
		SyslogSocket: "auto", LogLevel: "INFO", LogTarget: "STDERR", AllowIPv6: "auto",
		DBFile: "/var/lib/fail2ban/fail2ban.sqlite3", DBPurgeAge: "1d", DBMaxMatches: -1,
		Socket: "/var/run/fail2ban/fail2ban.sock", PIDFile: "/var/run/fail2ban/fail2ban.pid",
	}
	conf := l.read("fail2ban")
	if conf == nil {
		return s, nil
	}
	texts := map[string]*string{
		"syslogsocket": &s.SyslogSocket, "loglevel": &s.LogLevel, "logtarget": &s.LogTarget, "allowipv6": &s.AllowIPv6,
		"dbfile": &s.DBFile, "dbpurgeage": &s.DBPurgeAge, "socket": &s.Socket, "pidfile": &s.PIDFile,
	}
	for name, to := range texts {
		v, err := conf.getAny(definitionSection, name, nil)
		switch {
		case err == nil:
			*to = v.text
		case !isMissing(err):
			return s, err
		}
	}
	if v, err := conf.getAny(definitionSection, "dbmaxmatches", nil); err == nil {
		s.DBMaxMatches = l.number("dbmaxmatches", v, -1)
	}
	return s, nil
}
