package shape

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"picket/actions"
	"picket/actions/measure"
)

// Every measure that takes reach away stands behind the gate as bans do: whatever is asked, over random neighbourhoods,
// allow lists and modes, nothing that touches somebody protected comes to the kernel, and in observe mode nothing at all.

const (
	neighbourhoods = 60
	orders         = 300 // in each, of every kind
)

// town is one neighbourhood.
type town struct {
	rng       *rand.Rand
	protected []netip.Prefix
	gate      *actions.Gate
	told      int // the kernel
	refused   int
}

func newTown(seed uint64) *town {
	w := &town{rng: rand.New(rand.NewPCG(seed, 7))}
	var around []actions.Protected
	for range 1 + w.rng.IntN(20) {
		a := w.address()
		around = append(around, actions.Protected{Prefix: netip.PrefixFrom(a, a.BitLen()), Why: "protected"})
		w.protected = append(w.protected, netip.PrefixFrom(a, a.BitLen()))
	}
	var allow []netip.Prefix
	for range w.rng.IntN(6) {
		a := w.address()
		allow = append(allow, netip.PrefixFrom(a, 8+w.rng.IntN(a.BitLen()-7)).Masked())
	}
	w.protected = append(w.protected, allow...)
	w.gate = actions.NewGate(w.rng.IntN(4) == 0, actions.Rules{Allow: allow, Private: actions.Ruling(w.rng.IntN(3))},
		func() ([]actions.Protected, error) { return around, nil }, func(error) {})
	return w
}

// address is anybody's, often one of a few networks.
func (w *town) address() netip.Addr {
	var b [16]byte
	for i := range b {
		b[i] = byte(w.rng.Uint32())
	}
	if w.rng.IntN(2) == 0 {
		copy(b[:], []byte{198, 51, 100})
	}
	if w.rng.IntN(3) == 0 {
		copy(b[:], []byte{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

// target is an address or prefix as an operator or policy may write it, often near somebody protected.
func (w *town) target() string {
	a := w.address()
	if w.rng.IntN(2) == 0 {
		a = w.protected[w.rng.IntN(len(w.protected))].Addr()
	}
	switch w.rng.IntN(5) {
	case 0:
		return netip.PrefixFrom(a, w.rng.IntN(a.BitLen()+1)).String()
	case 1:
		if a.Is4() {
			return "::ffff:" + a.String()
		}
	case 2:
		return a.Next().String()
	case 3:
		if a.Is4() {
			return netip.PrefixFrom(netip.AddrFrom16(a.As16()), 96+w.rng.IntN(33)).String()
		}
	}
	return a.String()
}

// judge is the kernel: it holds what it is told against who is protected.
func (w *town) judge(t *testing.T, text string) {
	t.Helper()
	w.told++
	if w.gate.Observing() {
		t.Fatalf("observe mode: the kernel is told about %s", text)
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a := netip.MustParseAddr(text)
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if a := p.Addr(); a.Is4In6() {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	if slices.ContainsFunc(w.protected, p.Overlaps) {
		t.Fatalf("the kernel is told about %s, which covers somebody protected: %v", text, w.protected)
	}
}

func TestProtectedFromEveryKind(t *testing.T) {
	told, refused := 0, 0
	for seed := range uint64(neighbourhoods) {
		w := newTown(seed)
		asked := ""
		kernel := func(measure.ID, []chain) error { w.judge(t, asked); return nil }
		kinds := map[string]measure.Doer{
			"ratelimit":  &lasting{w.gate, attacker, rateLimit, kernel},
			"tarpit":     &lasting{w.gate, attacker, tarpit, kernel},
			"quarantine": &lasting{w.gate, victim, quarantine, kernel},
			"cut":        &cut{w.gate, func(netip.Prefix) (int, error) { w.judge(t, asked); return 0, nil }},
		}
		for n := range orders {
			for name, d := range kinds {
				asked = w.target()
				_, err := d.Do(context.Background(), order(measure.ID(n), name, "address", asked))
				if err != nil && !errors.Is(err, measure.ErrObserved) {
					w.refused++
				}
			}
		}
		told, refused = told+w.told, refused+w.refused
	}
	if told < neighbourhoods*orders/10 || refused < neighbourhoods*orders/10 {
		t.Errorf("the kernel was told %d times, %d orders were refused: that proves little", told, refused)
	}
	t.Logf("%d orders: %d reached the kernel, %d were refused", neighbourhoods*orders*4, told, refused)
}
