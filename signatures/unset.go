package signatures

import (
	"fmt"

	"picket/signatures/language"
)

// bitName is a bit by its kind (orderFlowbits, orderHost, orderPair, orderTx) and name.
type bitName struct {
	kind int
	name string
}

// bitUse is what all rules together do with one bit.
type bitUse struct {
	bitName
	set    bool
	first  *Signature // that asks whether it is set
	others int        // signatures that ask too
}

// bitLedger collects the bits that rules set and ask for, in the order in which they first occur.
type bitLedger struct {
	uses []*bitUse
	by   map[bitName]*bitUse
}

func (l *bitLedger) use(n bitName) *bitUse {
	if l.by == nil {
		l.by = map[bitName]*bitUse{}
	}
	u := l.by[n]
	if u == nil {
		u = &bitUse{bitName: n}
		l.by[n], l.uses = u, append(l.uses, u)
	}
	return u
}

// add enters what a rule that is in force does.
func (l *bitLedger) add(s *Signature, u *stateUse) {
	for _, n := range u.setsBits {
		l.use(n).set = true
	}
	for _, n := range u.asksBits {
		switch use := l.use(n); {
		case use.first == nil:
			use.first = s
		case use.first != s:
			use.others++
		}
	}
}

// unset warns of bits that are asked for and never set: isset is never true, most often because the rule that sets the
// bit is disabled or was refused (Suricata's DetectFlowbitsAnalyze).
func (l *bitLedger) unset() (faults []language.Fault) {
	for _, u := range l.uses {
		if u.set || u.first == nil {
			continue
		}
		kind := map[int]string{orderFlowbits: "flowbit", orderHost: "host bit", orderPair: "bit of a pair of hosts", orderTx: "bit of transactions"}[u.kind]
		cause := fmt.Sprintf("%s %q is checked and no rule in force sets it", kind, u.name)
		if u.others > 0 {
			cause += fmt.Sprintf(" (rules that check it too: %d)", u.others)
		}
		faults = append(faults, language.Fault{Pos: u.first.Pos, SID: u.first.SID, Cause: cause, Soft: true})
	}
	return faults
}
