package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"picket/actions"
)

// askedAtOnce is how many elements one question names: their answers, under 1 KiB each, must fit the socket's buffer.
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
		k := kinds[kindOf(target.Prefix)]
		if k.bits != 0 {
			of[s.setName(k)] = append(of[s.setName(k)], i)
			continue
		}
		var err error
		if held[i].Left, held[i].Found, err = t.covered(s.setName(k), target.Prefix); err != nil {
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
	for len(indexes) > 0 {
		question := indexes[:min(askedAtOnce, len(indexes))]
		keys := make([]netip.Addr, len(question))
		for i, of := range question {
			keys[i] = list[of].Prefix.Addr()
		}
		answers, err := t.elements(set, keys)
		if err != nil {
			return fmt.Errorf("read %d elements of set %s: %w", len(keys), set, err)
		}
		for i, e := range answers {
			if e.key != keys[i] {
				return fmt.Errorf("read element %s of set %s: the kernel tells of %s", keys[i], set, e.key)
			}
			held[question[i]] = actions.Holding{Left: e.left, Found: e.found}
		}
		indexes = indexes[min(len(answers)+1, len(question)):]
	}
	return nil
}

// elements asks for elements of a set; fewer answers than keys mean that the next one is not there.
func (t *Table) elements(set string, keys []netip.Addr) ([]element, error) {
	body, err := elementRequest(set, 0, keys...)
	if err != nil {
		return nil, err
	}
	sent, err := t.ask.Send(netlink.Message{
		Header: netlink.Header{Type: messageType(unix.NFT_MSG_GETSETELEM), Flags: netlink.Request | netlink.Acknowledge},
		Data:   append(nfgen(unix.NFPROTO_INET, 0), body...),
	})
	if err != nil {
		return nil, err
	}
	all := make([]element, 0, len(keys))
	for {
		datagram, err := t.receive()
		if err != nil {
			return nil, err
		}
		var done bool
		if all, done, err = answered(all, datagram, sent.Header.Sequence); done || err != nil {
			return all, err
		}
	}
}

// receive reads one datagram, which is valid until the next: a system call less than netlink.Conn, which looks at the size
// first. Answers about elements are short.
func (t *Table) receive() ([]byte, error) {
	raw, err := t.ask.SyscallConn()
	if err != nil {
		return nil, err
	}
	if t.answers == nil {
		t.answers = make([]byte, 16<<10)
	}
	var n int
	var fault error
	err = raw.Read(func(fd uintptr) (done bool) {
		n, _, fault = unix.Recvfrom(int(fd), t.answers, unix.MSG_DONTWAIT)
		return !errors.Is(fault, unix.EAGAIN)
	})
	if err = errors.Join(err, fault); err != nil {
		return nil, err
	}
	return t.answers[:n], nil
}

// answered adds the elements of a datagram to those of a question; done tells that its acknowledgement was there. What
// belongs to an earlier question is passed over.
func answered(all []element, datagram []byte, question uint32) (_ []element, done bool, err error) {
	for len(datagram) >= unix.NLMSG_HDRLEN {
		size := int(binary.NativeEndian.Uint32(datagram))
		if size < unix.NLMSG_HDRLEN+4 || size > len(datagram) {
			return all, false, unix.EBADMSG
		}
		kind, sequence := binary.NativeEndian.Uint16(datagram[4:]), binary.NativeEndian.Uint32(datagram[8:])
		body := datagram[unix.NLMSG_HDRLEN:size]
		datagram = datagram[min((size+3)&^3, len(datagram)):]
		switch {
		case sequence != question:
		case kind == unix.NLMSG_ERROR:
			code := unix.Errno(-int32(binary.NativeEndian.Uint32(body)))
			if code == 0 || code == unix.ENOENT {
				return all, true, nil
			}
			return all, true, code
		default:
			e, err := parseElement(body[4:])
			if err != nil {
				return all, false, err
			}
			all = append(all, e)
		}
	}
	return all, false, nil
}
