package capture

import (
	"bytes"
	"encoding/binary"
	"syscall"
	"testing"

	"github.com/florianl/go-nfqueue/v2"
	"golang.org/x/sys/unix"
)

// packetMessage builds what the kernel sends for a packet.
func packetMessage(id uint32, payload []byte, attrs ...[2]uint32) []byte {
	be := binary.BigEndian
	b := make([]byte, nfHeader)
	b = appendAttr(b, nfqaPacketHdr, 7)
	b = append(be.AppendUint32(b, id), 0x08, 0x00, 2, 0)
	for _, a := range attrs {
		b = be.AppendUint32(appendAttr(b, uint16(a[0]), 4), a[1])
	}
	b = append(appendAttr(b, nfqaPayload, len(payload)), payload...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], nfqMsgPacket)
	return b
}

// errorMessage builds what the kernel sends for a refused verdict.
func errorMessage(no syscall.Errno) []byte {
	b := make([]byte, nlHeader+4)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	binary.NativeEndian.PutUint16(b[4:], unix.NLMSG_ERROR)
	binary.NativeEndian.PutUint32(b[nlHeader:], uint32(-int32(no)))
	return b
}

// pairQueue is a queue whose kernel is the other end of a socket pair.
func pairQueue(t testing.TB, o QueueOptions) (q *queue, kernel int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	q = newQueue(fds[0], o)
	q.start()
	t.Cleanup(func() {
		q.Close()
		unix.Close(fds[1])
	})
	return q, fds[1]
}

func kernelSends(t testing.TB, fd int, messages ...[]byte) {
	t.Helper()
	for _, m := range messages {
		if _, err := unix.Write(fd, m); err != nil {
			t.Fatal(err)
		}
	}
}

func TestQueueMessages(t *testing.T) {
	q, kernel := pairQueue(t, QueueOptions{Num: 5, Mark: 0x100})
	kernelSends(t, kernel,
		packetMessage(1, []byte("one"), [2]uint32{nfqaMark, 7}, [2]uint32{nfqaInDev, 3}, [2]uint32{nfqaOutDev, 4},
			[2]uint32{nfqaCapLen, 99}, [2]uint32{nfqaSkbInfo, skbChecksumNotVerified}),
		errorMessage(unix.ENOENT),
		[]byte("what is this"),
		packetMessage(2, []byte("second"), [2]uint32{nfqaSkbInfo, skbChecksumNotVerified | skbGSO}),
		packetMessage(3, []byte("third")),
	)
	var b Batch
	if err := q.Receive(&b); err != nil {
		t.Fatal(err)
	}
	if len(b.Frames) != 3 {
		t.Fatalf("%d frames", len(b.Frames))
	}
	f := &b.Frames[0]
	if string(f.Data) != "one" || f.Iface != 3 || f.OutIf != 4 || f.WireLen != 99 || f.NoChecksum || f.Link != linkRaw || f.Num != 1 {
		t.Errorf("%+v", f)
	}
	if !b.Frames[1].NoChecksum || !b.Frames[2].NoChecksum {
		t.Error("checksums of super frames and of verified frames must not be judged")
	}
	b.Frames[0].Mark = true
	b.Frames[1].Verdict = Drop
	b.Frames[2].Replace = []byte("THIRD")
	if err := q.Release(&b); err != nil {
		t.Fatal(err)
	}
	want := appendVerdict(nil, nfqMsgVerdict, 5, nfVerdict{code: nfqueue.NfAccept, id: 1, mark: 0x107, setMark: true})
	want = appendVerdict(want, nfqMsgVerdict, 5, nfVerdict{code: nfqueue.NfDrop, id: 2})
	want = appendVerdict(want, nfqMsgVerdict, 5, nfVerdict{code: nfqueue.NfAccept, id: 3, payload: []byte("THIRD")})
	if got := sentToKernel(t, kernel); !bytes.Equal(got, want) {
		t.Errorf("verdicts\n% x, want\n% x", got, want)
	}
	if s := q.Stats(); s.Received != 3 || s.Bytes != 14 || s.Refused != 1 || s.Errors != 1 || s.Truncated != 1 {
		t.Errorf("%+v", s)
	}
}

func sentToKernel(t testing.TB, fd int) []byte {
	t.Helper()
	b := make([]byte, 1<<20)
	n, err := unix.Read(fd, b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

// TestQueueReplaceMuch: a batch of large replacements goes out in several calls, none above the kernel's limit.
func TestQueueReplaceMuch(t *testing.T) {
	q, kernel := pairQueue(t, QueueOptions{})
	large := make([]byte, 60000)
	const packets = 8
	for i := range uint32(packets) {
		kernelSends(t, kernel, packetMessage(i, []byte("x")))
	}
	var b Batch
	if err := q.Receive(&b); err != nil || len(b.Frames) != packets {
		t.Fatal(len(b.Frames), err)
	}
	for i := range b.Frames {
		b.Frames[i].Replace = large
	}
	answered := make(chan int)
	go func() {
		n := 0
		for n < packets {
			for m := sentToKernel(t, kernel); len(m) > 0; n++ {
				m = m[binary.NativeEndian.Uint32(m):]
			}
		}
		answered <- n
	}()
	if err := q.Release(&b); err != nil {
		t.Fatal(err)
	}
	if n := <-answered; n != packets {
		t.Errorf("%d verdicts for %d packets", n, packets)
	}
}

// TestQueueAllocations: a packet and its verdict cost no allocation, whatever the verdict.
func TestQueueAllocations(t *testing.T) {
	q, kernel := pairQueue(t, QueueOptions{Mark: 1})
	message := packetMessage(1, make([]byte, 1400), [2]uint32{nfqaMark, 7}, [2]uint32{nfqaSkbInfo, 1})
	answer := make([]byte, 1<<16)
	replacement := make([]byte, 1400)
	var b Batch
	round := func() {
		for range 4 {
			_, _ = unix.Write(kernel, message)
		}
		if err := q.Receive(&b); err != nil || len(b.Frames) != 4 {
			t.Fatal(len(b.Frames), err)
		}
		b.Frames[1].Verdict = Drop
		b.Frames[2].Mark = true
		b.Frames[3].Replace = replacement
		if err := q.Release(&b); err != nil {
			t.Fatal(err)
		}
		_, _ = unix.Read(kernel, answer)
	}
	round()
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations for four packets, want none", n)
	}
}

// FuzzQueueMessage: no message makes the reader panic or read beyond it.
func FuzzQueueMessage(f *testing.F) {
	f.Add(packetMessage(1, []byte("one"), [2]uint32{nfqaMark, 7}))
	f.Add(errorMessage(unix.EPERM))
	f.Add(packetMessage(1, nil)[:21])
	f.Fuzz(func(t *testing.T, b []byte) {
		var p nfPacket
		if parsePacket(b, &p) && len(p.payload) > len(b) {
			t.Fatal("payload longer than its message")
		}
		parseError(b)
	})
}
