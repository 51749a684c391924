// Package strict reads YAML into a struct that holds the defaults: every key must be known, every value of its kind, and
// every fault is told at once, with file, line, column, cause and remedy.
package strict

import (
	"encoding"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"picket/actions/policy"
	"picket/signatures/language"
)

// Fault is one thing wrong in a configuration file.
type Fault struct {
	File      string
	Line, Col int    // 0: not at a place in the file
	Key       string // "capture.inline.queues"
	Cause     string
	Hint      string
}

func (f Fault) Error() string {
	s := "read configuration: " + f.File
	if f.Line > 0 {
		s += fmt.Sprintf(":%d:%d", f.Line, f.Col)
	}
	if f.Key != "" {
		s += ": " + f.Key
	}
	s += ": " + f.Cause
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s
}

// Faults are all the faults of one configuration, in the order of the file.
type Faults []Fault

func (l Faults) Error() string {
	lines := make([]string, len(l))
	for i, f := range l {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Place is where something stands in a file, both from 1; 0 is not at a place.
type Place struct{ Line, Col int }

// Places says where each key of a file stands: "capture.inline.queues", "policies.list[2].match".
type Places map[string]Place

// At is where a key stands; one that is missing stands where the one around it does.
func (p Places) At(key string) Place {
	at, found := p[key]
	for !found && key != "" {
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
		at, found = p[key]
	}
	return at
}

// Fault is a fault of a key's value in file.
func (p Places) Fault(file, key, cause, hint string) Fault {
	at := p.At(key)
	return Fault{File: file, Line: at.Line, Col: at.Col, Key: key, Cause: cause, Hint: hint}
}

// strict reads YAML into a struct: every key must be known, every value of its kind, and every fault is told.
type strict struct {
	file   string
	faults Faults
	places Places // where each key stands, for Validate's faults
}

// Decode fills into (a pointer to a struct that holds the defaults) and returns where each key stands.
func Decode(file string, text []byte, into any) (Places, Faults) {
	d := &strict{file: file, places: Places{}}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		d.faults = append(d.faults, syntaxFault(file, err))
		return d.places, d.faults
	}
	for i, doc := range tree.Docs {
		switch {
		case doc.Body == nil:
		case i == 0:
			d.value("", doc.Body, reflect.ValueOf(into).Elem())
		default:
			d.fault("", doc.Body, "take the line --- out", "a second document is not read")
		}
	}
	return d.places, d.faults
}

// syntaxFault turns the YAML library's many-line message into one fault.
func syntaxFault(file string, err error) Fault {
	f := Fault{File: file, Hint: "check indentation and quotes"}
	first, _, _ := strings.Cut(err.Error(), "\n")
	if _, e := fmt.Sscanf(first, "[%d:%d]", &f.Line, &f.Col); e == nil {
		_, first, _ = strings.Cut(first, "] ")
	}
	f.Cause = "not YAML: " + first
	return f
}

func (d *strict) fault(key string, n ast.Node, hint, cause string, args ...any) {
	f := Fault{File: d.file, Key: key, Cause: fmt.Sprintf(cause, args...), Hint: hint}
	if p := n.GetToken().Position; p != nil {
		f.Line, f.Col = p.Line, p.Column
	}
	d.faults = append(d.faults, f)
}

func (d *strict) value(key string, n ast.Node, to reflect.Value) {
	if p := n.GetToken().Position; p != nil {
		if _, have := d.places[key]; !have {
			d.places[key] = Place{p.Line, p.Column}
		}
	}
	if _, null := n.(*ast.NullNode); null {
		return // "key:" alone keeps the default
	}
	switch n.(type) {
	case *ast.AliasNode, *ast.AnchorNode, *ast.TagNode:
		d.fault(key, n, "write the value out", "anchors, aliases and tags are not understood")
		return
	}
	if to.Kind() == reflect.Pointer {
		to.Set(reflect.New(to.Type().Elem()))
		to = to.Elem()
	}
	if u, ok := to.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(key, n, u)
		return
	}
	switch to.Kind() {
	case reflect.Struct:
		d.structure(key, n, to)
	case reflect.Map:
		d.mapping(key, n, to)
	case reflect.Slice:
		d.sequence(key, n, to)
	default:
		d.scalar(key, n, to)
	}
}

