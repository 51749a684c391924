package logs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"picket/watch"

	"golang.org/x/sys/unix"
)

const (
	// maxSyslogConns bounds the connections at a time, and with them goroutines and buffers.
	maxSyslogConns = 256
	// syslogIdle closes a connection that says nothing.
	syslogIdle = 10 * time.Minute
	// maxSyslogMessage is the longest message; RFC 5425 asks for 8192 at least.
	maxSyslogMessage = DefaultMaxLine
	// syslogReceive is the receive buffer asked of the kernel, for bursts.
	syslogReceive = 4 << 20
)

// SyslogConfig describes where messages are received.
type SyslogConfig struct {
	Name   string
	Host   string   // this host's name: for local messages
	Listen []string // addresses, see ParseSyslogAddress
	// Allow are the peers that may send over UDP and TCP; empty: only this host (loopback). UDP senders can be forged.
	Allow []netip.Prefix
	Warn  func(error)
}

// Syslog receives syslog messages, RFC 3164 and RFC 5424, over UDP, TCP (octet-counted or by line, RFC 6587) and Unix
// sockets. Goroutines: one for each socket, one for each connection (bounded), one that hands over.
type Syslog struct {
	cfg    SyslogConfig
	lender *watch.Lender
	origin *watch.Origin
	count  syslogCounters
	slots  chan struct{}

	mu      sync.Mutex
	sockets []interface{ Close() error }
	addrs   []net.Addr
}

type syslogCounters struct {
	messages, bytes, cut, refused, overrun, failed, framing, wrong, conns, dropped atomic.Uint64
}

var _ watch.Source = (*Syslog)(nil)

// NewSyslog checks the configuration and opens the sockets; its error tells of all that can't be opened. Run closes them.
func NewSyslog(cfg SyslogConfig) (*Syslog, error) {
	if cfg.Warn == nil {
		cfg.Warn = func(error) {}
	}
	if cfg.Name == "" || len(cfg.Listen) == 0 {
		return nil, fmt.Errorf("syslog source %q: needs a name and an address to listen on", cfg.Name)
	}
	s := &Syslog{cfg: cfg, origin: &watch.Origin{Source: cfg.Name, Host: cfg.Host}, slots: make(chan struct{}, maxSyslogConns)}
	s.lender = watch.NewLender(batchesPerSource, 0, nil)
	var faults error
	for _, l := range cfg.Listen {
		if err := s.open(l); err != nil {
			faults = errors.Join(faults, fmt.Errorf("syslog source %q: receive on %s: %w", cfg.Name, l, err))
		}
	}
	if faults != nil {
		s.Close()
		return nil, faults
	}
	return s, nil
}

// open opens one socket and remembers it.
func (s *Syslog) open(listen string) error {
	a, err := ParseSyslogAddress(listen)
	if err != nil {
		return err
	}
	socket, err := a.listen()
	if err != nil {
		return err
	}
	if b, ok := socket.(interface{ SetReadBuffer(int) error }); ok {
		_ = b.SetReadBuffer(syslogReceive) // as much as the system allows
	}
	if udp, ok := socket.(*net.UDPConn); ok {
		if err := tellOverflow(udp); err != nil {
			udp.Close()
			return err
		}
	}
	s.sockets = append(s.sockets, socket)
	switch socket := socket.(type) {
	case net.PacketConn:
		s.addrs = append(s.addrs, socket.LocalAddr())
	case net.Listener:
		s.addrs = append(s.addrs, socket.Addr())
	}
	return nil
}

// Addrs returns the local addresses, in the order of Listen.
func (s *Syslog) Addrs() []net.Addr { return s.addrs }

// Close closes the sockets of a receiver that was never run.
func (s *Syslog) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.sockets {
		c.Close()
		if local, ok := c.(*net.UnixConn); ok { // a listener of streams does it itself
			os.Remove(local.LocalAddr().String())
		}
	}
	s.sockets = nil
}

// Name implements watch.Source.
func (s *Syslog) Name() string { return s.cfg.Name }

