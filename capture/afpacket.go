package capture

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// ringBatch is how many frames of a block are handed over at once.
	ringBatch = 128
	// ringRetire is how long the kernel keeps a part-filled block to itself: the latency that a ring adds.
	ringRetire = 10 * time.Millisecond
	// ringFrame is a nominal frame size that the kernel wants to see divide the block; V3 packs frames of any size.
	ringFrame = 2048
)

// RingOptions describes one AF_PACKET ring. Only Interface must be set.
type RingOptions struct {
	Interface string
	// FanoutID joins the rings of one interface into a group: each flow, both directions, goes to one of them. 0: no
	// group. The number is shared with other programs in the network namespace.
	FanoutID uint16
	// KeepFragments: leave IP fragments as they are when fanning out. By default the kernel reassembles them first,
	// because a fragment without ports would go to another ring than the rest of its flow.
	KeepFragments bool
	BlockSize     int  // bytes, a power of two of at least 128 KiB (frames may have 64 kB); 0: 1 MiB
	Blocks        int  // 0: 32
	Promisc       bool // see frames for others, too
	Snaplen       int  // bytes of a frame to keep; 0: all
}

// ring is a Source over a TPACKET_V3 receive ring (Linux Documentation/networking/packet_mmap.rst). Frames view the
// shared memory; a block goes back to the kernel when its last frame has been released.
type ring struct {
	fd     int
	name   string
	index  int
	link   uint16
	mem    []byte
	block  int // bytes in a block
	blocks int

	at   int    // the present block
	left uint32 // frames in it that were not handed over
	next uint32 // offset of the next one
	open bool   // the present block is ours
	num  uint64

	stop     atomic.Bool
	detached bool // told the kernel to deliver nothing more

	received, bytes, truncated, dropped, errors atomic.Uint64

	mu     sync.Mutex // guards closed against Stats
	closed bool
}

var _ Source = (*ring)(nil)

// OpenRing starts capturing on one interface. The socket hears nothing until the ring is complete and bound, so the
// first batch holds no frame of another interface. It needs CAP_NET_RAW, only now.
func OpenRing(o RingOptions) (Source, error) {
	if o.BlockSize == 0 {
		o.BlockSize = 1 << 20
	}
	if o.Blocks == 0 {
		o.Blocks = 32
	}
	if o.BlockSize < 128<<10 || o.BlockSize&(o.BlockSize-1) != 0 || o.Blocks < 2 {
		return nil, fmt.Errorf("open ring on %s: %d blocks of %d bytes (at least two blocks, each a power of two from 128 KiB)",
			o.Interface, o.Blocks, o.BlockSize)
	}
	ifi, err := net.InterfaceByName(o.Interface)
	if err != nil {
		return nil, fmt.Errorf("open ring on %s: no such interface (see ip link)", o.Interface)
	}
	r := &ring{fd: -1, name: o.Interface, index: ifi.Index, block: o.BlockSize, blocks: o.Blocks}
	if err := r.setup(o); err != nil {
		r.Close()
		return nil, fmt.Errorf("open ring on %s: %w%s", o.Interface, err, ringRemedy(err))
	}
	return r, nil
}

func ringRemedy(err error) string {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return " (capturing needs CAP_NET_RAW: run as root or grant it)"
	case errors.Is(err, unix.ENOMEM):
		return " (choose a smaller ring)"
	}
	return ""
}

// setup creates the socket, its memory and its filters, and binds it last.
func (r *ring) setup(o RingOptions) error {
	if err := r.socket(); err != nil {
		return err
	}
	if err := r.memory(); err != nil {
		return err
	}
	if err := r.options(o); err != nil {
		return err
	}
	all := &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: r.index}
	if err := unix.Bind(r.fd, all); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return r.fanout(o)
}

// socket opens an AF_PACKET socket of protocol 0, which receives nothing before bind. Devices without a link header
// that we know give their packets from the network header on.
func (r *ring) socket() (err error) {
	kind := unix.SOCK_RAW
	r.link = linkEthernet
	if !etherLike(r.name) {
		kind, r.link = unix.SOCK_DGRAM, linkRaw
	}
	if r.fd, err = unix.Socket(unix.AF_PACKET, kind|unix.SOCK_CLOEXEC, 0); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	return nil
}

