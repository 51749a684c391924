// Package suricata takes over what an existing suricata.yaml says, with --set on top: settings.go holds the tree, and
// detection.go and flow.go say what each setting means for picket.
package suricata

import (
	"fmt"
	"os"
	"path/filepath"
	"picket/sensor/strict"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Settings is a suricata.yaml with --set on top, as Suricata's own configuration tree holds it: every node has
// a text or children; the items of a list are children named "0", "1" …
// (https://docs.suricata.io, "Suricata.yaml" and "Command Line Options").
type Settings struct {
	root *setting
	file string
}

type setting struct {
	text     string
	names    []string // children in order
	children map[string]*setting
	final    bool // given by --set: a file does not override it
}

const maxIncludes = 32

// New returns an empty tree: every getter answers its default.
func New() *Settings { return &Settings{root: &setting{}} }

// File is the suricata.yaml that was read, "" without one.
func (s *Settings) File() string { return s.file }

// Load reads a suricata.yaml with its includes. Paths in the file are relative to its folder.
func Load(file string) (*Settings, error) {
	s := New()
	s.file = file
	return s, s.load(file, 0)
}

// Load merges one more file over what is there.
func (s *Settings) load(file string, depth int) error {
	if depth > maxIncludes {
		return fmt.Errorf("read settings: %s: includes nested deeper than %d (does a file include itself?)", file, maxIncludes)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	tree, err := parser.ParseBytes(withoutDirective(text), 0)
	if err != nil {
		return fmt.Errorf("read settings: %s: %w", file, err)
	}
	for _, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if err := s.merge(s.root, doc.Body, filepath.Dir(file), depth); err != nil {
			return err
		}
	}
	return nil
}

// withoutDirective blanks the "%YAML 1.1" line that Suricata's files begin with; positions stay as they are.
func withoutDirective(text []byte) []byte {
	if len(text) > 0 && text[0] == '%' {
		text[0] = '#'
	}
	return text
}

// merge copies a YAML node into the tree; a list replaces an older list as a whole.
func (s *Settings) merge(to *setting, n ast.Node, dir string, depth int) error {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			if err := s.mergeValue(to, v, dir, depth); err != nil {
				return err
			}
		}
	case *ast.MappingValueNode:
		return s.mergeValue(to, n, dir, depth)
	case *ast.SequenceNode:
		to.names, to.children = nil, nil
		for i, v := range n.Values {
			if err := s.merge(to.child(strconv.Itoa(i)), v, dir, depth); err != nil {
				return err
			}
		}
	case *ast.TagNode:
		if n.Start.Value == "!include" {
			return s.load(inDir(dir, strict.Text(n.Value)), depth+1)
		}
		return s.merge(to, n.Value, dir, depth)
	case *ast.AnchorNode:
		return s.merge(to, n.Value, dir, depth)
	default:
		if !to.final {
			to.text = strict.Text(n)
		}
	}
	return nil
}

