package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/florianl/go-nfqueue/v2"
	"golang.org/x/sys/unix"
)

const (
	// queueBatch is how many packets one recvmmsg may bring.
	queueBatch = 32
	// maxPayload is the copy range asked for; the kernel gives at most 65,531 bytes.
	maxPayload = 0xffff
	// slotSize holds a payload and the attributes around it.
	slotSize = maxPayload + 1024
	// maxVerdicts bounds one sendto: the kernel refuses more than its send buffer (208 KiB) holds.
	maxVerdicts = 128 << 10
	// drainWait is how long an interrupted queue waits for packets that were under way to it.
	drainWait = 20 * time.Millisecond

	defaultQueueLen    = 4096
	defaultQueueBuffer = 16 << 20
)

// QueueOptions describes one NFQUEUE.
type QueueOptions struct {
	Num      uint16
	FailOpen bool   // a full queue lets packets pass uninspected instead of dropping them
	GSO      bool   // take large packets whole, as the kernel holds them: five times the throughput
	MaxLen   uint32 // packets that may wait; 0: 4096
	Buffer   int    // receive buffer in bytes; 0: 16 MiB
	// Mark is the bit that a verdict with Frame.Mark sets in the packet's mark, leaving the other bits alone.
	Mark uint32
	// Watchdog closes the queue when a batch is not released in this time: a hung worker must not stop the traffic
	// for longer. What happens then is the rule's business (bypass lets traffic pass). 0: no watchdog.
	Watchdog time.Duration
}

// ErrHung is returned once the watchdog has closed the queue.
var ErrHung = errors.New("the worker held its packets too long: the watchdog closed the queue")

// queue is a Source over one nfnetlink_queue. Its walk: recvmmsg brings up to queueBatch packets into memory that is
// reused, the worker judges them in place, Release sends all verdicts in one sendto. Nothing is allocated on the way.
type queue struct {
	fd    int
	opt   QueueOptions
	slots []byte
	msgs  []mmsghdr
	iovs  []unix.Iovec
	early int // packets that came before the kernel's acknowledgement: they stand in the first slots
	out   []byte
	num   uint64

	made   time.Time
	stop   atomic.Bool
	state  atomic.Int64 // who may touch the socket: see hold
	closed chan struct{}
	done   chan struct{}

	received, bytes, truncated, dropped, unseen, refused, errors atomic.Uint64
}

var _ Source = (*queue)(nil)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// OpenQueue binds a queue. Open all queues before the rule that feeds them is installed, and remove the rule before
// closing them. It needs CAP_NET_ADMIN, and so does every verdict: dropping the capability stops all traffic.
func OpenQueue(o QueueOptions) (Source, error) {
	if o.MaxLen == 0 {
		o.MaxLen = defaultQueueLen
	}
	if o.Buffer == 0 {
		o.Buffer = defaultQueueBuffer
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("open queue %d: %w", o.Num, err)
	}
	q := newQueue(fd, o)
	if err := q.setup(); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("open queue %d: %w%s", o.Num, err, queueRemedy(o.Num, err))
	}
	q.start()
	return q, nil
}

// queueRemedy explains EPERM, which the kernel also gives for a queue that somebody else holds.
func queueRemedy(num uint16, err error) string {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EBUSY) {
		return ""
	}
	if _, held := kernelQueue(num); held {
		return " (another program holds this queue, see /proc/net/netfilter/nfnetlink_queue: stop it or choose another number)"
	}
	return " (inline mode needs CAP_NET_ADMIN: run as root or grant it)"
}

// newQueue prepares the memory around a socket.
func newQueue(fd int, o QueueOptions) *queue {
	q := &queue{
		fd: fd, opt: o, made: time.Now(),
		slots:  make([]byte, queueBatch*slotSize),
		msgs:   make([]mmsghdr, queueBatch),
		iovs:   make([]unix.Iovec, queueBatch),
		out:    make([]byte, 0, maxVerdicts+slotSize),
		closed: make(chan struct{}),
		done:   make(chan struct{}),
	}
	for i := range q.msgs {
		q.iovs[i].Base = &q.slots[i*slotSize]
		q.iovs[i].SetLen(slotSize)
		q.msgs[i].hdr.Iov = &q.iovs[i]
		q.msgs[i].hdr.SetIovlen(1)
	}
	return q
}

