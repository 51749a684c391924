package fail2ban

import (
	"fmt"
	"path/filepath"
)

// ReadServer reads fail2ban.conf alone: where the socket and the database are.
func ReadServer(dir string) (Server, error) {
	s, err := newLibrary(dir).readServer()
	if err != nil {
		return s, fmt.Errorf("read fail2ban.conf in %s: %w", dir, err)
	}
	return s, nil
}

// PurgeAge is how many seconds the database keeps a ban that is over: a day if it isn't said, or not understood.
func (s *Server) PurgeAge() float64 {
	if v, err := Seconds(s.DBPurgeAge); err == nil && v > 0 {
		return v
	}
	return 24 * 60 * 60
}

// SplitShell cuts a text into words as a shell would: quotes hold words together.
func SplitShell(text string) []string { return splitShell(text) }

// Spec is a filter or an action as jails name it: name[param=value, …].
type Spec struct {
	Name    string
	Options []Pair // in the order written
}

// ParseOptions reads a filter or an action as jails name it, with its parameters in order.
func ParseOptions(text string) (Spec, error) {
	name, t, err := splitParameters(text)
	if err != nil {
		return Spec{}, err
	}
	s := Spec{Name: name}
	for _, n := range t.names {
		s.Options = append(s.Options, Pair{n, t.of[n].text})
	}
	return s, nil
}

// Map returns the parameters by name.
func (s *Spec) Map() map[string]string {
	m := map[string]string{}
	for _, o := range s.Options {
		m[o.Name] = o.Text
	}
	return m
}

// ReadFilterFile reads a filter that stands outside of filter.d, with what it includes and no .local beside it.
func ReadFilterFile(path string, params map[string]string, journal bool) (*Filter, []*Fault, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, err
	}
	l := newLibrary(filepath.Dir(abs))
	files := l.withIncludes([]string{abs}, nil)
	read := &layers{document: *newDocument(), files: files}
	for _, f := range files {
		read.add(l.file(f))
	}
	l.layers[filepath.Join("filter.d", abs)] = read
	return l.readFilter(abs, params, journal)
}
