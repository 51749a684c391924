// Package hostile makes up parties for the property tests of what stands behind the gate: neighbourhoods whose parties
// meet, and requests for those who must not be touched, in every form that might slip through. Its judge, Covers, shares
// no code with the gate.
package hostile

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"testing"
)

// Requests is how many requests a test makes: as many as PICKET_REQUESTS says (make property), or else the usual number.
func Requests(t testing.TB, usual int) int {
	t.Helper()
	text := os.Getenv("PICKET_REQUESTS")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < usual {
		t.Fatalf("PICKET_REQUESTS %q is not a number of at least %d", text, usual)
	}
	return n
}

// Source is a stream of parties; the same seed gives the same ones. One goroutine uses it.
type Source struct{ *rand.Rand }

// New makes a source.
func New(seed uint64) *Source { return &Source{rand.New(rand.NewPCG(seed, 1))} }

// Often tells whether something that happens once in n times happens now.
func (s *Source) Often(n int) bool { return s.IntN(n) == 0 }

// Address is anybody's: now and then in one of a few networks so that parties meet, and in a private range.
func (s *Source) Address() netip.Addr {
	var b [16]byte
	for i := range b {
		b[i] = byte(s.Uint32())
	}
	switch {
	case s.Often(2):
		copy(b[:], []byte{198, 51, 100})
	case s.Often(6):
		copy(b[:], []byte{10, 0, 0})
	}
	if s.Often(3) {
		copy(b[:], []byte{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

// One is the prefix of one address.
func One(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// Network is a prefix around anybody, at least so many bits long.
func (s *Source) Network(least int) netip.Prefix {
	a := s.Address()
	return netip.PrefixFrom(a, least+s.IntN(a.BitLen()-least+1))
}

// Near is a prefix near one of these, in a form that may slip through: it may be mapped, unmasked, or no prefix at all.
func (s *Source) Near(protected []netip.Prefix) netip.Prefix {
	a := protected[s.IntN(len(protected))].Addr()
	bits := s.IntN(a.BitLen() + 1)
	if s.Often(2) {
		bits = a.BitLen()
	}
	switch s.IntN(6) {
	case 0: // the same in IPv6's clothes
		if a.Is4() {
			return netip.PrefixFrom(netip.AddrFrom16(a.As16()), 96+bits)
		}
	case 1: // a mapped prefix that is wider than IPv4
		if a.Is4() {
			return netip.PrefixFrom(netip.AddrFrom16(a.As16()), s.IntN(97))
		}
	case 2: // a neighbour
		return netip.PrefixFrom(a.Next(), max(bits, 1))
	case 3: // no prefix at all
		return netip.PrefixFrom(a, 200)
	case 4:
		return netip.Prefix{}
	}
	return netip.PrefixFrom(a, bits)
}

// Text is a prefix as an operator or a policy may write it.
func (s *Source) Text(p netip.Prefix) string {
	switch {
	case p.Bits() == p.Addr().BitLen() && s.Often(2):
		return p.Addr().String()
	case s.Often(8):
		return " " + p.String()
	}
	return p.String()
}

// Covers tells whether two prefixes share an address, byte by byte.
func Covers(a, b netip.Prefix) bool {
	x, y := a.Addr().As16(), b.Addr().As16()
	if a.Addr().Unmap().Is4() != b.Addr().Unmap().Is4() {
		return false
	}
	bits := min(a.Bits()+128-a.Addr().BitLen(), b.Bits()+128-b.Addr().BitLen())
	whole := bits / 8
	if !bytes.Equal(x[:whole], y[:whole]) {
		return false
	}
	return bits%8 == 0 || (x[whole]^y[whole])>>(8-bits%8) == 0
}
