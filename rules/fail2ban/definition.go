package fail2ban

import (
	"errors"
	"strings"
)

// kind is the type of an option.
type kind uint8

const (
	text kind = iota
	number
	flag
)

// option is one that is read from a section, with what it is if nothing is said ("" and !has: nothing).
type option struct {
	name string
	kind kind
	want string
	has  bool
}

// definition is a filter or an action being read: its layers, the parameters that the jail gave, and what came out.
type definition struct {
	layers  *layers
	options []option
	init    *table // parameters, then what [Init] adds
	vars    *table // the jail's options with the parameters over them
	own     *table // options of [Definition]
	cache   map[string]*string
}

const definitionSection = "Definition"

// read takes the options of [Definition], except those that the jail gives, and of [Init], except those that are parameters.
// With all, every option of [Definition] is read, not only the known ones.
func (d *definition) read(jail *table, all bool) error {
	d.vars = jail.clone()
	d.vars.merge(d.init)
	d.cache = map[string]*string{}
	d.own = newTable()
	if err := d.readOwn(); err != nil {
		return err
	}
	if err := d.readInit(); err != nil {
		return err
	}
	if all {
		return d.readRest()
	}
	return nil
}

func (d *definition) readOwn() error {
	for _, o := range d.options {
		if d.vars.has(o.name) {
			continue
		}
		v, err := d.layers.getAny(definitionSection, o.name, d.vars)
		switch {
		case err == nil:
			d.own.set(o.name, v)
		case !isMissing(err):
			return err
		}
	}
	return nil
}

// isMissing tells a missing option from one that can't be substituted.
func isMissing(err error) bool { return errors.Is(err, errNoOption) || errors.Is(err, errNoSection) }

// readInit takes [Init]: known/x is always its value, x only if the jail gave none. A conditional x?family=inet6 that
// the jail gave unconditionally takes the jail's.
func (d *definition) readInit() error {
	section, ok := d.layers.sections["Init"]
	if !ok {
		return nil
	}
	for _, name := range section.names {
		v, err := d.layers.getAny("Init", name, nil)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(name, "known/") {
			d.init.set("known/"+name, v)
		}
		if d.init.has(name) {
			continue
		}
		if m := conditional.FindStringSubmatch(name); m != nil {
			if given, ok := d.vars.get(m[1]); ok {
				v = given
			}
		}
		d.init.set(name, v)
	}
	return nil
}

func (d *definition) readRest() error {
	section, ok := d.layers.sections[definitionSection]
	if !ok {
		return nil
	}
	for _, from := range []*table{section, d.layers.defaults} {
		for _, name := range from.names {
			if d.own.has(name) {
				continue
			}
			v, err := d.layers.getAny(definitionSection, name, nil)
			switch {
			case err == nil:
				d.own.set(name, v)
			case from == section: // a default that nothing uses may be what it likes
				return err
			}
		}
	}
	return nil
}

// combined returns the definition's options with the parameters over them, all tags replaced but those to ignore.
func (d *definition) combined(ignore ...string) (*table, error) {
	all := d.own.clone()
	all.merge(d.init)
	left := map[string]bool{}
	for _, n := range ignore {
		left[n] = true
	}
	for _, n := range all.names {
		if m := conditional.FindStringSubmatch(n); m != nil {
			left[m[1]] = true
		}
	}
	return substituteTags(all, left, d.lookup)
}

// lookup finds the tags that are neither option nor parameter: other options of [Definition], and the jail's.
func (d *definition) lookup(name string) (string, bool) {
	if have, ok := d.cache[name]; ok {
		if have == nil {
			return "", false
		}
		return *have, true
	}
	v, err := d.layers.getAny(definitionSection, name, d.vars)
	if err != nil {
		d.cache[name] = nil
		return "", false
	}
	d.cache[name] = &v.text
	return v.text, true
}
