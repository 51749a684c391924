package signatures

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"picket/signatures/dataset"
	"picket/signatures/language"
)

// DatasetOptions say what rules may do with files of sets. The zero value lets them read and write below the data
// folder.
type DatasetOptions struct {
	// Absolute lets rules name files to be written anywhere (datasets.rules.allow-absolute-filenames).
	Absolute bool
	// ReadOnly refuses rules that save (datasets.rules.allow-write: no).
	ReadOnly bool
}

// setUse is what dataset or datarep says: a set's description, and whether it was described.
type setUse struct {
	dataset.Spec
	typed, state bool
}

// parseDataset reads "isset,name,type string,load file.lst".
func parseDataset(b *builder, arg string) error {
	args := language.SplitArgs(arg)
	if len(args) < 2 {
		return errors.New("needs a command and a name")
	}
	set, err := b.dataset(args[1], args[2:], false)
	if err != nil {
		return err
	}
	switch args[0] {
	case "isset":
		if set.JSON.Format != "" {
			return b.addTest(contextTest(set))
		}
		return b.addTest(func(m *matcher) bool { return set.Has(m.buf) })
	case "isnotset":
		return b.addTest(func(m *matcher) bool { return !set.Has(m.buf) })
	case "set":
		return b.addTest(func(m *matcher) bool { return set.Add(m.buf) })
	case "unset":
		return b.addTest(func(m *matcher) bool { return set.Remove(m.buf) })
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// contextTest is isset of a set whose values have something to tell in alerts.
func contextTest(set *dataset.Set) func(m *matcher) bool {
	return func(m *matcher) bool {
		text, ok := set.Context(m.buf)
		if ok {
			m.v.insp.noteContext(m.sig, set.JSON.ContextKey, text)
		}
		return ok
	}
}

// parseDatarep reads "name,>,200,load file.rep,type string".
func parseDatarep(b *builder, arg string) error {
	args := language.SplitArgs(arg)
	if len(args) < 3 {
		return errors.New("needs a name, an operator and a number")
	}
	if !slices.Contains([]string{"<", ">", "==", "="}, args[1]) {
		return fmt.Errorf("unknown operator %q", args[1])
	}
	n, err := strconv.ParseUint(args[2], 10, 16)
	if err != nil {
		return fmt.Errorf("%q is not between 0 and 65535", args[2])
	}
	set, err := b.dataset(args[0], args[3:], true)
	if err != nil {
		return err
	}
	op, want := args[1], uint16(n)
	return b.addTest(func(m *matcher) bool {
		have, ok := set.Rating(m.buf)
		switch {
		case !ok:
			return false
		case op == "<":
			return have < want
		case op == ">":
			return have > want
		}
		return have == want
	})
}

// dataset finds or makes the set that a rule names.
func (b *builder) dataset(name string, options []string, rep bool) (*dataset.Set, error) {
	if !b.sticky || b.cur.buffer == nil {
		return nil, errors.New("needs a sticky buffer before it")
	}
	u := setUse{Spec: dataset.Spec{Name: name, Reputation: rep}}
	for _, o := range options {
		word, rest := language.SplitWord(o)
		if err := u.option(word, rest); err != nil {
			return nil, err
		}
	}
	have := b.opt.sets[name]
	if have != nil {
		return have, u.agrees(have)
	}
	if !u.typed {
		return nil, fmt.Errorf("set %s needs a type", name)
	}
	if u.JSON.Format != "" && (u.JSON.ValueKey == "" || u.JSON.ContextKey == "") {
		return nil, errors.New("format needs value_key and context_key")
	}
	if err := u.allowed(&b.opt.Datasets); err != nil {
		return nil, err
	}
	set, err := b.opt.loadSet(&u, filepath.Dir(b.rule.Pos.File))
	if err == nil {
		b.opt.sets[name] = set
	}
	return set, err
}

func (u *setUse) option(word, rest string) (err error) {
	var ok bool
	switch word {
	case "type":
		if u.Kind, ok = dataset.KindByName(rest); !ok {
			return fmt.Errorf("unknown type %q", rest)
		}
		u.typed = true
	case "load":
		u.Load = rest
	case "save":
		u.Save = rest
	case "state":
		u.Load, u.Save, u.state = rest, rest, true
	case "memcap":
		if u.Memcap, err = parseSize(rest); err != nil {
			return err
		}
	case "hashsize":
		if u.HashSize, err = strconv.ParseUint(rest, 10, 32); err != nil {
			return fmt.Errorf("hashsize %q is not a number", rest)
		}
	case "format":
		if rest != "csv" {
			u.JSON.Format = map[string]string{"json": "json", "ndjson": "ndjson", "jsonline": "ndjson"}[rest]
			if u.JSON.Format == "" {
				return fmt.Errorf("unknown format %q", rest)
			}
		}
	case "value_key":
		u.JSON.ValueKey = rest
	case "array_key":
		u.JSON.ArrayKey = rest
	case "context_key":
		u.JSON.ContextKey = rest
	case "remove_key":
		u.JSON.RemoveKey = true
	default:
		return fmt.Errorf("unknown option %q", word)
	}
	if rest == "" && word != "remove_key" {
		return fmt.Errorf("%s needs a value", word)
	}
	return nil
}

// parseSize reads "104064", "10mb".
func parseSize(text string) (uint64, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	unit := uint64(1)
	for suffix, n := range map[string]uint64{"kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30} {
		if rest, ok := strings.CutSuffix(text, suffix); ok {
			text, unit = strings.TrimSpace(rest), n
		}
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size", text)
	}
	return n * unit, nil
}

// agrees tells whether a set that another rule described is the one that is meant.
func (u *setUse) agrees(s *dataset.Set) error {
	switch {
	case u.typed && u.Kind != s.Kind:
		return fmt.Errorf("set %s exists with another type", s.Name)
	case u.Load != "" && u.Load != s.Load || u.Save != "" && u.Save != s.Save:
		return fmt.Errorf("set %s exists with other files", s.Name)
	}
	return nil
}

// allowed refuses files that rules may not name.
func (u *setUse) allowed(o *DatasetOptions) error {
	switch {
	case u.Save == "":
		return nil
	case o.ReadOnly:
		return errors.New("rules that save or keep the state of sets are disabled (datasets.rules.allow-write)")
	case o.Absolute:
		return nil
	case filepath.IsAbs(u.Save):
		return fmt.Errorf("absolute file %s is not allowed (datasets.rules.allow-absolute-filenames)", u.Save)
	case slices.Contains(strings.Split(filepath.ToSlash(u.Save), "/"), ".."):
		return fmt.Errorf("file %s leaves the data folder", u.Save)
	}
	return nil
}

// loadSet reads a set's file: beside the rules first, then where ReadFile looks. The state of the engine before goes on.
func (o *Options) loadSet(u *setUse, dir string) (*dataset.Set, error) {
	if o.Previous != nil {
		if old := o.Previous.sets[u.Name]; old != nil && old.Kind == u.Kind && (u.Load == "" || u.Save != "") {
			return old.Under(u.Spec), nil
		}
	}
	if u.Load == "" {
		return dataset.New(u.Spec, nil)
	}
	if o.ReadFile == nil {
		return nil, errors.New("no files can be read here")
	}
	var text []byte
	err := fs.ErrNotExist
	if !filepath.IsAbs(u.Load) && !u.state {
		text, err = o.ReadFile(filepath.Join(dir, u.Load))
	}
	if err != nil {
		text, err = o.ReadFile(u.Load)
	}
	if err != nil && !(u.state && errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	return dataset.New(u.Spec, text)
}

// Sets returns the sets that rules use, by name. Those with a Save are to be written when the sensor ends.
func (e *Engine) Sets() map[string]*dataset.Set { return e.sets }

// Context is something that an alert tells because of the values that matched: a name and JSON text.
type Context struct {
	Name string
	JSON []byte
	sig  *Signature
}

// maxContexts bounds the contexts of one packet.
const maxContexts = 32

func (in *Inspector) noteContext(s *Signature, name string, text []byte) {
	if len(in.contexts) < maxContexts {
		in.contexts = append(in.contexts, Context{name, text, s})
	}
}

// contextsOf returns what was noted for a signature, the last of each name.
func (in *Inspector) contextsOf(s *Signature) []Context {
	var own []Context
	for _, c := range in.contexts {
		if c.sig != s {
			continue
		}
		if i := slices.IndexFunc(own, func(o Context) bool { return o.Name == c.Name }); i >= 0 {
			own[i] = c
			continue
		}
		own = append(own, c)
	}
	return own
}
