// Package reputation knows how good or bad addresses are: scores from 0 to 127 in categories that operators name
// (docs.suricata.io, "IP Reputation"). In go the text of the categories file and of the lists; out comes an
// immutable Table that all workers ask.
package reputation

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"picket/traffic/packet"
)

// MaxCategories bounds the numbers of categories (Suricata: SREP_MAX_CATS).
const MaxCategories = 60

// Category is a category's number.
type Category uint8

// Table holds the scores. The zero value is empty.
type Table struct {
	names map[string]Category
	hosts map[hostKey]uint8
	nets  map[Category][]network // longest prefix first
}

type hostKey struct {
	addr packet.Addr
	cat  Category
}

type network struct {
	prefix netip.Prefix
	score  uint8
}

// New makes a table with the categories of a file: "number,name,description" a line.
func New(categories []byte) (*Table, error) {
	t := &Table{names: map[string]Category{}, hosts: map[hostKey]uint8{}, nets: map[Category][]network{}}
	err := eachLine(categories, func(fields []string) error {
		n, err := strconv.ParseUint(fields[0], 10, 8)
		if err != nil || n == 0 || n >= MaxCategories || len(fields) < 2 {
			return fmt.Errorf("no category of 1 to %d with a name", MaxCategories-1)
		}
		t.names[strings.ToLower(fields[1])] = Category(n)
		return nil
	})
	return t, err
}

// Add reads a list: "address or network,category,score" a line. Lines that can't be read are left out and the first of
// them is the error.
func (t *Table) Add(list []byte) error {
	err := eachLine(list, t.add)
	for c := range t.nets {
		slices.SortStableFunc(t.nets[c], func(a, b network) int { return cmp.Compare(b.prefix.Bits(), a.prefix.Bits()) })
	}
	return err
}

func (t *Table) add(fields []string) error {
	if len(fields) < 3 {
		return fmt.Errorf("address, category and score are needed")
	}
	c, err := strconv.ParseUint(fields[1], 10, 8)
	if err != nil || c == 0 || c >= MaxCategories {
		return fmt.Errorf("category %q is not between 1 and %d", fields[1], MaxCategories-1)
	}
	score, err := strconv.ParseUint(fields[2], 10, 8)
	if err != nil || score > 127 {
		return fmt.Errorf("score %q is not between 0 and 127", fields[2])
	}
	cat := Category(c)
	if strings.Contains(fields[0], "/") {
		p, err := netip.ParsePrefix(fields[0])
		if err != nil {
			return err
		}
		t.nets[cat] = append(t.nets[cat], network{p.Masked(), uint8(score)})
		return nil
	}
	a, err := netip.ParseAddr(fields[0])
	if err != nil {
		return err
	}
	t.hosts[hostKey{packet.Addr(a.As16()), cat}] = uint8(score)
	return nil
}

// eachLine splits lines at commas; "#" begins a comment.
func eachLine(text []byte, do func(fields []string) error) error {
	var first error
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, ",")
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		if err := do(fields); err != nil && first == nil {
			first = fmt.Errorf("line %d: %w", n, err)
		}
	}
	return cmp.Or(first, lines.Err())
}

// Category finds a category by name.
func (t *Table) Category(name string) (Category, bool) {
	if t == nil {
		return 0, false
	}
	c, ok := t.names[strings.ToLower(name)]
	return c, ok
}

// Score returns an address's score in a category: its own, else that of the narrowest network around it.
func (t *Table) Score(a packet.Addr, c Category) (uint8, bool) {
	if s, ok := t.hosts[hostKey{a, c}]; ok {
		return s, true
	}
	nets := t.nets[c]
	if len(nets) == 0 {
		return 0, false
	}
	addr := netip.AddrFrom16(a).Unmap()
	for i := range nets {
		if nets[i].prefix.Contains(addr) {
			return nets[i].score, true
		}
	}
	return 0, false
}