func (s *Settings) mergeValue(to *setting, v *ast.MappingValueNode, dir string, depth int) error {
	key := strict.Text(v.Key)
	if key == "include" {
		for _, file := range textsOf(v.Value) {
			if err := s.load(inDir(dir, file), depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return s.merge(to.child(key), v.Value, dir, depth)
}

func textsOf(n ast.Node) []string {
	if seq, ok := n.(*ast.SequenceNode); ok {
		var out []string
		for _, v := range seq.Values {
			out = append(out, strict.Text(v))
		}
		return out
	}
	return []string{strict.Text(n)}
}

func inDir(dir, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}

func (n *setting) child(name string) *setting {
	if c := n.children[name]; c != nil {
		return c
	}
	if n.children == nil {
		n.children = map[string]*setting{}
	}
	c := &setting{}
	n.children[name] = c
	n.names = append(n.names, name)
	return c
}

// Set applies one --set argument: "stream.midstream=true"; a name alone means true.
func (s *Settings) Set(arg string) error {
	name, value, has := strings.Cut(arg, "=")
	name = strings.TrimSpace(name)
	if name == "" {
		return fmt.Errorf("--set %q: no name before the = (write --set stream.midstream=true)", arg)
	}
	if !has {
		value = "true"
	}
	n := s.root
	for _, part := range strings.Split(name, ".") {
		n = n.child(part)
	}
	n.text, n.final = strings.TrimSpace(value), true
	return nil
}

// at finds a node; nil when it is not there.
func (s *Settings) at(path string) *setting {
	n := s.root
	for part := range strings.SplitSeq(path, ".") {
		if n = n.children[part]; n == nil {
			return nil
		}
	}
	return n
}

// Has tells whether the tree holds the path.
func (s *Settings) Has(path string) bool { return s.at(path) != nil }

// Text returns a setting's text, or def.
func (s *Settings) Text(path, def string) string {
	if n := s.at(path); n != nil && len(n.children) == 0 {
		return n.text
	}
	return def
}

// Bool understands what Suricata does: 1, yes, true, on.
func (s *Settings) Bool(path string, def bool) bool {
	n := s.at(path)
	if n == nil {
		return def
	}
	return isTrue(n.text)
}

func isTrue(text string) bool {
	switch strings.ToLower(text) {
	case "1", "yes", "true", "on":
		return true
	}
	return false
}

// Int reads a number; what is none counts as absent.
func (s *Settings) Int(path string, def int64) int64 {
	if v, err := strconv.ParseInt(s.Text(path, ""), 0, 64); err == nil {
		return v
	}
	return def
}

// Within is Int held between low and high: memory is made by these numbers.
func (s *Settings) Within(path string, def, low, high int64) int64 {
	return min(max(s.Int(path, def), low), high)
}

// Size reads bytes with Suricata's units (kb, mb, gb, KiB, MiB, GiB: all powers of 1024).
func (s *Settings) Size(path string, def uint64) uint64 {
	if v, ok := ParseSize(s.Text(path, "")); ok {
		return v
	}
	return def
}

// maxSize is more memory than there is, and a number that every integer type of 64 bits holds.
const maxSize = 1 << 62

func ParseSize(text string) (uint64, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	end := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	unit := ""
	if end >= 0 {
		text, unit = text[:end], strings.TrimSpace(text[end:])
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, false
	}
	shift := map[string]float64{"": 1, "b": 1, "kb": 1 << 10, "kib": 1 << 10, "mb": 1 << 20, "mib": 1 << 20, "gb": 1 << 30, "gib": 1 << 30}
	factor, ok := shift[unit]
	return uint64(min(v*factor, maxSize)), ok
}

// Seconds reads a time in seconds.
func (s *Settings) Seconds(path string, def time.Duration) time.Duration {
	if v, err := strconv.ParseInt(s.Text(path, ""), 10, 64); err == nil {
		return time.Duration(v) * time.Second
	}
	return def
}

// List returns the texts of a list, or of a single value.
func (s *Settings) List(path string) []string {
	n := s.at(path)
	if n == nil {
		return nil
	}
	if len(n.children) == 0 {
		if n.text == "" {
			return nil
		}
		return []string{n.text}
	}
	var out []string
	for _, name := range n.names {
		out = append(out, n.children[name].text)
	}
	return out
}

// Map returns the texts of a node's children by name.
func (s *Settings) Map(path string) map[string]string {
	n := s.at(path)
	if n == nil {
		return nil
	}
	out := map[string]string{}
	for _, name := range n.names {
		out[name] = n.children[name].text
	}
	return out
}

// Names returns the children's names in order.
func (s *Settings) Names(path string) []string {
	if n := s.at(path); n != nil {
		return n.names
	}
	return nil
}

// Flat returns every text below a path by its remaining path: "http.libhtp.default-config.personality".
func (s *Settings) Flat(path string) map[string]string {
	out := map[string]string{}
	if n := s.at(path); n != nil {
		n.flatten("", out)
	}
	return out
}

func (n *setting) flatten(prefix string, out map[string]string) {
	if len(n.children) == 0 {
		out[strings.TrimSuffix(prefix, ".")] = n.text
		return
	}
	for _, name := range n.names {
		n.children[name].flatten(prefix+name+".", out)
	}
}

// Path makes a file's name absolute: relative ones are below dir when it is set, else below the settings file.
func (s *Settings) Path(file string) string {
	if filepath.IsAbs(file) || s.file == "" {
		return file
	}
	return filepath.Join(filepath.Dir(s.file), file)
}
