package sensor

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"

	"picket/actions"
	"picket/actions/process"
	"picket/actions/procfs"
	"picket/incidents"
	"picket/traffic/packet"
)

// attributor names the process of this host behind a finding: when an alert tells that somebody has got in (a foothold
// and what comes later), whoever holds this host's end of the connection belongs to the case. The kernel is asked for
// the socket, and /proc for its holder; that takes milliseconds, so that packet workers hand such findings over and go
// on. A finding that finds the inbox full goes its way without a process.
type attributor struct {
	inbox chan attribution
	tell  func(*incidents.Finding)
	flows map[uint64]incidents.Process // found lately, by number of the flow
	next  time.Time                    // when the processes may be looked through again
	told  map[instance]bool            // whose origin was told
	// loggedIn tells whether a user is known to have logged in from an address; nil: nobody knows.
	loggedIn func(from netip.Addr, user string) bool
}

// instance names a process for good.
type instance struct {
	pid   int
	start uint64
}

// attribution is a finding that waits for its process.
type attribution struct {
	finding       *incidents.Finding
	proto         packet.Proto
	local, remote netip.AddrPort // this host's end and the other
	another       bool           // the process was found by another connection to remote
}

const (
	maxAttributions = 256 // that wait, and that are remembered
	// attributionPause lies between two looks through all processes: a flood of alerts must not become one of looks.
	attributionPause = 100 * time.Millisecond
	maxProcessTree   = 16 // generations that are told
)

func newAttributor(tell func(*incidents.Finding)) *attributor {
	return &attributor{inbox: make(chan attribution, maxAttributions), tell: tell, flows: map[uint64]incidents.Process{}, told: map[instance]bool{}}
}

// take takes a finding over if it concerns a process of this host; it never waits. Any worker may call it.
func (a *attributor) take(f *incidents.Finding, p *packet.Packet, local func(netip.Addr) bool) bool {
	if a == nil || f.Stage < incidents.Foothold || p.Proto != packet.TCP && p.Proto != packet.UDP {
		return false
	}
	one := attribution{finding: f, proto: p.Proto, local: addrPort(p.Src, p.SrcPort), remote: addrPort(p.Dst, p.DstPort)}
	if !local(one.local.Addr()) {
		one.local, one.remote = one.remote, one.local
	}
	if !local(one.local.Addr()) {
		return false
	}
	select {
	case a.inbox <- one:
		return true
	default:
		return false
	}
}

func addrPort(a packet.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a.Netip(), port) }

// run works until the inbox is closed.
func (a *attributor) run() {
	for one := range a.inbox {
		if p, ok := a.holder(&one); ok {
			a.origin(&one, &p)
			one.finding.Process = &p
			one.finding.Evidence = append(one.finding.Evidence, processEvidence(&one, &p))
		}
		a.tell(one.finding)
	}
}

// holder finds the process at this host's end of a finding's connection.
func (a *attributor) holder(one *attribution) (incidents.Process, bool) {
	id := one.finding.FlowID
	if p, known := a.flows[id]; known && id != 0 {
		return p, true
	}
	now := time.Now()
	if now.Before(a.next) {
		return incidents.Process{}, false
	}
	pid := owner(one)
	a.next = time.Now().Add(attributionPause)
	p, err := process.Describe(pid)
	if pid == 0 || err != nil {
		return p, false
	}
	if len(a.flows) >= maxAttributions {
		clear(a.flows)
	}
	a.flows[id] = p
	return p, true
}

// origin tells of the session that a process was started from, as a step of its own: it names who has got in. What the
// process says about that counts only when a log has told of that login, too.
func (a *attributor) origin(one *attribution, p *incidents.Process) {
	from, ok := actions.SessionOf(p.PID)
	if !ok || a.loggedIn == nil || !a.loggedIn(from.Addr(), p.User) || a.told[instance{p.PID, p.Start}] {
		return
	}
	if len(a.told) >= maxAttributions {
		clear(a.told)
	}
	a.told[instance{p.PID, p.Start}] = true
	at, err := procfs.Started(p.Start)
	if err != nil {
		at = one.finding.Time
	}
	a.tell(&incidents.Finding{
		Time: at, Kind: incidents.Started, Rule: incidents.Rule{ID: "picket:session-process", Name: "process of a remote session"},
		Severity: incidents.Low, Confidence: 60, Stage: incidents.Execution, Attacker: incidents.Endpoint{Addr: from.Addr(), Port: from.Port()},
		Host: one.finding.Host, User: p.User, Process: p, Text: fmt.Sprintf("%s (process %d): %s", p.Name, p.PID, p.Command),
	})
}

// owner finds the process that holds the connection; 0: nobody does any more. Some alerts come with the end of a
// connection: then it is who has another one to the same service now, as a program has that calls again and again.
func owner(one *attribution) int {
	owners := procfs.SocketOwners()
	if inode, err := socketInode(one); err == nil {
		if pid := owners[strconv.FormatUint(uint64(inode), 10)]; pid != 0 {
			return pid
		}
	}
	if one.proto != packet.TCP {
		return 0
	}
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // no IPv6
		}
		for s := range procfs.Sockets(text) {
			if pid := owners[s.Inode]; pid != 0 && s.Remote == one.remote {
				one.another = true
				return pid
			}
		}
	}
	return 0
}

// socketInode asks the kernel for one socket by its ends (sock_diag(7)).
func socketInode(one *attribution) (uint32, error) {
	var local, remote net.Addr = net.TCPAddrFromAddrPort(one.local), net.TCPAddrFromAddrPort(one.remote)
	if one.proto == packet.UDP {
		local, remote = net.UDPAddrFromAddrPort(one.local), net.UDPAddrFromAddrPort(one.remote)
	}
	s, err := netlink.SocketGet(local, remote)
	if err != nil {
		return 0, err
	}
	return s.INode, nil
}

// processEvidence is what can be read of a process at this moment.
func processEvidence(one *attribution, p *incidents.Process) incidents.Evidence {
	var text strings.Builder
	fmt.Fprintf(&text, "socket     %s %s to %s\n", protoName(one.proto), one.local, one.remote)
	if one.another {
		text.WriteString("           it is closed; the process has another one to the same service\n")
	}
	fmt.Fprintf(&text, "process    %d, started at tick %d\nname       %s\nexe        %s\ncommand    %s\nuser       %s\n",
		p.PID, p.Start, p.Name, p.Exe, p.Command, p.User)
	if p.Container != "" {
		fmt.Fprintf(&text, "container  %s\n", p.Container)
	}
	for i, pid := 0, p.PID; i < maxProcessTree && pid > 0; i++ {
		up, err := procfs.Read(pid)
		if err != nil {
			break
		}
		fmt.Fprintf(&text, "%s%d %s: %s\n", strings.Repeat("  ", i), pid, procfs.Printable(up.Comm), procfs.Printable(procfs.Command(pid, 256)))
		pid = up.Parent
	}
	return incidents.Evidence{
		Time: time.Now().UTC(), Kind: "process", Name: fmt.Sprintf("process %d (%s) behind %s", p.PID, p.Name, one.finding.Rule.ID),
		Type: "text/plain", Data: []byte(text.String()),
	}
}
