package packet

// OverlapPolicy says which of two overlapping fragments a host keeps. An attacker who knows the host's better than
// the sensor does shows the sensor another datagram than the host.
type OverlapPolicy uint8

// The policies (Novak, "Target-Based Fragmentation Reassembly", 2005).
const (
	PolicyBSD OverlapPolicy = iota
	PolicyBSDRight
	PolicyLinux
	PolicyFirst
	PolicyLast
	PolicySolaris
	PolicyWindows
)

var policyNames = [...]string{
	PolicyBSD: "bsd", PolicyBSDRight: "bsd-right", PolicyLinux: "linux", PolicyFirst: "first", PolicyLast: "last",
	PolicySolaris: "solaris", PolicyWindows: "windows",
}

func (o OverlapPolicy) String() string {
	if int(o) < len(policyNames) {
		return policyNames[o]
	}
	return "unknown"
}

// PolicyByOS returns the policy of an operating system as Suricata's host-os-policy names it. The system names
// that are policies of their own for TCP only stand for the one of their family.
func PolicyByOS(name string) (OverlapPolicy, bool) {
	switch name {
	case "bsd", "hpux10", "irix":
		return PolicyBSD, true
	case "bsd-right":
		return PolicyBSDRight, true
	case "linux", "old-linux":
		return PolicyLinux, true
	case "first", "old-solaris", "hpux11", "macos":
		return PolicyFirst, true
	case "last":
		return PolicyLast, true
	case "solaris":
		return PolicySolaris, true
	case "windows", "vista", "windows2k3":
		return PolicyWindows, true
	}
	return PolicyBSD, false
}

// prefers tells whether the bytes of a newly arrived piece replace those of an older one where they overlap.
func (o OverlapPolicy) prefers(young, old *piece) bool {
	switch o {
	case PolicyFirst:
		return false
	case PolicyLast:
		return true
	case PolicyBSD:
		return young.off < old.off
	case PolicyBSDRight:
		return young.off >= old.off
	case PolicyLinux:
		return young.off <= old.off
	case PolicySolaris:
		return young.off < old.off && young.end >= old.end
	case PolicyWindows:
		return young.off < old.off && young.end > old.end
	}
	return false
}
