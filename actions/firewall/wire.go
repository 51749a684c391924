package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// wire speaks nf_tables' part of netlink (linux/netfilter/nfnetlink.h, nf_tables.h) for what is done for each ban: change
// elements, read them back. The kernel handles a datagram within the system call that sends it, so that all it has to say
// waits when the call returns: nothing here ever waits, and silence is a fault. Buffers are used again; one goroutine at a
// time may use a wire.
type wire struct {
	raw      syscall.RawConn
	sequence uint32 // of the last datagram
	out      []byte // the datagram in the making
	last     int    // where its last message starts
	empty    int    // how long it is before anything is in its transaction
	in       []byte // the one that was read last
}

// newWire speaks over a socket that others may use between two exchanges.
func newWire(c *netlink.Conn) (*wire, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("open nftables: %w", err)
	}
	if err := c.SetOption(netlink.CapAcknowledge, true); err != nil {
		return nil, fmt.Errorf("open nftables: refusals without what was refused: %w", err)
	}
	return &wire{raw: raw, in: make([]byte, answerSize)}, nil
}

// answerSize is room for one answer: an element in under 1 KiB, or an error's code and the head of what it is about.
const answerSize = 8 << 10

// errSilent is told when the kernel has not answered what it always answers.
var errSilent = errors.New("nf_tables did not answer")

// element is one element of a set: an address; in an interval set the first address of an interval, or the first one
// behind it.
type element struct {
	key  netip.Addr
	left time.Duration // 0: for good
	end  bool          // key stands behind an interval
}

// begin starts a datagram.
func (w *wire) begin() {
	w.sequence++
	if w.out = w.out[:0]; cap(w.out) > keptRoom {
		w.out = nil // of a restore
	}
}

// keptRoom is how much room for a datagram is kept for the next one, in bytes.
const keptRoom = 1 << 20

// beginBatch starts a transaction.
func (w *wire) beginBatch() {
	w.begin()
	w.close(w.message(unix.NFNL_MSG_BATCH_BEGIN, 0, 0, unix.NFNL_SUBSYS_NFTABLES))
	w.empty = len(w.out)
}

// idle tells whether nothing is in the transaction.
func (w *wire) idle() bool { return len(w.out) == w.empty }

// message appends a message without attributes and returns where it starts.
func (w *wire) message(kind, flags uint16, family byte, resource uint16) (start int) {
	start = len(w.out)
	w.last = start
	w.out = append(w.out, 0, 0, 0, 0) // its length, by close
	w.out = binary.NativeEndian.AppendUint16(w.out, kind)
	w.out = binary.NativeEndian.AppendUint16(w.out, flags|unix.NLM_F_REQUEST)
	w.out = binary.NativeEndian.AppendUint32(w.out, w.sequence)
	w.out = append(w.out, 0, 0, 0, 0) // to the kernel
	w.out = append(w.out, nfgen(family, resource)...)
	return start
}

// close ends a message.
func (w *wire) close(start int) {
	binary.NativeEndian.PutUint32(w.out[start:], uint32(len(w.out)-start))
}

// attribute appends an attribute's head and returns where it starts; what is appended then is its value.
func (w *wire) attribute(kind uint16) (start int) {
	start = len(w.out)
	w.out = binary.NativeEndian.AppendUint32(w.out, 0)
	binary.NativeEndian.PutUint16(w.out[start+2:], kind)
	return start
}

// end ends an attribute.
func (w *wire) end(start int) {
	binary.NativeEndian.PutUint16(w.out[start:], uint16(len(w.out)-start))
	for len(w.out)%unix.NLA_ALIGNTO != 0 {
		w.out = append(w.out, 0)
	}
}

func (w *wire) text(kind uint16, s string) {
	at := w.attribute(kind)
	w.out = append(append(w.out, s...), 0)
	w.end(at)
}

func (w *wire) number(kind uint16, n uint32) {
	at := w.attribute(kind)
	w.out = binary.BigEndian.AppendUint32(w.out, n)
	w.end(at)
}

// setOf appends a message about a set's elements, or with none about all of them.
func (w *wire) setOf(kind, flags uint16, set string, list []element) {
	at := w.message(unix.NFNL_SUBSYS_NFTABLES<<8|kind, flags, unix.NFPROTO_INET, 0)
	w.text(unix.NFTA_SET_ELEM_LIST_TABLE, TableName)
	w.text(unix.NFTA_SET_ELEM_LIST_SET, set)
	if len(list) > 0 {
		nest := w.attribute(unix.NFTA_SET_ELEM_LIST_ELEMENTS | unix.NLA_F_NESTED)
		for i := range list {
			w.element(&list[i])
		}
		w.end(nest)
	}
	w.close(at)
}

func (w *wire) element(e *element) {
	one := w.attribute(unix.NFTA_LIST_ELEM | unix.NLA_F_NESTED)
	key := w.attribute(unix.NFTA_SET_ELEM_KEY | unix.NLA_F_NESTED)
	value := w.attribute(unix.NFTA_DATA_VALUE)
	w.address(e.key)
	w.end(value)
	w.end(key)
	if e.left > 0 {
		at := w.attribute(unix.NFTA_SET_ELEM_TIMEOUT)
		w.out = binary.BigEndian.AppendUint64(w.out, uint64(max(e.left.Milliseconds(), 1)))
		w.end(at)
	}
	if e.end {
		w.number(unix.NFTA_SET_ELEM_FLAGS, unix.NFT_SET_ELEM_INTERVAL_END)
	}
	w.end(one)
}

func (w *wire) address(a netip.Addr) {
	if a.Is4() {
		b := a.As4()
		w.out = append(w.out, b[:]...)
		return
	}
	b := a.As16()
	w.out = append(w.out, b[:]...)
}