// Run implements watch.Source.
func (s *Syslog) Run(ctx context.Context, out chan<- *watch.Batch) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &collector{ctx: ctx, out: out, lender: s.lender}
	var all sync.WaitGroup
	s.mu.Lock()
	for _, socket := range s.sockets {
		switch socket := socket.(type) {
		case net.PacketConn:
			all.Go(func() { s.packets(ctx, c, socket) })
		case net.Listener:
			all.Go(func() { s.accept(ctx, c, socket, &all) })
		}
	}
	s.mu.Unlock()
	all.Go(c.run)
	<-ctx.Done()
	s.Close()
	all.Wait()
	return nil
}

// packets reads datagrams: a message each.
func (s *Syslog) packets(ctx context.Context, c *collector, socket net.PacketConn) {
	buffer := make([]byte, maxSyslogMessage+1)
	read := s.receiver(socket)
	for {
		n, from, err := read(buffer)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if s.fault(err); errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		peer, ok := s.admit(from)
		if ok && s.message(c, peer, buffer[:n]) != nil {
			return
		}
	}
}

// receiver returns how a datagram is read from socket. Of UDP the kernel tells how many it had no room for; on a Unix socket
// the sender waits.
func (s *Syslog) receiver(socket net.PacketConn) func([]byte) (int, net.Addr, error) {
	udp, ok := socket.(*net.UDPConn)
	if !ok {
		return socket.ReadFrom
	}
	control := make([]byte, unix.CmsgSpace(4))
	last := uint32(0)
	return func(buffer []byte) (int, net.Addr, error) {
		n, have, _, from, err := udp.ReadMsgUDPAddrPort(buffer, control)
		if all, ok := overflowed(control[:have]); ok {
			s.count.dropped.Add(uint64(all - last)) // it counts modulo 2^32
			last = all
		}
		return n, net.UDPAddrFromAddrPort(from), err
	}
}

// tellOverflow asks the kernel to tell with each datagram how many were dropped before (socket(7), SO_RXQ_OVFL).
func tellOverflow(udp *net.UDPConn) error {
	raw, err := udp.SyscallConn()
	if err != nil {
		return err
	}
	var asked error
	err = raw.Control(func(fd uintptr) { asked = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1) })
	return errors.Join(err, asked)
}

// overflowed returns how many datagrams the kernel has dropped in all; it says nothing as long as there are none.
func overflowed(control []byte) (uint32, bool) {
	all, err := unix.ParseSocketControlMessage(control)
	for i := range all {
		if h := all[i].Header; err == nil && h.Level == unix.SOL_SOCKET && h.Type == unix.SO_RXQ_OVFL && len(all[i].Data) >= 4 {
			return binary.NativeEndian.Uint32(all[i].Data), true
		}
	}
	return 0, false
}

func (s *Syslog) fault(err error) {
	s.count.failed.Add(1)
	if s.count.failed.Load() == 1 {
		s.cfg.Warn(fmt.Errorf("syslog source %q: %w", s.cfg.Name, err))
	}
}

// admit says whether a peer may send, and its address; "" on a Unix socket, whose senders the file mode admits.
func (s *Syslog) admit(from net.Addr) (string, bool) {
	var at netip.AddrPort
	switch a := from.(type) {
	case *net.UDPAddr:
		at = a.AddrPort()
	case *net.TCPAddr:
		at = a.AddrPort()
	default:
		return "", true
	}
	addr := at.Addr().Unmap().WithZone("")
	ok := len(s.cfg.Allow) == 0 && addr.IsLoopback()
	for _, p := range s.cfg.Allow {
		ok = ok || p.Contains(addr)
	}
	if !ok {
		s.count.refused.Add(1)
	}
	return addr.String(), ok
}

// accept takes connections, up to the bound.
func (s *Syslog) accept(ctx context.Context, c *collector, l net.Listener, all *sync.WaitGroup) {
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return
		}
		if err != nil {
			if s.fault(err); errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(tick) // out of files, most likely
			continue
		}
		peer, ok := s.admit(conn.RemoteAddr())
		if !ok {
			conn.Close()
			continue
		}
		select {
		case s.slots <- struct{}{}:
			s.count.conns.Add(1)
			all.Go(func() {
				defer func() { <-s.slots }()
				s.stream(ctx, c, conn, peer)
			})
		default:
			s.count.overrun.Add(1)
			conn.Close()
		}
	}
}

