package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// SyslogAddress is where syslog messages are received.
type SyslogAddress struct {
	Network string      // as in package net: udp, tcp, unixgram (datagrams, like /dev/log) or unix (a stream)
	Address string      // host:port, or the path of the socket
	Mode    fs.FileMode // of the socket: who may write to it may send
}

// defaultSocketMode lets root alone send, as syslog daemons mostly run.
const defaultSocketMode = 0o600

// syslogSchemes are the first words of addresses and the networks that they stand for.
var syslogSchemes = map[string]string{"udp": "udp", "tcp": "tcp", "unix": "unixgram", "unix+stream": "unix"}

// ParseSyslogAddress reads udp://127.0.0.1:514, tcp://[::]:601, udp://:514 (all addresses), unix:///run/picket/log,
// unix+stream:///run/picket/log.stream; a path may have ?mode=0660 behind it. The host of UDP and TCP is an address.
func ParseSyslogAddress(text string) (a SyslogAddress, err error) {
	scheme, address, ok := strings.Cut(text, "://")
	a.Network = syslogSchemes[scheme]
	if !ok || a.Network == "" {
		return a, errors.New("not an address (udp://, tcp://, unix://, unix+stream://)")
	}
	if strings.HasPrefix(a.Network, "unix") {
		return a, a.readPath(address)
	}
	a.Address = address
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return a, errors.New("no port is given")
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" {
		return a, fmt.Errorf("%q is no address", host)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return a, fmt.Errorf("%q is no port", port)
	}
	return a, nil
}

// maxSocketPath is sun_path without its NUL (unix(7)).
const maxSocketPath = 107

func (a *SyslogAddress) readPath(text string) error {
	path, mode, said := strings.Cut(text, "?mode=")
	a.Address, a.Mode = path, defaultSocketMode
	if !filepath.IsAbs(path) || len(path) > maxSocketPath {
		return fmt.Errorf("%q is not an absolute path of at most %d bytes", path, maxSocketPath)
	}
	if said {
		n, err := strconv.ParseUint(mode, 8, 9)
		if err != nil {
			return fmt.Errorf("%q is no mode such as 0660", mode)
		}
		a.Mode = fs.FileMode(n)
	}
	return nil
}

// Local tells whether only this host can send there.
func (a SyslogAddress) Local() bool {
	host, _, err := net.SplitHostPort(a.Address)
	if strings.HasPrefix(a.Network, "unix") || err != nil {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// listen opens the socket: a net.PacketConn or a net.Listener.
func (a SyslogAddress) listen() (socket interface{ Close() error }, err error) {
	switch a.Network {
	case "udp":
		return net.ListenPacket(a.Network, a.Address)
	case "tcp":
		return net.Listen(a.Network, a.Address)
	}
	if err := a.clear(); err != nil {
		return nil, err
	}
	if a.Network == "unix" {
		socket, err = net.Listen(a.Network, a.Address)
	} else {
		socket, err = net.ListenUnixgram(a.Network, &net.UnixAddr{Name: a.Address, Net: a.Network})
	}
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(a.Address, a.Mode); err != nil {
		socket.Close()
		return nil, err
	}
	return socket, nil
}

// clear removes a socket left behind by an earlier run, and nothing else.
func (a SyslogAddress) clear() error {
	info, err := os.Lstat(a.Address)
	if vanished(err) {
		return os.MkdirAll(filepath.Dir(a.Address), 0o755)
	}
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeSocket == 0 {
		return errors.New("the file is there and is no socket")
	}
	for _, network := range [...]string{"unix", "unixgram"} {
		if c, err := net.Dial(network, a.Address); err == nil {
			c.Close()
			return errors.New("another program listens there")
		}
	}
	return os.Remove(a.Address)
}