// each appends messages about elements, as many in one as its list may hold.
func (w *wire) each(kind, flags uint16, set string, list []element) {
	for len(list) > 0 {
		n := min(len(list), elementsPerCall)
		w.setOf(kind, flags, set, list[:n])
		list = list[n:]
	}
}

// commit ends a transaction, hands it to the kernel and returns what the kernel says: nil when all of it is in force, else
// nothing of it is.
func (w *wire) commit() error {
	// The answer to a message of a batch comes after the commit. Kernels before 6.10 have none to the end of a batch.
	flags := w.out[w.last+6:]
	binary.NativeEndian.PutUint16(flags, binary.NativeEndian.Uint16(flags)|unix.NLM_F_ACK)
	w.close(w.message(unix.NFNL_MSG_BATCH_END, 0, 0, unix.NFNL_SUBSYS_NFTABLES))
	return w.exchange(func([]byte) {})
}

// ask begins the question for elements of a set: they are answered in order, up to the first that is not there (ENOENT).
func (w *wire) ask(set string, list []element) {
	w.begin()
	w.setOf(unix.NFT_MSG_GETSETELEM, unix.NLM_F_ACK, set, list)
}

// askFor begins the question for a named part of the table.
func (w *wire) askFor(msg, tableAttr, nameAttr uint16, name string) {
	w.begin()
	at := w.message(unix.NFNL_SUBSYS_NFTABLES<<8|msg, unix.NLM_F_ACK, unix.NFPROTO_INET, 0)
	w.text(tableAttr, TableName)
	w.text(nameAttr, name)
	w.close(at)
}

// exchange sends the datagram and hands over the attributes of what the kernel answers, until it has acknowledged or
// refused.
func (w *wire) exchange(take func(attributes []byte)) error {
	if err := w.send(); err != nil {
		return err
	}
	for {
		datagram, err := w.receive()
		if err != nil {
			return err
		}
		for m := range messages(datagram) {
			if m.sequence != w.sequence {
				continue // what was left of an exchange that failed
			}
			if m.kind != unix.NLMSG_ERROR {
				take(m.body[nfgenSize:])
				continue
			}
			code := unix.Errno(-int32(binary.NativeEndian.Uint32(m.body)))
			if code == 0 {
				return nil
			}
			w.drain()
			return code
		}
	}
}

func (w *wire) send() (err error) {
	var fault error
	err = w.raw.Write(func(fd uintptr) (done bool) {
		_, fault = unix.Write(int(fd), w.out)
		return !errors.Is(fault, unix.EINTR) && !errors.Is(fault, unix.EAGAIN)
	})
	return errors.Join(err, fault)
}

// receive reads one datagram, which is valid until the next.
func (w *wire) receive() ([]byte, error) {
	var n int
	var fault error
	err := w.raw.Read(func(fd uintptr) (done bool) {
		for {
			if n, _, fault = unix.Recvfrom(int(fd), w.in, unix.MSG_DONTWAIT); !errors.Is(fault, unix.EINTR) {
				return true
			}
		}
	})
	if errors.Is(fault, unix.EAGAIN) {
		return nil, errSilent
	}
	return w.in[:max(n, 0)], errors.Join(err, fault)
}

// drain reads away what is left of a failed exchange: several messages of a batch may have been refused.
func (w *wire) drain() {
	for {
		if _, err := w.receive(); err != nil {
			return
		}
	}
}

// answer is one message of the kernel's.
type answer struct {
	kind     uint16
	sequence uint32
	body     []byte
}

// nfgenSize is the size of struct nfgenmsg, and of an error's code.
const nfgenSize = 4

// messages takes a datagram apart; what follows a message that is not whole is left out.
func messages(datagram []byte) iter.Seq[answer] {
	return func(yield func(answer) bool) {
		for len(datagram) >= unix.NLMSG_HDRLEN+nfgenSize {
			size := int(binary.NativeEndian.Uint32(datagram))
			if size < unix.NLMSG_HDRLEN+nfgenSize || size > len(datagram) {
				return
			}
			m := answer{binary.NativeEndian.Uint16(datagram[4:]), binary.NativeEndian.Uint32(datagram[8:]), datagram[unix.NLMSG_HDRLEN:size]}
			if !yield(m) {
				return
			}
			datagram = datagram[min((size+3)&^3, len(datagram)):]
		}
	}
}

// attributes takes attributes apart: kind, without its flags, and value.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofNlAttr {
			size := int(binary.NativeEndian.Uint16(b))
			if size < unix.SizeofNlAttr || size > len(b) || !yield(binary.NativeEndian.Uint16(b[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[unix.SizeofNlAttr:size]) {
				return
			}
			b = b[min((size+3)&^3, len(b)):]
		}
	}
}

// within is the value of an attribute among others, nil when it is not there.
func within(b []byte, kind uint16) []byte {
	for k, value := range attributes(b) {
		if k == kind {
			return value
		}
	}
	return nil
}

// parseElement digs an element out of the attributes of a NEWSETELEM message; false when there is none. What has no
// expiration stays for good.
func parseElement(b []byte) (e element, found bool) {
	one := within(within(b, unix.NFTA_SET_ELEM_LIST_ELEMENTS), unix.NFTA_LIST_ELEM)
	e.key, found = netip.AddrFromSlice(within(within(one, unix.NFTA_SET_ELEM_KEY), unix.NFTA_DATA_VALUE))
	if left := within(one, unix.NFTA_SET_ELEM_EXPIRATION); len(left) == 8 {
		e.left = max(time.Duration(binary.BigEndian.Uint64(left))*time.Millisecond, 1) // its last millisecond is not for good
	}
	return e, found
}
