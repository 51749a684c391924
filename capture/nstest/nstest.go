// Package nstest builds small networks of namespaces for tests that need a real kernel.
//
// NewGateway gives three hosts: a - gateway - b, joined by veth pairs, IPv4 and IPv6, forwarding on. The namespaces
// have no names: they vanish with the test, however it ends. A test does its work inside with Host.Do, starts
// processes with Host.Start and Host.Run, and opens sockets with Host.Listen and Host.Dial; sockets stay in their
// namespace and may be used from everywhere. Tests without the privilege are skipped with the reason.
package nstest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Addresses of the hosts, and the names of their interfaces.
const (
	A4, A6        = "10.91.1.2", "fd91:1::2" // host a, interface eth0
	GatewayA4     = "10.91.1.1"              // the gateway towards a, interface toa
	GatewayA6     = "fd91:1::1"
	GatewayB4     = "10.91.2.1" // the gateway towards b, interface tob
	GatewayB6     = "fd91:2::1"
	B4, B6        = "10.91.2.2", "fd91:2::2" // host b, interface eth0
	HostIface     = "eth0"
	GatewayIfaceA = "toa"
	GatewayIfaceB = "tob"
	dialTimeout   = 2 * time.Second
	prefixLength4 = "/24"
	prefixLength6 = "/64"
)

// T is what this package needs of a testing.TB. bench has one of its own: measurements need networks as well.
type T interface {
	Helper()
	Cleanup(func())
	Skip(args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Host is one network namespace.
type Host struct {
	Name string
	ns   netns.NsHandle
}

// Gateway is the network a - gateway - b.
type Gateway struct {
	A, GW, B *Host
}

// NewHost makes a namespace with nothing but its loopback device.
func NewHost(t T, name string) *Host {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: network namespaces")
	}
	runtime.LockOSThread()
	old, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		t.Skip("needs network namespaces:", err)
	}
	defer old.Close()
	ns, err := netns.New()
	if err != nil {
		runtime.UnlockOSThread()
		t.Skip("needs network namespaces:", err)
	}
	back(t, old)
	h := &Host{Name: name, ns: ns}
	t.Cleanup(func() { ns.Close() })
	h.Do(t, func() {
		up(t, "lo")
		// No duplicate address detection: it would keep IPv6 waiting for a second.
		setting(t, "/proc/sys/net/ipv6/conf/default/accept_dad", "0")
	})
	return h
}

// back returns the thread to its namespace and unlocks it; when that fails the thread must die with its goroutine.
func back(t T, old netns.NsHandle) {
	if err := netns.Set(old); err != nil {
		t.Fatal("leave namespace:", err)
	}
	runtime.UnlockOSThread()
}

// NewGateway builds the network.
func NewGateway(t T) *Gateway {
	t.Helper()
	g := &Gateway{A: NewHost(t, "a"), GW: NewHost(t, "gateway"), B: NewHost(t, "b")}
	g.GW.Do(t, func() {
		setting(t, "/proc/sys/net/ipv4/ip_forward", "1")
		setting(t, "/proc/sys/net/ipv6/conf/all/forwarding", "1")
	})
	Link(t, g.A, HostIface, g.GW, GatewayIfaceA)
	Link(t, g.B, HostIface, g.GW, GatewayIfaceB)
	g.A.address(t, HostIface, A4, A6)
	g.B.address(t, HostIface, B4, B6)
	g.GW.address(t, GatewayIfaceA, GatewayA4, GatewayA6)
	g.GW.address(t, GatewayIfaceB, GatewayB4, GatewayB6)
	g.A.route(t, GatewayA4, GatewayA6)
	g.B.route(t, GatewayB4, GatewayB6)
	return g
}

// setting writes a kernel setting of the present namespace.
func setting(t T, file, value string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}

// Link joins two hosts by a veth pair and sets both ends up.
func Link(t T, x *Host, xName string, y *Host, yName string) {
	t.Helper()
	x.Do(t, func() {
		v := &netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: xName}, PeerName: yName,
			PeerNamespace: netlink.NsFd(int(y.ns)),
		}
		if err := netlink.LinkAdd(v); err != nil {
			t.Fatalf("link %s %s - %s %s: %v", x.Name, xName, y.Name, yName, err)
		}
		up(t, xName)
	})
	y.Do(t, func() { up(t, yName) })
}

func up(t T, name string) {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(l)
	}
	if err != nil {
		t.Fatalf("set up %s: %v", name, err)
	}
}

// address gives an interface its addresses.
func (h *Host) address(t T, iface, v4, v6 string) {
	t.Helper()
	h.Do(t, func() {
		l, err := netlink.LinkByName(iface)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []string{v4 + prefixLength4, v6 + prefixLength6} {
			addr, err := netlink.ParseAddr(a)
			if err != nil {
				t.Fatal(err)
			}
			addr.Flags = unix.IFA_F_NODAD // usable at once
			if err := netlink.AddrAdd(l, addr); err != nil {
				t.Fatalf("%s: address %s: %v", h.Name, a, err)
			}
		}
	})
}