// Data link types that the devices themselves give (https://www.tcpdump.org/linktypes.html).
const (
	linkEthernet = 1
	linkRaw      = 101
)

// etherLike tells whether the device's frames begin with an Ethernet header.
func etherLike(name string) bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	q, err := unix.NewIfreq(name)
	if err != nil || unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, q) != nil {
		return true
	}
	switch q.Uint16() {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		return true
	}
	return false
}

// memory asks for the ring and maps it.
func (r *ring) memory() (err error) {
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("TPACKET_V3: %w", err)
	}
	req := unix.TpacketReq3{
		Block_size:     uint32(r.block),
		Block_nr:       uint32(r.blocks),
		Frame_size:     ringFrame,
		Frame_nr:       uint32(r.block / ringFrame * r.blocks),
		Retire_blk_tov: uint32(ringRetire / time.Millisecond),
	}
	if err := unix.SetsockoptTpacketReq3(r.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return fmt.Errorf("PACKET_RX_RING of %d MiB: %w", r.block*r.blocks>>20, err)
	}
	if r.mem, err = unix.Mmap(r.fd, 0, r.block*r.blocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	return nil
}

func (r *ring) options(o RingOptions) error {
	// Without this a forwarded packet, and everything this host sends, would be seen twice.
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return fmt.Errorf("PACKET_IGNORE_OUTGOING: %w", err)
	}
	if o.Promisc {
		m := unix.PacketMreq{Ifindex: int32(r.index), Type: unix.PACKET_MR_PROMISC}
		if err := unix.SetsockoptPacketMreq(r.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
			return fmt.Errorf("promiscuous mode: %w", err)
		}
	}
	if o.Snaplen > 0 {
		return r.keep(uint32(o.Snaplen))
	}
	return nil
}

// keep lets the kernel cut frames to n bytes, by a filter of one instruction; 0 refuses all.
func (r *ring) keep(n uint32) error {
	code := [1]unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: n}}
	p := unix.SockFprog{Len: 1, Filter: &code[0]}
	if err := unix.SetsockoptSockFprog(r.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &p); err != nil {
		return fmt.Errorf("snap length: %w", err)
	}
	return nil
}

// fanout joins the group, which is possible only after bind.
func (r *ring) fanout(o RingOptions) error {
	if o.FanoutID == 0 {
		return nil
	}
	mode := unix.PACKET_FANOUT_HASH
	if !o.KeepFragments {
		mode |= unix.PACKET_FANOUT_FLAG_DEFRAG
	}
	if err := unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_FANOUT, int(o.FanoutID)|mode<<16); err != nil {
		return fmt.Errorf("fanout group %d: %w (another program may use the number; choose another)", o.FanoutID, err)
	}
	return nil
}

// htons turns a number into network byte order, in which AF_PACKET wants protocols. It assumes a little-endian
// machine, as all that picket is built for.
func htons(v uint16) uint16 { return v<<8 | v>>8 }

// desc is the header of the present block, shared with the kernel.
func (r *ring) desc() *unix.TpacketHdrV1 {
	b := (*unix.TpacketBlockDesc)(unsafe.Pointer(&r.mem[r.at*r.block]))
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&b.Hdr[0]))
}

// Receive hands over frames of the present block, or waits for the next.
func (r *ring) Receive(b *Batch) error {
	b.Frames = b.Frames[:0]
	if r.open && r.left == 0 { // a block without frames
		_ = r.Release(b)
	}
	if !r.open {
		if ok, err := r.wait(); !ok || err != nil {
			return err
		}
	}
	block := r.mem[r.at*r.block : (r.at+1)*r.block]
	var bytes, cut uint64
	for ; r.left > 0 && len(b.Frames) < ringBatch; r.left-- {
		h := (*unix.Tpacket3Hdr)(unsafe.Pointer(&block[r.next]))
		f := b.extend()
		r.frame(f, h, block[r.next:])
		r.next += h.Next_offset
		bytes += uint64(len(f.Data))
		if len(f.Data) < int(f.WireLen) {
			cut++
		}
	}
	r.received.Add(uint64(len(b.Frames)))
	r.bytes.Add(bytes)
	r.truncated.Add(cut)
	return nil
}

