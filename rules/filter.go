package rules

import (
	"errors"
	"fmt"
	"time"

	"picket/rules/dates"
	"picket/rules/expression"
	"picket/signatures/search"
)

// Definition is a filter as an administrator writes it: what makes a line a failure. It is the common form of
// fail2ban's filters and of our own library.
type Definition struct {
	Name        string
	UseDNS      string   // raw, no, warn, yes; no: <HOST> matches addresses only
	PrefRegex   string   // what every line must match first; "" for none. Its <F-CONTENT> is what the others see
	FailRegex   []string // in order; the first that matches wins
	IgnoreRegex []string // lines that are no failure after all
	MaxLines    int      // lines that one expression may span; 0 and 1 mean one
	DatePattern string   // "" for the default ones
}

// The bounds of a filter.
const (
	MaxExpressions = 1000
	MaxLines       = 1000
)

// Filter is a compiled Definition. It never changes and may be shared.
type Filter struct {
	Name      string
	prefix    *expression.Expression // nil for none
	failures  []*expression.Expression
	ignores   []*expression.Expression
	lines     int
	templates []*dates.Template
	sieve     *search.Set
	owner     []int    // by literal of the sieve: the failure expression that needs it
	always    []uint64 // by failure expression, one bit each: no literal to look for first
	loose     []uint64 // and one for those whose literals have other cases outside ASCII
	anyAlways bool
}

// Compile compiles a definition; now tells which years are near. All faults are in the error, one a line.
func Compile(d Definition, now time.Time) (*Filter, error) {
	f := &Filter{Name: d.Name, lines: min(max(d.MaxLines, 1), MaxLines)}
	c := compiler{options: expression.Options{Names: d.UseDNS != "no", Lines: f.lines > 1}}
	if d.PrefRegex != "" {
		f.prefix = c.compile("prefregex", 0, d.PrefRegex)
	}
	if n := len(d.FailRegex) + len(d.IgnoreRegex); n > MaxExpressions {
		return nil, fmt.Errorf("filter %s: %d expressions (at most %d)", d.Name, n, MaxExpressions)
	}
	for i, text := range d.FailRegex {
		e := c.compile("failregex", i, text)
		if e != nil && !Identifies(e, f.prefix) {
			c.fault("failregex", i, fmt.Errorf("no group tells whose failure it is (<HOST>, <ADDR>, <F-ID> … is missing)"))
		}
		f.failures = append(f.failures, e)
	}
	for i, text := range d.IgnoreRegex {
		f.ignores = append(f.ignores, c.compile("ignoreregex", i, text))
	}
	var err error
	if f.templates, err = dates.Parse(d.DatePattern, now.Year()); err != nil {
		c.faults = append(c.faults, err)
	}
	if len(c.faults) > 0 {
		return nil, fmt.Errorf("filter %s: %w", d.Name, errors.Join(c.faults...))
	}
	return f, f.buildSieve()
}

// compiler collects the faults of a definition.
type compiler struct {
	options expression.Options
	faults  []error
}

func (c *compiler) compile(option string, index int, text string) *expression.Expression {
	e, err := expression.Compile(text, c.options)
	if err != nil {
		c.fault(option, index, err)
	}
	return e
}

func (c *compiler) fault(option string, index int, err error) {
	c.faults = append(c.faults, fmt.Errorf("%s %d: %w", option, index+1, err))
}

// Identifies tells whether a failure expression, or the prefix before it (nil for none), says whose failure it is.
func Identifies(e, prefix *expression.Expression) bool {
	groups := []string{"fid", "ip4", "ip6", "dns", "mlfid"}
	return e.Has(groups...) || prefix != nil && prefix.Has(groups...)
}

// Templates returns the date templates in their first order.
func (f *Filter) Templates() []*dates.Template { return f.templates }

// Expressions returns the failure expressions in order.
func (f *Filter) Expressions() []*expression.Expression { return f.failures }

// Ignores returns the expressions of lines that are no failure after all.
func (f *Filter) Ignores() []*expression.Expression { return f.ignores }