// stream reads the messages of one connection.
func (s *Syslog) stream(ctx context.Context, c *collector, conn net.Conn, peer string) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	f := newFrames(idleConn{conn}, maxSyslogMessage)
	for {
		msg, err := f.next()
		if f.cut > 0 {
			s.count.cut.Add(f.cut)
			f.cut = 0
		}
		if err != nil {
			if errors.Is(err, errFraming) {
				s.count.framing.Add(1)
			}
			return
		}
		if s.message(c, peer, msg) != nil {
			return
		}
	}
}

// idleConn gives every read a time limit.
type idleConn struct{ net.Conn }

func (c idleConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(syslogIdle)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// message delivers one message; the error says that nothing more can be delivered.
func (s *Syslog) message(c *collector, peer string, msg []byte) error {
	if len(msg) > maxSyslogMessage {
		s.count.cut.Add(1)
		msg = wholeRunes(msg[:maxSyslogMessage])
	}
	for len(msg) > 0 && (msg[len(msg)-1] == '\n' || msg[len(msg)-1] == '\r' || msg[len(msg)-1] == 0) {
		msg = msg[:len(msg)-1]
	}
	if len(msg) == 0 {
		return nil
	}
	s.count.messages.Add(1)
	s.count.bytes.Add(uint64(len(msg)))
	now := time.Now().UnixNano()
	return c.add(func(b *watch.Batch) { s.fill(b, peer, msg, now) })
}

// fill copies a message into the batch: the line, and its parts as fields. peer is the only one that is trusted, and
// over UDP not even that.
func (s *Syslog) fill(b *watch.Batch, peer string, msg []byte, now int64) {
	begin := len(b.Text)
	text, v := Auto.decode(msg, &b.Text)
	if v == plain {
		b.Text = append(b.Text, msg...)
		text = b.Text[begin:]
	} else {
		s.count.wrong.Add(1)
	}
	m := parseSyslog(text)
	o := watch.Observation{Origin: s.origin, Time: now}
	here := peer
	if here == "" {
		here = s.cfg.Host
	}
	begin = len(b.Text)
	b.Text = m.appendLine(b.Text, here, time.Unix(0, now))
	o.Line = b.Text[begin:len(b.Text):len(b.Text)]
	from := len(b.Fields)
	add := func(name string, value []byte) {
		if len(value) > 0 {
			b.Fields = append(b.Fields, watch.Field{Name: name, Value: value})
		}
	}
	if peer != "" {
		begin = len(b.Text)
		b.Text = append(b.Text, peer...)
		add("peer", b.Text[begin:])
	}
	if m.priority >= 0 {
		begin = len(b.Text)
		b.Text = strconv.AppendInt(b.Text, int64(m.priority), 10)
		add("priority", b.Text[begin:])
	}
	add("host", m.host)
	add("app", m.app)
	add("pid", m.pid)
	add("msgid", m.id)
	add("structured", m.structured)
	add("message", m.text)
	o.Fields = b.Fields[from:len(b.Fields):len(b.Fields)]
	b.Observations = append(b.Observations, o)
}

// Counters implements watch.Source.
func (s *Syslog) Counters() []watch.Counter {
	c := &s.count
	return []watch.Counter{
		{Name: "messages", Value: c.messages.Load()},
		{Name: "bytes", Value: c.bytes.Load()},
		{Name: "messages-cut", Value: c.cut.Load()},
		{Name: "messages-recoded", Value: c.wrong.Load()},
		{Name: "messages-dropped", Value: c.dropped.Load()},
		{Name: "peers-refused", Value: c.refused.Load()},
		{Name: "connections", Value: c.conns.Load()},
		{Name: "connections-over-limit", Value: c.overrun.Load()},
		{Name: "framing-errors", Value: c.framing.Load()},
		{Name: "failures", Value: c.failed.Load()},
	}
}
