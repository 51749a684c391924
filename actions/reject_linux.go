package actions

import (
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// RejectConfig says how reject packets are sent.
type RejectConfig struct {
	// Mark is put on every packet sent (SO_MARK), so that a queue rule can let our own packets pass. 0: none.
	Mark uint32
	// PerSecond bounds the packets sent in a second: whoever sends matching packets chooses how many answers there
	// are, and to whom.
	PerSecond int
}

// DefaultReject returns the usual settings.
func DefaultReject() RejectConfig { return RejectConfig{PerSecond: 1000} }

// RejectStats are a RejectSender's counters.
type RejectStats struct {
	Sent, Failed, Limited uint64
}

// RejectSender sends reject packets through raw sockets. It needs CAP_NET_RAW. One goroutine may send; Stats may be
// called by any.
type RejectSender struct {
	cfg      RejectConfig
	ip4, ip6 int // raw sockets, header included
	link     int // packet socket, -1 until the first frame is sent
	second   int64
	inSecond int

	sent, failed, limited atomic.Uint64
}

// OpenRejectSender opens the sockets.
func OpenRejectSender(cfg RejectConfig) (*RejectSender, error) {
	s := &RejectSender{cfg: cfg, ip4: -1, ip6: -1, link: -1}
	var err error
	if s.ip4, err = rawSocket(unix.AF_INET, cfg.Mark); err != nil {
		return nil, err
	}
	// A host without IPv6 has nothing to send there: Send says so when asked to.
	s.ip6, err = rawSocket(unix.AF_INET6, cfg.Mark)
	if err != nil {
		s.ip6 = -1
	}
	return s, nil
}

// rawSocket opens a socket that sends IP packets as they are (IPPROTO_RAW, raw(7)).
func rawSocket(family int, mark uint32) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if err != nil {
		return -1, fmt.Errorf("reject: raw socket: %w (needs CAP_NET_RAW)", err)
	}
	if mark != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(mark)); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("reject: mark raw socket: %w (needs CAP_NET_ADMIN)", err)
		}
	}
	return fd, nil
}

// Send routes and sends one IP packet. It returns nil without sending when the second's packets are used up.
func (s *RejectSender) Send(ip []byte) error {
	if len(ip) < 20 {
		return fmt.Errorf("reject: %d bytes are no IP packet", len(ip))
	}
	if !s.allowed() {
		return nil
	}
	if ip[0]>>4 == 4 {
		return s.count(unix.Sendto(s.ip4, ip, 0, &unix.SockaddrInet4{Addr: [4]byte(ip[16:20])}))
	}
	if len(ip) < 40 {
		return fmt.Errorf("reject: %d bytes are no IPv6 packet", len(ip))
	}
	if s.ip6 < 0 {
		return s.count(unix.EAFNOSUPPORT)
	}
	return s.count(unix.Sendto(s.ip6, ip, 0, &unix.SockaddrInet6{Addr: [16]byte(ip[24:40])}))
}

// SendFrame sends a whole frame out of an interface, past the host's routing: for sensors whose own addresses are not
// on the watched network.
func (s *RejectSender) SendFrame(iface int, frame []byte) error {
	if !s.allowed() {
		return nil
	}
	if s.link < 0 {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0) // 0: receives nothing
		if err != nil {
			return s.count(fmt.Errorf("packet socket: %w (needs CAP_NET_RAW)", err))
		}
		s.link = fd
	}
	return s.count(unix.Sendto(s.link, frame, 0, &unix.SockaddrLinklayer{Ifindex: iface}))
}

// allowed takes one of the second's packets.
func (s *RejectSender) allowed() bool {
	if now := time.Now().Unix(); now != s.second {
		s.second, s.inSecond = now, 0
	}
	if s.inSecond >= s.cfg.PerSecond {
		s.limited.Add(1)
		return false
	}
	s.inSecond++
	return true
}

func (s *RejectSender) count(err error) error {
	if err != nil {
		s.failed.Add(1)
		return fmt.Errorf("reject: send: %w", err)
	}
	s.sent.Add(1)
	return nil
}

// Stats returns the counters.
func (s *RejectSender) Stats() RejectStats {
	return RejectStats{Sent: s.sent.Load(), Failed: s.failed.Load(), Limited: s.limited.Load()}
}

// Close closes the sockets.
func (s *RejectSender) Close() error {
	for _, fd := range []int{s.ip4, s.ip6, s.link} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	return nil
}
