package firewall

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"picket/actions"
	"picket/actions/ruleset"
)

const (
	checkEvery  = 5 * time.Second       // the whole layout is looked at this often
	settleAfter = 20 * time.Millisecond // several transactions mostly come together: repair once, after the last
)

// watch tells Damaged when somebody else changes the table: by the kernel's notifications at once, by reading the whole
// layout back every few seconds, and after notifications were lost.
func (t *Table) watch(w *ruleset.Witness) {
	for {
		err := t.listen(w)
		w.Close()
		for err != nil {
			t.log.Warn("notifications of nftables were interrupted; looking at the whole table", "error", err)
			select {
			case <-t.stop:
				return
			case <-time.After(settleAfter):
			}
			w, err = t.newWitness()
		}
		select {
		case <-t.stop:
			return
		default:
			t.check() // something may have happened meanwhile
		}
	}
}

// newWitness hears what others do to the table.
func (t *Table) newWitness() (*ruleset.Witness, error) {
	w, err := ruleset.NewWitness(func(table string) bool { return table == TableName })
	if err != nil {
		return nil, err
	}
	if err := w.Ignore(t.port); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// listen takes changes in until the table is closed (nil) or notifications were lost.
func (t *Table) listen(w *ruleset.Witness) error {
	checked := time.Now()
	for {
		select {
		case <-t.stop:
			return nil
		default:
		}
		if time.Since(checked) >= checkEvery {
			checked = time.Now()
			t.check()
		}
		changes, err := w.Next()
		if err != nil {
			return err
		}
		for i := range changes {
			time.Sleep(settleAfter)
			t.tell(actions.Damage{What: changes[i].Text(), By: changes[i].By.Name})
		}
	}
}

// check holds the whole layout against the plan. What differs is looked at twice: a transaction of our own may be under
// way.
func (t *Table) check() {
	p := t.plan.Load()
	if p == nil {
		return
	}
	if now := t.presentDevices(); !slices.Equal(now, p.devices) {
		t.tell(actions.Damage{What: fmt.Sprintf("devices of picket's chains: %v are there, %v were", now, p.devices), Benign: true})
		return
	}
	what := t.differs(p)
	if what == "" {
		return
	}
	time.Sleep(settleAfter)
	if what = t.differs(p); what != "" && t.plan.Load() == p {
		t.tell(actions.Damage{What: "table inet " + TableName + ": " + what})
	}
}

// differs tells where the table differs from a plan, "" for nowhere, and when it can't be read: nothing is repaired on a
// guess.
func (t *Table) differs(p *plan) string {
	have, err := ruleset.Read(t.read, TableName, p.layout)
	if err != nil {
		t.log.Warn("picket's table can't be read back", "error", err)
		return ""
	}
	return p.layout.Differs(have)
}

// holds looks whether a shelf's sets and the chain of the net behind all devices are there: a table that can be kept
// until it is filled.
func (t *Table) holds(s *shelf) bool {
	for _, set := range s.sets {
		if !t.exists(unix.NFT_MSG_GETSET, unix.NFTA_SET_TABLE, unix.NFTA_SET_NAME, set.Name) {
			return false
		}
	}
	return t.exists(unix.NFT_MSG_GETCHAIN, unix.NFTA_CHAIN_TABLE, unix.NFTA_CHAIN_NAME, "prerouting")
}

// exists asks for one named part of the table.
func (t *Table) exists(msg, tableAttr, nameAttr uint16, name string) bool {
	t.wire.askFor(msg, tableAttr, nameAttr, name)
	return t.wire.exchange(func([]byte) {}) == nil
}

// tell reports damage; one report that nobody has taken yet is enough.
func (t *Table) tell(d actions.Damage) {
	select {
	case t.damaged <- d:
	default:
	}
}