// wait looks whether the present block is ours and waits a while for it. After Interrupt it hands over what is left
// in the ring and then returns io.EOF.
func (r *ring) wait() (bool, error) {
	d := r.desc()
	if atomic.LoadUint32(&d.Block_status)&unix.TP_STATUS_USER == 0 {
		patience := idleWait
		if r.stop.Load() {
			if err := r.detach(); err != nil {
				return false, err
			}
			patience = 3 * ringRetire // until the kernel has retired the block that it was filling
		}
		if err := r.poll(patience); err != nil {
			return false, err
		}
		if atomic.LoadUint32(&d.Block_status)&unix.TP_STATUS_USER == 0 {
			if r.stop.Load() && r.detached {
				return false, io.EOF
			}
			return false, nil
		}
	}
	r.open, r.left, r.next = true, d.Num_pkts, d.Offset_to_first_pkt
	return true, nil
}

// detach makes the kernel refuse further frames, so that draining the ring comes to an end.
func (r *ring) detach() error {
	if r.detached {
		return nil
	}
	r.detached = true
	return r.keep(0)
}

// poll waits for a block. An interface that went down is waited for; one that is gone is an error.
func (r *ring) poll(d time.Duration) error {
	p := [1]unix.PollFd{{Fd: int32(r.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(p[:], int(d/time.Millisecond))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for frames on %s: %w", r.name, err)
	}
	if n == 0 || p[0].Revents&unix.POLLERR == 0 {
		return nil
	}
	r.errors.Add(1)
	cause, _ := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR) // reading clears it
	if ifi, err := net.InterfaceByIndex(r.index); err != nil || ifi.Index != r.index {
		return fmt.Errorf("wait for frames on %s: %w (the interface is gone)", r.name, syscall.Errno(cause))
	}
	return nil
}

// frame describes one frame of a block; b begins at its header.
func (r *ring) frame(f *Frame, h *unix.Tpacket3Hdr, b []byte) {
	r.num++
	from, to := uint32(h.Mac), uint32(h.Mac)+h.Snaplen
	f.Data = b[from:to:to]
	f.Time = int64(h.Sec)*1e9 + int64(h.Nsec)
	f.Num = r.num
	f.WireLen = max(h.Len, h.Snaplen)
	f.Link = r.link
	f.Iface = int32(r.index)
	f.HasVLAN = h.Status&unix.TP_STATUS_VLAN_VALID != 0
	if f.HasVLAN {
		f.VLAN = uint16(h.Hv1.Vlan_tci)
	}
	f.NoChecksum = h.Status&(unix.TP_STATUS_CSUMNOTREADY|unix.TP_STATUS_CSUM_VALID) != 0
}

// Release gives the block back to the kernel once all its frames have been handed over.
func (r *ring) Release(*Batch) error {
	if r.open && r.left == 0 {
		r.open = false
		atomic.StoreUint32(&r.desc().Block_status, unix.TP_STATUS_KERNEL)
		r.at = (r.at + 1) % r.blocks
	}
	return nil
}

// Stats adds the kernel's drop counter, which reading clears.
func (r *ring) Stats() Stats {
	r.count()
	return Stats{
		Received:  r.received.Load(),
		Bytes:     r.bytes.Load(),
		Dropped:   r.dropped.Load(),
		Truncated: r.truncated.Load(),
		Errors:    r.errors.Load(),
	}
}

func (r *ring) count() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if s, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		r.dropped.Add(uint64(s.Drops))
	}
}

// Interrupt ends the capture once what is in the ring has been handed over.
func (r *ring) Interrupt() { r.stop.Store(true) }

// Close unmaps the ring. Frames that were not released must not be touched afterwards.
func (r *ring) Close() error {
	r.count()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.fd < 0 {
		r.closed = true
		return nil
	}
	r.closed = true
	var err error
	if r.mem != nil {
		err = unix.Munmap(r.mem)
		r.mem = nil
	}
	return errors.Join(err, unix.Close(r.fd))
}