// setup binds the socket and the queue.
func (q *queue) setup() error {
	if err := unix.Bind(q.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if err := unix.SetsockoptInt(q.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, q.opt.Buffer); err != nil {
		return fmt.Errorf("receive buffer: %w", err)
	}
	// A full buffer shall not break the stream: the kernel drops or fails open, and counts.
	if err := unix.SetsockoptInt(q.fd, unix.SOL_NETLINK, unix.NETLINK_NO_ENOBUFS, 1); err != nil {
		return fmt.Errorf("NETLINK_NO_ENOBUFS: %w", err)
	}
	tv := unix.NsecToTimeval(int64(idleWait))
	if err := unix.SetsockoptTimeval(q.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return fmt.Errorf("receive timeout: %w", err)
	}
	return q.configure()
}

// configure sends the configuration and waits for its acknowledgement. Under live traffic packets may come first:
// they are kept for the first Receive, because unanswered they would wait in the kernel for ever.
func (q *queue) configure() error {
	m, err := configMessage(q.opt)
	if err != nil {
		return err
	}
	if err := unix.Sendto(q.fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	for deadline := time.Now().Add(5 * time.Second); ; {
		n, _, err := unix.Recvfrom(q.fd, q.slot(q.early), 0)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN) && time.Now().Before(deadline):
			continue
		case err != nil:
			return fmt.Errorf("waiting for the acknowledgement: %w", err)
		}
		if no, ok := parseError(q.slot(q.early)[:n]); ok {
			if no != 0 {
				return no
			}
			return nil
		}
		q.msgs[q.early].n = uint32(n)
		if q.early++; q.early == queueBatch {
			q.passEarly()
		}
	}
}

// passEarly lets more early packets pass than the slots hold, uninspected and counted.
func (q *queue) passEarly() {
	var p nfPacket
	for i := range q.early {
		if parsePacket(q.slot(i)[:q.msgs[i].n], &p) {
			q.out = appendVerdict(q.out, nfqMsgVerdict, q.opt.Num, nfVerdict{code: nfqueue.NfAccept, id: p.id})
			q.unseen.Add(1)
		}
	}
	q.early = 0
	_ = q.send()
}

func (q *queue) slot(i int) []byte { return q.slots[i*slotSize : (i+1)*slotSize] }

// Receive waits for packets and fills the batch. Data views the queue's memory until Release.
func (q *queue) Receive(b *Batch) error {
	b.Frames = b.Frames[:0]
	if !q.take() {
		return q.hung()
	}
	n, err := q.receive()
	if err != nil {
		return err
	}
	now := time.Now().UnixNano()
	for i := range n {
		q.packet(b, q.slot(i)[:q.msgs[i].n], now)
	}
	q.hold(b)
	return nil
}

// receive reads a batch of messages. None and no error means that a while passed without traffic; io.EOF that the
// queue was interrupted and is empty.
func (q *queue) receive() (int, error) {
	if n := q.early; n > 0 {
		q.early = 0
		return n, nil
	}
	if q.stop.Load() {
		return q.drain()
	}
	n, no := q.recvmmsg(unix.MSG_WAITFORONE)
	switch no {
	case 0:
		return n, nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	case unix.ENOBUFS:
		q.errors.Add(1)
		return 0, nil
	}
	return 0, fmt.Errorf("receive from queue %d: %w", q.opt.Num, no)
}

// drain reads what still stands in the queue without waiting, but for packets just under way.
func (q *queue) drain() (int, error) {
	for _, d := range [...]time.Duration{0, drainWait} {
		p := [1]unix.PollFd{{Fd: int32(q.fd), Events: unix.POLLIN}}
		if n, _ := unix.Poll(p[:], int(d/time.Millisecond)); n == 0 {
			continue
		}
		if n, no := q.recvmmsg(unix.MSG_DONTWAIT); no == 0 {
			return n, nil
		}
	}
	return 0, io.EOF
}

func (q *queue) recvmmsg(flags uintptr) (int, syscall.Errno) {
	n, _, no := syscall.Syscall6(unix.SYS_RECVMMSG, uintptr(q.fd), uintptr(unsafe.Pointer(&q.msgs[0])),
		uintptr(len(q.msgs)), flags, 0, 0)
	return int(n), no
}

