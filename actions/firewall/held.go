package firewall

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"picket/actions"
)

// askedAtOnce is how many elements one question names: their answers, under 1 KiB each, wait in the socket's buffer.
const askedAtOnce = 128

// Held implements actions.Firewall: it reads targets back from the kernel. Of a prefix in an interval set every part must
// be held; left is that of the part that goes first.
func (t *Table) Held(list []actions.Target) ([]actions.Holding, error) {
	held := make([]actions.Holding, len(list))
	of := map[string][]int{} // by set of single elements: whose targets are read there
	for i, target := range list {
		s := t.shelves[target.Scope]
		if s == nil {
			continue
		}
		k := kindOf(target.Prefix)
		name := s.sets[k].Name
		if kinds[k].bits != 0 {
			of[name] = append(of[name], i)
			continue
		}
		var err error
		if held[i].Left, held[i].Found, err = t.covered(name, target.Prefix); err != nil {
			return nil, err
		}
	}
	for set, indexes := range of {
		if err := t.heldIn(set, indexes, list, held); err != nil {
			return nil, err
		}
	}
	return held, nil
}

// heldIn reads the elements of one set. The kernel's answers come in the order of the question and end at the first
// element that is not there; what stands behind it is asked for again.
func (t *Table) heldIn(set string, indexes []int, list []actions.Target, held []actions.Holding) error {
	keys := make([]element, 0, min(askedAtOnce, len(indexes)))
	for len(indexes) > 0 {
		question := indexes[:min(askedAtOnce, len(indexes))]
		keys = keys[:0]
		for _, of := range question {
			keys = append(keys, element{key: list[of].Prefix.Addr()})
		}
		n, err := t.answers(set, keys)
		if err != nil {
			return fmt.Errorf("read %d elements of set %s: %w", len(keys), set, err)
		}
		for i, e := range keys[:n] {
			held[question[i]] = actions.Holding{Left: e.left, Found: true}
		}
		indexes = indexes[min(n+1, len(question)):]
	}
	return nil
}

// answers reads elements of a set back, up to the first that is not there, and returns how many there were; their times
// are put into the list.
func (t *Table) answers(set string, list []element) (n int, err error) {
	var fault error
	t.wire.ask(set, list)
	err = t.wire.exchange(func(b []byte) {
		e, found := parseElement(b)
		if !found || n == len(list) || e.key != list[n].key {
			fault = fmt.Errorf("the kernel tells of %s, which was not asked for", e.key)
			return
		}
		list[n] = e
		n++
	})
	if errors.Is(err, unix.ENOENT) {
		err = nil
	}
	return n, errors.Join(err, fault)
}
