package packet

import "testing"

// TestReseal: a rewritten payload gets right checksums, IPv4 and IPv6, TCP and UDP, odd lengths too.
func TestReseal(t *testing.T) {
	v4 := []byte{0x45, 0, 0, 0, 0, 1, 0, 0, 64, 0, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	v6 := append([]byte{0x60, 0, 0, 0, 0, 0, 0, 64}, make([]byte, 32)...)
	tcp := []byte{4, 1, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 0, 0xbe, 0xef, 0, 0}
	udp := []byte{4, 1, 0, 53, 0, 11, 0xbe, 0xef}
	for name, tc := range map[string]struct {
		ip, l4 []byte
		proto  Proto
	}{"IPv4 TCP": {v4, tcp, TCP}, "IPv6 TCP": {v6, tcp, TCP}, "IPv4 UDP": {v4, udp, UDP}, "IPv6 UDP": {v6, udp, UDP}} {
		for _, payload := range []string{"", "abc", "abcd"} {
			ip := append(append(append([]byte(nil), tc.ip...), tc.l4...), payload...)
			p := Packet{IP: ip, L4: ip[len(tc.ip):], Proto: tc.proto, Family: ip[0] >> 4, Flags: ChecksumBad}
			if p.TransportChecksumOK() {
				t.Fatalf("%s: the wrong checksum is right", name)
			}
			p.Reseal()
			if !p.IPChecksumOK() || !p.TransportChecksumOK() || p.Has(ChecksumBad) {
				t.Errorf("%s %q: checksums are wrong", name, payload)
			}
		}
	}
}