// packet adds a message's packet to the batch, or counts a refused verdict.
func (q *queue) packet(b *Batch, msg []byte, now int64) {
	var p nfPacket
	if !parsePacket(msg, &p) {
		if no, ok := parseError(msg); ok && no != 0 {
			q.refused.Add(1)
		} else if !ok {
			q.errors.Add(1)
		}
		return
	}
	q.num++
	f := b.extend()
	f.Data = p.payload
	f.Time = now
	f.Num = q.num
	f.WireLen = max(uint32(len(p.payload)), p.capLen)
	f.Iface, f.OutIf = int32(p.in), int32(p.out)
	f.Link = linkRaw
	// Only a packet that is neither waiting for its checksum, nor several in one, nor verified by the device has
	// a checksum that can be judged.
	f.NoChecksum = p.info&(skbChecksumNotReady|skbGSO|skbChecksumNotVerified) != skbChecksumNotVerified
	f.id, f.mark = p.id, p.mark
	q.received.Add(1)
	q.bytes.Add(uint64(len(p.payload)))
	if f.WireLen > uint32(len(p.payload)) {
		q.truncated.Add(1)
	}
}

// Release sends the verdicts of the batch.
func (q *queue) Release(b *Batch) error {
	if len(b.Frames) == 0 {
		return nil
	}
	if !q.take() {
		return q.hung()
	}
	if plain(b) {
		last := b.Frames[len(b.Frames)-1].id
		q.out = appendVerdict(q.out, nfqMsgVerdictBatch, q.opt.Num, nfVerdict{code: nfqueue.NfAccept, id: last})
		return q.send()
	}
	for i := range b.Frames {
		q.verdict(&b.Frames[i])
		if len(q.out) >= maxVerdicts {
			if err := q.send(); err != nil {
				return err
			}
		}
	}
	return q.send()
}

// plain tells whether one message can accept the whole batch. It accepts everything up to its last packet, which is
// safe because batches are answered in order and whole.
func plain(b *Batch) bool {
	for i := range b.Frames {
		if f := &b.Frames[i]; f.Verdict != Accept || f.Mark || f.Replace != nil {
			return false
		}
	}
	return true
}

// verdict adds one frame's verdict to what will be sent.
func (q *queue) verdict(f *Frame) {
	v := nfVerdict{code: nfqueue.NfAccept, id: f.id}
	if f.Verdict == Drop {
		v.code = nfqueue.NfDrop
	} else {
		v.mark, v.setMark = f.mark|q.opt.Mark, f.Mark && q.opt.Mark != 0
		if f.Replace != nil && len(f.Replace) <= maxPayload-4 {
			v.payload = f.Replace
		}
	}
	q.out = appendVerdict(q.out, nfqMsgVerdict, q.opt.Num, v)
}

// send gives the collected verdicts to the kernel. It asks for no acknowledgement: a refused verdict comes back as
// an error message and is counted by Receive.
func (q *queue) send() error {
	if len(q.out) == 0 {
		return nil
	}
	_, _, no := syscall.Syscall6(unix.SYS_SENDTO, uintptr(q.fd), uintptr(unsafe.Pointer(&q.out[0])),
		uintptr(len(q.out)), 0, 0, 0)
	q.out = q.out[:0]
	if no != 0 {
		return fmt.Errorf("send verdicts to queue %d: %w", q.opt.Num, no)
	}
	return nil
}

// Stats adds the kernel's counters of this queue: packets that found it full and packets that did not reach us.
func (q *queue) Stats() Stats {
	if s, ok := kernelQueue(q.opt.Num); ok {
		q.dropped.Store(s.dropped)
	}
	return Stats{
		Received:  q.received.Load(),
		Bytes:     q.bytes.Load(),
		Dropped:   q.dropped.Load(),
		Unseen:    q.unseen.Load(),
		Refused:   q.refused.Load(),
		Truncated: q.truncated.Load(),
		Errors:    q.errors.Load(),
	}
}

// queueState is a queue's line in /proc/net/netfilter/nfnetlink_queue.
type queueState struct {
	waiting uint64
	dropped uint64
}

// kernelQueue reads a queue's state in the network namespace of the calling thread.
func kernelQueue(num uint16) (s queueState, ok bool) {
	text, err := os.ReadFile("/proc/thread-self/net/netfilter/nfnetlink_queue")
	if err != nil {
		return s, false
	}
	for line := range bytes.Lines(text) {
		f := bytes.Fields(line) // queue, port id, waiting, mode, range, dropped full, dropped to user, last id, 1
		if len(f) < 7 || string(f[0]) != strconv.Itoa(int(num)) {
			continue
		}
		s.waiting, _ = strconv.ParseUint(string(f[2]), 10, 64)
		full, _ := strconv.ParseUint(string(f[5]), 10, 64)
		user, _ := strconv.ParseUint(string(f[6]), 10, 64)
		s.dropped = full + user
		return s, true
	}
	return s, false
}

// Interrupt makes Receive hand over what is queued and then end. Remove the rule first, or more keeps coming.
func (q *queue) Interrupt() { q.stop.Store(true) }