func (d *strict) text(key string, n ast.Node, u encoding.TextUnmarshaler) {
	if !isScalar(n) {
		d.fault(key, n, "text with colons stands between quotes", "a single value is wanted here")
		return
	}
	if err := u.UnmarshalText([]byte(Text(n))); err != nil {
		d.fault(key, n, "", "%v", err)
	}
}

func isScalar(n ast.Node) bool {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return false
	}
	return true
}

// entries lists a mapping's pairs; a mapping of one pair is a node of its own kind in this library.
func entries(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

func (d *strict) structure(key string, n ast.Node, to reflect.Value) {
	pairs, ok := entries(n)
	if !ok {
		d.fault(key, n, "", "keys are wanted here: %s", strings.Join(fieldNames(to.Type()), ", "))
		return
	}
	for _, pair := range pairs {
		name := Text(pair.Key)
		full := strings.TrimPrefix(key+"."+name, ".")
		field := fieldByKey(to, name)
		if !field.IsValid() {
			d.fault(full, pair.Key, knownKeys(name, to.Type()), "unknown key")
			continue
		}
		d.value(full, pair.Value, field)
	}
}

func knownKeys(name string, t reflect.Type) string {
	names := fieldNames(t)
	if near := language.Nearest(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "known here: " + strings.Join(names, ", ")
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

func fieldByKey(v reflect.Value, name string) reflect.Value {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == name && name != "" {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

func (d *strict) mapping(key string, n ast.Node, to reflect.Value) {
	pairs, ok := entries(n)
	if !ok {
		d.fault(key, n, "", "a list of name: value pairs is wanted here")
		return
	}
	if to.IsNil() {
		to.Set(reflect.MakeMap(to.Type()))
	}
	for _, pair := range pairs {
		name := Text(pair.Key)
		v := reflect.New(to.Type().Elem()).Elem()
		d.value(key+"."+name, pair.Value, v)
		to.SetMapIndex(reflect.ValueOf(name), v)
	}
}

// sequence reads a list; a single value stands for a list of one.
func (d *strict) sequence(key string, n ast.Node, to reflect.Value) {
	items := []ast.Node{n}
	if seq, ok := n.(*ast.SequenceNode); ok {
		items = seq.Values
	}
	to.Set(reflect.MakeSlice(to.Type(), len(items), len(items)))
	for i, item := range items {
		d.value(fmt.Sprintf("%s[%d]", key, i), item, to.Index(i))
	}
}

func (d *strict) scalar(key string, n ast.Node, to reflect.Value) {
	if !isScalar(n) {
		d.fault(key, n, "text with colons stands between quotes", "a single value is wanted here")
		return
	}
	text := Text(n)
	switch to.Interface().(type) {
	case time.Duration:
		var v policy.Span
		if v.UnmarshalText([]byte(text)) != nil {
			d.fault(key, n, "write 500ms, 30s, 10m, 24h, 7d or 2w", "%q is not a time span", text)
		}
		to.SetInt(int64(v))
		return
	}
	switch to.Kind() {
	case reflect.String:
		to.SetString(text)
	case reflect.Bool:
		d.boolean(key, n, text, to)
	case reflect.Float64:
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			d.fault(key, n, "", "%q is not a number", text)
		}
		to.SetFloat(v)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v, err := strconv.ParseInt(text, 0, to.Type().Bits())
		if err != nil {
			d.fault(key, n, "", "%q is not a whole number of at most %d bits", text, to.Type().Bits())
		}
		to.SetInt(v)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v, err := strconv.ParseUint(text, 0, to.Type().Bits())
		if err != nil {
			d.fault(key, n, fmt.Sprintf("0 to %d", uint64(1)<<to.Type().Bits()-1), "%q is not a whole number in range", text)
		}
		to.SetUint(v)
	}
}

func (d *strict) boolean(key string, n ast.Node, text string, to reflect.Value) {
	switch strings.ToLower(text) {
	case "true", "yes", "on":
		to.SetBool(true)
	case "false", "no", "off":
		to.SetBool(false)
	default:
		d.fault(key, n, "write yes or no", "%q is neither yes nor no", text)
	}
}

// Text is a scalar as written, without quotes; YAML's idea of its type does not matter.
func Text(n ast.Node) string {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return ""
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	}
	return strings.TrimSpace(n.GetToken().Value)
}
