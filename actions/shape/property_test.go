package shape

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/nftables/expr"

	"picket/actions"
	"picket/actions/hostile"
	"picket/actions/measure"
)

// Every measure that takes reach away stands behind the gate as bans do: whatever is asked, over random neighbourhoods,
// allow lists and modes, nothing that touches somebody protected comes to the kernel, and in observe mode nothing at all.

const (
	someOrders = 72_000 // in make test; make property makes a million
	orders     = 300    // in a neighbourhood, of every kind
	kinds      = 4
)

// town is one neighbourhood.
type town struct {
	*hostile.Source
	protected []netip.Prefix
	gate      *actions.Gate
	told      int // the kernel
	refused   int
}

func newTown(seed uint64) *town {
	w := &town{Source: hostile.New(seed)}
	var around []actions.Protected
	for range 1 + w.IntN(20) {
		p := hostile.One(w.Address())
		around = append(around, actions.Protected{Prefix: p, Why: "protected"})
		w.protected = append(w.protected, p)
	}
	var allow []netip.Prefix
	for range w.IntN(6) {
		allow = append(allow, w.Network(8).Masked())
	}
	w.protected = append(w.protected, allow...)
	w.gate = actions.NewGate(w.Often(4), actions.Rules{Allow: allow, Private: actions.Ruling(w.IntN(3))},
		func() ([]actions.Protected, error) { return around, nil }, func(error) {})
	return w
}

// target is somebody as an operator or policy may write it, often near somebody protected.
func (w *town) target() string {
	if w.Often(2) {
		return w.Text(hostile.One(w.Address()))
	}
	return w.Text(w.Near(w.protected))
}

// judge is the kernel: it holds what it is told against who is protected.
func (w *town) judge(t *testing.T, p netip.Prefix) {
	t.Helper()
	w.told++
	if w.gate.Observing() {
		t.Fatalf("observe mode: the kernel is told about %s", p)
	}
	if slices.ContainsFunc(w.protected, func(who netip.Prefix) bool { return hostile.Covers(p, who) }) {
		t.Fatalf("the kernel is told about %s, which covers somebody protected: %v", p, w.protected)
	}
}

// touched are whom rules take reach from, read out of the expressions that the kernel would get: the addresses that they
// compare, but for those of rules that accept.
func touched(chains []chain) (list []netip.Prefix) {
	for _, c := range chains {
		for _, rule := range c.rules {
			if v, ok := rule[len(rule)-1].(*expr.Verdict); ok && v.Kind == expr.VerdictAccept {
				continue
			}
			list = append(list, compared(rule)...)
		}
	}
	return list
}

// compared are the prefixes that a rule holds addresses of the network header against.
func compared(rule []expr.Any) (list []netip.Prefix) {
	var mask net.IPMask
	address := false // an address is in the register
	for _, e := range rule {
		switch e := e.(type) {
		case *expr.Payload:
			address, mask = e.Base == expr.PayloadBaseNetworkHeader, nil
		case *expr.Ct, *expr.Meta:
			address = false
		case *expr.Bitwise:
			mask = e.Mask
		case *expr.Cmp:
			a, ok := netip.AddrFromSlice(e.Data)
			if !address || !ok {
				continue
			}
			bits := a.BitLen()
			if mask != nil {
				bits, _ = mask.Size()
			}
			list = append(list, netip.PrefixFrom(a, bits))
		}
	}
	return list
}

func TestProtectedFromEveryKind(t *testing.T) {
	told, refused, neighbourhoods := 0, 0, hostile.Requests(t, someOrders)/orders/kinds
	for seed := range uint64(neighbourhoods) {
		w := newTown(seed)
		k := kernel{func(_ measure.ID, chains []chain) error {
			for _, p := range touched(chains) {
				w.judge(t, p)
			}
			return nil
		}, func() error { return nil }}
		measures := doers(w.gate, k, func(p netip.Prefix) (string, error) { w.judge(t, p); return "", nil })
		for n := range orders {
			for name, d := range measures {
				o := order(measure.ID(n), name, "address", w.target())
				_, err := d.Do(context.Background(), o)
				if err != nil && !errors.Is(err, measure.ErrObserved) {
					w.refused++
				}
			}
		}
		told, refused = told+w.told, refused+w.refused
	}
	if told < neighbourhoods*orders/5 || refused < neighbourhoods*orders/10 {
		t.Errorf("the kernel was told %d times, %d orders were refused: that proves little", told, refused)
	}
	t.Logf("%d orders: %d reached the kernel, %d were refused", neighbourhoods*orders*kinds, told, refused)
}
