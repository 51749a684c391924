package firewall

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// told is a datagram as the kernel tells an element: with its time and what is left of it.
func told(key netip.Addr, left time.Duration) []byte {
	w := &wire{}
	w.begin()
	at := w.message(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWSETELEM, 0, unix.NFPROTO_INET, 0)
	list := w.attribute(unix.NFTA_SET_ELEM_LIST_ELEMENTS)
	one := w.attribute(unix.NFTA_LIST_ELEM)
	nest := w.attribute(unix.NFTA_SET_ELEM_KEY)
	value := w.attribute(unix.NFTA_DATA_VALUE)
	w.address(key)
	w.end(value)
	w.end(nest)
	expires := w.attribute(unix.NFTA_SET_ELEM_EXPIRATION)
	w.out = binary.BigEndian.AppendUint64(w.out, uint64(left.Milliseconds()))
	w.end(expires)
	w.end(one)
	w.end(list)
	w.close(at)
	return w.out
}

func TestParseElement(t *testing.T) {
	for _, c := range []struct {
		key  string
		left time.Duration
		want time.Duration
	}{
		{"192.0.2.1", time.Hour, time.Hour},
		{"2001:db8::1", time.Second, time.Second},
		{"192.0.2.1", 0, 1}, // in its last millisecond: not for good
	} {
		n := 0
		for m := range messages(told(netip.MustParseAddr(c.key), c.left)) {
			e, found := parseElement(m.body[nfgenSize:])
			if !found || e.key.String() != c.key || e.left != c.want {
				t.Errorf("%s for %s: %v, %+v", c.key, c.left, found, e)
			}
			n++
		}
		if n != 1 {
			t.Errorf("%d messages", n)
		}
	}
}

// TestWireAllocatesNothing: a ban's transaction is written into memory that is there.
func TestWireAllocatesNothing(t *testing.T) {
	w := &wire{}
	list := []element{{key: netip.MustParseAddr("2001:db8::1"), left: time.Hour}}
	write := func() {
		w.beginBatch()
		w.away("ban6", list)
		w.each(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, "ban6", list)
	}
	if n := testing.AllocsPerRun(100, write); n > 0 {
		t.Errorf("%.0f allocations", n)
	}
	datagram := told(list[0].key, time.Hour)
	if n := testing.AllocsPerRun(100, func() {
		for m := range messages(datagram) {
			parseElement(m.body[nfgenSize:])
		}
	}); n > 0 {
		t.Errorf("%.0f allocations to read", n)
	}
}

// FuzzAnswers: whatever a socket delivers, reading it ends and reads nothing beyond it.
func FuzzAnswers(f *testing.F) {
	f.Add(told(netip.MustParseAddr("192.0.2.1"), time.Hour))
	f.Add(told(netip.MustParseAddr("2001:db8::1"), 0)[:40])
	f.Fuzz(func(t *testing.T, datagram []byte) {
		for m := range messages(datagram) {
			if e, found := parseElement(m.body[nfgenSize:]); found && !e.key.IsValid() {
				t.Errorf("%x: an element without an address", datagram)
			}
		}
	})
}
