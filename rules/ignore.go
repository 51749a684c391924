package rules

import (
	"bufio"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"
)

// Spared is a list of parties whose failures never count, ready to be asked. It belongs to one goroutine.
type Spared struct {
	prefixes []netip.Prefix
	names    []string // of hosts; what is no address counts by its name
	files    []*ignoreFile
	resolve  func(name string) []netip.Addr
	self     func() []netip.Addr // nil: this host counts like any other
}

// NewSpared reads a list as fail2ban's ignoreip has it. resolve looks names up and remembers; self returns this host's
// addresses.
func NewSpared(i *Ignoring, resolve func(string) []netip.Addr, self func() []netip.Addr) *Spared {
	l := &Spared{resolve: resolve}
	for _, text := range i.List {
		l.add(text)
	}
	if i.Self {
		l.self = self
	}
	return l
}

func (l *Spared) add(text string) {
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		l.files = append(l.files, &ignoreFile{path: strings.TrimPrefix(path, "//")})
		return
	}
	if p, ok := parsePrefix(text); ok {
		l.prefixes = append(l.prefixes, p)
		return
	}
	l.names = append(l.names, text)
}

// Contains tells whether failures of somebody never count; the address is invalid for what has none.
func (l *Spared) Contains(id string, a netip.Addr) bool { return l.By(id, a) != "" }

// By tells in fail2ban's words by what somebody is spared: "ip", "dns", "ignoreself rule"; "" if he is not.
func (l *Spared) By(id string, a netip.Addr) string {
	if l.self != nil && a.IsValid() && has(l.self(), a) {
		return "ignoreself rule"
	}
	if l.listed(id, a) {
		return "ip"
	}
	for _, name := range l.names {
		if a.IsValid() && l.resolve != nil && has(l.resolve(name), a) {
			return "dns"
		}
	}
	for _, f := range l.files {
		if by := f.list(l).By(id, a); by != "" {
			return by
		}
	}
	return ""
}

// listed tells whether somebody is on the list as he is, without looking up names.
func (l *Spared) listed(id string, a netip.Addr) bool {
	return slices.Contains(l.names, id) ||
		a.IsValid() && slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Names returns the names whose addresses must be known to judge about somebody: none if he is spared without.
func (l *Spared) Names(id string, a netip.Addr) []string {
	if l.listed(id, a) {
		return nil
	}
	names := slices.Clone(l.names)
	for _, f := range l.files {
		list := f.list(l)
		if list.listed(id, a) {
			return nil
		}
		names = append(names, list.names...)
	}
	return names
}

func has(list []netip.Addr, a netip.Addr) bool {
	for _, one := range list {
		if one.Unmap() == a {
			return true
		}
	}
	return false
}

// ignoreFile is a file with an entry a line, read anew when it has changed.
type ignoreFile struct {
	path     string
	looked   time.Time
	changed  time.Time
	size     int64
	contents *Spared
}

// The bounds of such a file: how often it is looked at, and how many lines are read.
const (
	ignoreFileEvery = 2 * time.Second
	maxIgnoreLines  = 100_000
)

// list returns what the file says now; a file that can't be read ignores nobody.
func (f *ignoreFile) list(of *Spared) *Spared {
	if f.contents != nil && time.Since(f.looked) < ignoreFileEvery {
		return f.contents
	}
	f.looked = time.Now()
	info, err := os.Stat(f.path)
	if err == nil && f.contents != nil && info.ModTime().Equal(f.changed) && info.Size() == f.size {
		return f.contents
	}
	f.contents = &Spared{resolve: of.resolve}
	if err != nil {
		return f.contents
	}
	f.changed, f.size = info.ModTime(), info.Size()
	file, err := os.Open(f.path)
	if err != nil {
		return f.contents
	}
	defer file.Close()
	in := bufio.NewScanner(file)
	for n := 0; in.Scan() && n < maxIgnoreLines; n++ {
		line, _, _ := strings.Cut(in.Text(), "#")
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == ';' }) {
			if !strings.HasPrefix(word, "file:") {
				f.contents.add(word)
			}
		}
	}
	return f.contents
}
