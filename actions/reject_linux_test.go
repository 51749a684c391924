package actions

import (
	"errors"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"picket/traffic/packet"
)

// inNamespace runs f in a new network namespace with only a loopback device. Its thread is never used again, so the
// namespace ends with it.
func inNamespace(t *testing.T, f func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- errNoNamespace
			return
		}
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	switch err := <-done; {
	case errors.Is(err, errNoNamespace):
		t.Skip("needs root for a network namespace")
	case err != nil:
		t.Error(err)
	}
}

var errNoNamespace = errors.New("no network namespace")

// TestRejectResets makes a connection over loopback, finds its data segment on the wire as a passive sensor would, and
// resets both ends.
func TestRejectResets(t *testing.T) {
	for _, c := range []struct {
		address string
		framed  bool // over IPv4 the kernel takes a frame to 127.0.0.1 for a martian
	}{{"127.0.0.1:0", false}, {"[::1]:0", false}, {"[::1]:0", true}} {
		inNamespace(t, func() error { return resetConnection(c.address, c.framed) })
	}
}

// resetConnection sends through the routing of the host, or as frames.
func resetConnection(address string, framed bool) error {
	tap, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0x0300) // ETH_P_ALL in network order
	if err != nil {
		return err
	}
	defer unix.Close(tap)
	timeout := unix.Timeval{Sec: 5}
	if err := unix.SetsockoptTimeval(tap, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return err
	}
	client, server, err := connect(address)
	if err != nil {
		return err
	}
	defer client.Close()
	defer server.Close()
	sender, err := OpenRejectSender(DefaultReject())
	if err != nil {
		return err
	}
	defer sender.Close()
	if _, err := client.Write([]byte("attack")); err != nil {
		return err
	}
	p, err := sniff(tap, "attack")
	if err != nil {
		return err
	}
	for _, to := range []Side{ToSource, ToDestination} {
		ip, err := BuildReject(p, to, true)
		if err != nil {
			return err
		}
		if framed {
			err = sender.SendFrame(loopbackIndex, FrameReject(p, to, ip))
		} else {
			err = sender.Send(ip)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(expectReset("client", client), expectReset("server", server))
}

// loopbackIndex is the interface index of lo in every namespace.
const loopbackIndex = 1

// connect dials a listener of its own.
func connect(address string) (client, server net.Conn, err error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if client, err = net.DialTimeout("tcp", l.Addr().String(), 5*time.Second); err != nil {
		return nil, nil, err
	}
	server, err = l.Accept()
	return client, server, err
}

// sniff waits for the segment with the payload.
func sniff(tap int, payload string) (*packet.Packet, error) {
	d := packet.NewDecoder(packet.Default())
	b := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(tap, b, 0)
		if err != nil {
			return nil, err
		}
		out := d.Decode(packet.Input{Data: b[:n], Link: packet.LinkEthernet})
		if p := out[len(out)-1]; string(p.Payload) == payload {
			return p, nil
		}
	}
}

// expectReset reads until the connection fails, and wants the failure to be a reset. What the peer sent comes first.
func expectReset(name string, c net.Conn) error {
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	b := make([]byte, 64)
	for {
		_, err := c.Read(b)
		switch {
		case err == nil:
		case errors.Is(err, unix.ECONNRESET):
			return nil
		default:
			return errors.Join(errors.New(name+" was not reset"), err)
		}
	}
}