func (h *Host) route(t T, gateways ...string) {
	t.Helper()
	h.Do(t, func() {
		for _, g := range gateways {
			if err := netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP(g)}); err != nil {
				t.Fatalf("%s: route by %s: %v", h.Name, g, err)
			}
		}
	})
}

// Do runs f in the host's namespace, on the calling goroutine. Sockets that f opens and processes that it starts
// belong to the host. f may fail the test.
func (h *Host) Do(t T, f func()) {
	t.Helper()
	runtime.LockOSThread()
	old, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := netns.Set(h.ns); err != nil {
		t.Fatalf("enter %s: %v", h.Name, err)
	}
	defer back(t, old)
	f()
}

// Go runs f in the host's namespace on a goroutine and a thread of its own; the thread ends with f. Wait for done
// before the test ends.
func (h *Host) Go(f func()) (done <-chan error) {
	c := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread dies
		err := netns.Set(h.ns)
		if err == nil {
			f()
		}
		c <- err
		close(c)
	}()
	return c
}

// Run runs a program on the host and returns what it printed. A failure fails the test.
func (h *Host) Run(t T, name string, args ...string) string {
	t.Helper()
	var out []byte
	var err error
	h.Do(t, func() { out, err = exec.Command(name, args...).CombinedOutput() })
	if err != nil {
		t.Fatalf("%s: %s %s: %v\n%s", h.Name, name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Start starts a prepared command on the host and kills it, if it still runs, at the end of the test. The returned
// function waits for it; it may be called by several.
func (h *Host) Start(t T, c *exec.Cmd) (wait func() error) {
	t.Helper()
	h.Do(t, func() {
		if err := c.Start(); err != nil {
			t.Fatalf("%s: start %s: %v", h.Name, c.Path, err)
		}
	})
	var err error
	ended := make(chan struct{})
	go func() {
		err = c.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		<-ended
	})
	return func() error {
		<-ended
		return err
	}
}

// Listen opens a listener on the host, closed at the end of the test.
func (h *Host) Listen(t T, network, addr string) net.Listener {
	t.Helper()
	var l net.Listener
	h.Do(t, func() {
		var err error
		if l, err = net.Listen(network, addr); err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
	})
	t.Cleanup(func() { l.Close() })
	return l
}

// ListenPacket opens a datagram socket on the host, closed at the end of the test.
func (h *Host) ListenPacket(t T, network, addr string) net.PacketConn {
	t.Helper()
	var c net.PacketConn
	h.Do(t, func() {
		var err error
		if c, err = net.ListenPacket(network, addr); err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
	})
	t.Cleanup(func() { c.Close() })
	return c
}

// Dial connects from the host, giving up after two seconds. addr must hold an address, not a name.
func (h *Host) Dial(t T, network, addr string) (c net.Conn, err error) {
	t.Helper()
	h.Do(t, func() { c, err = net.DialTimeout(network, addr, dialTimeout) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	t.Cleanup(func() { c.Close() })
	return c, nil
}

// Inject returns a function that sends whole frames out of an interface, as they are. Frames above the device's MTU
// are refused: see Quiet.
func (h *Host) Inject(t T, iface string) (send func(frame []byte) error) {
	t.Helper()
	var fd, index int
	h.Do(t, func() {
		ifi, err := net.InterfaceByName(iface)
		if err != nil {
			t.Fatalf("%s: %s: %v", h.Name, iface, err)
		}
		index = ifi.Index
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			t.Fatalf("%s: raw socket: %v", h.Name, err)
		}
	})
	t.Cleanup(func() { unix.Close(fd) })
	to := &unix.SockaddrLinklayer{Ifindex: index}
	return func(frame []byte) error { return unix.Sendto(fd, frame, 0, to) }
}

// Quiet takes the host's own words off its interfaces: no IPv6, no ARP. Only what a test sends is on the
// wire. mtu also limits what Inject may send.
func (h *Host) Quiet(t T, iface string, mtu int) {
	t.Helper()
	h.Do(t, func() {
		setting(t, "/proc/sys/net/ipv6/conf/"+iface+"/disable_ipv6", "1")
		l, err := netlink.LinkByName(iface)
		if err == nil {
			err = errors.Join(netlink.LinkSetARPOff(l), netlink.LinkSetMTU(l, mtu))
		}
		if err != nil {
			t.Fatalf("%s: quiet %s: %v", h.Name, iface, err)
		}
	})
}

// Echo serves every connection on the listener by sending back what it gets, until the listener is closed.
func Echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			b := make([]byte, 64<<10)
			for {
				n, err := c.Read(b)
				if err != nil {
					return
				}
				if _, err := c.Write(b[:n]); err != nil {
					return
				}
			}
		}()
	}
}
