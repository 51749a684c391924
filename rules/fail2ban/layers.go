package fail2ban

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"
)

// The bounds of one configuration.
const (
	maxFile   = 1 << 20 // bytes of one file; stock ones have at most 30 KiB
	maxFiles  = 2000    // files behind one name, includes counted; stops include bombs
	maxFaults = 1000
)

// library reads files once and keeps them; it is the memory of one Load.
type library struct {
	dir    string
	files  map[string]*document
	layers map[string]*layers
	faults []*Fault
}

func newLibrary(dir string) *library {
	return &library{dir: dir, files: map[string]*document{}, layers: map[string]*layers{}}
}

// layers is everything that is written behind one name (jail, filter.d/sshd …): later files win, and what they replaced
// is kept as "known".
type layers struct {
	document
	files []string // in the order read
}

// knownSection is where a section keeps the values that later files replaced.
func knownSection(name string) string { return "KNOWN/" + name }

// read returns the layers of a name, nil if there is no file of it. The result is shared.
func (l *library) read(name string) *layers {
	if have, ok := l.layers[name]; ok {
		return have
	}
	base := name
	if !filepath.IsAbs(base) {
		base = filepath.Join(l.dir, name)
	}
	var found *layers
	if files := l.withIncludes(layerFiles(base), nil); len(files) > 0 {
		found = &layers{document: *newDocument(), files: files}
		for _, f := range files {
			found.add(l.file(f))
		}
	}
	l.layers[name] = found
	return found
}

// layerFiles lists the files of a base name in the order in which they count.
func layerFiles(base string) []string {
	files := []string{base + ".conf"}
	files = append(files, sorted(base+".d/*.conf")...)
	files = append(files, base+".local")
	files = append(files, sorted(base+".d/*.local")...)
	var exist []string
	for _, f := range files {
		if isFile(f) {
			exist = append(exist, f)
		}
	}
	return exist
}

func sorted(pattern string) []string {
	files, _ := filepath.Glob(pattern) // the only error is a bad pattern
	sort.Strings(files)
	return files
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// withIncludes puts before and behind every file what its [INCLUDES] names; seen are the files being included.
func (l *library) withIncludes(files, seen []string) []string {
	var all []string
	for _, f := range withLocals(files) {
		doc := l.file(f)
		if doc == nil || len(all)+len(seen) > maxFiles {
			continue
		}
		path := append(append([]string(nil), seen...), f)
		all = append(all, l.included(doc, f, "before", path)...)
		all = append(all, f)
		all = append(all, l.included(doc, f, "after", path)...)
	}
	return all
}

// withLocals puts x.local behind x.conf where it exists and isn't listed anyway.
func withLocals(files []string) []string {
	listed := map[string]bool{}
	for _, f := range files {
		listed[f] = true
	}
	var all []string
	for _, f := range files {
		all = append(all, f)
		local := strings.TrimSuffix(f, filepath.Ext(f)) + ".local"
		if !listed[local] && isFile(local) {
			all = append(all, local)
		}
	}
	return all
}

func (l *library) included(doc *document, file, option string, seen []string) []string {
	section, ok := doc.sections["INCLUDES"]
	if !ok {
		return nil
	}
	v, ok := section.get(option)
	if !ok || len(seen) > maxDepth {
		return nil
	}
	var files []string
	for _, name := range strings.Split(v.text, "\n") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(file), name)
		}
		switch {
		case contains(seen, name):
		case !isFile(name) && filepath.Ext(name) == ".local":
		case !isFile(name):
			l.fault(v.at, fmt.Sprintf("included file %s does not exist", name))
		default:
			files = append(files, l.withIncludes([]string{name}, seen)...)
		}
	}
	return files
}

// maxDepth is how deep includes may lie in one another.
const maxDepth = 20

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// file parses a file once; nil if it can't be read.
func (l *library) file(name string) *document {
	if doc, ok := l.files[name]; ok {
		return doc
	}
	doc, err := l.parse(name)
	if err != nil {
		l.fault(Position{File: name}, err.Error())
	}
	l.files[name] = doc
	return doc
}

func (l *library) parse(name string) (*document, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("read: the file has %d bytes (at most %d are read)", info.Size(), maxFile)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if !utf8.Valid(text) {
		return nil, errors.New("read: the file is not UTF-8, so all of it is left out, as fail2ban does (convert it with iconv -t UTF-8)")
	}
	doc, faults := parseINI(name, string(text))
	for _, f := range faults {
		l.fault(f.At, f.Problem)
	}
	return doc, nil
}

func (l *library) fault(at Position, problem string) {
	if len(l.faults) < maxFaults {
		l.faults = append(l.faults, &Fault{At: at, Problem: problem})
	}
}

// conditional is a name with a condition: Init?family=inet6.
var conditional = regexp.MustCompile(`^(\w+)(\?.+)$`)

// add merges a file over what was read before it.
func (l *layers) add(doc *document) {
	if doc == nil {
		return
	}
	l.defaults.merge(doc.defaults)
	for _, name := range doc.names {
		l.addSection(name, doc.sections[name])
	}
}

func (l *layers) addSection(name string, options *table) {
	if m := conditional.FindStringSubmatch(name); m != nil {
		name, options = m[1], suffixed(options, m[2])
	}
	old, known := l.sections[name]
	if known {
		replaced := newTable()
		for _, n := range old.names {
			if options.has(n) {
				replaced.set(n, old.of[n])
			}
		}
		l.section(knownSection(name)).merge(replaced)
	}
	l.section(name).merge(options)
}

// suffixed returns the options of a conditional section under the names of conditional options.
func suffixed(options *table, suffix string) *table {
	t := newTable()
	for _, n := range options.names {
		t.set(n+suffix, options.of[n])
	}
	return t
}
