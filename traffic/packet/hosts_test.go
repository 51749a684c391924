package packet

import "testing"

func TestHostHashIsTheSameBothWays(t *testing.T) {
	frame := func(src, dst byte, tags int) []byte {
		b := make([]byte, 12)
		for range tags {
			b = append(b, 0x81, 0, 0, 5)
		}
		b = append(b, 0x08, 0)
		ip := make([]byte, 20)
		ip[0], ip[12], ip[15], ip[16], ip[19] = 0x45, 10, src, 10, dst
		return append(b, ip...)
	}
	one, back, tagged := HostHash(LinkEthernet, frame(1, 2, 0)), HostHash(LinkEthernet, frame(2, 1, 0)), HostHash(LinkEthernet, frame(1, 2, 2))
	if one == 0 || one != back || one != tagged {
		t.Errorf("%08x, back %08x, tagged %08x: one conversation, one number", one, back, tagged)
	}
	if other := HostHash(LinkEthernet, frame(1, 3, 0)); other == one {
		t.Error("another conversation has the same number")
	}
	if HostHash(LinkEthernet, []byte("short")) != 0 || HostHash(LinkRaw, nil) != 0 {
		t.Error("a frame without IP has a number")
	}
}
