package actions

import (
	"fmt"
	"net/netip"
	"time"
)

// Request asks for a ban.
type Request struct {
	Prefix   netip.Prefix  // one address is a /32 or /128
	Narrow   netip.Prefix  // the one party in Prefix that is meant: banned alone when the gate refuses Prefix; may be invalid
	For      time.Duration // how long from now; 0: until it is lifted
	Reason   string        // for the operator: "sid 2019401: ET SCAN …", "by hand"
	By       string        // who asks: "cli", "rule"
	Approved string        // the operator who has approved it; "": the gate may want to ask
	Private  bool          // the configuration that asks covers private ranges (a jail's own ignore list guards them)
	Scope    Scope         // what of the party's traffic is refused; zero: everything
	Jail     string        // the jail whose ban it is, "" for none: each jail has its own ban of a party
	Order    uint64        // the number of the measure or order that it belongs to; 0: none
}

// Ban is a ban that stands.
type Ban struct {
	Prefix netip.Prefix `json:"prefix"`
	Since  time.Time    `json:"since"`
	Until  time.Time    `json:"until,omitzero"` // zero: until it is lifted
	Reason string       `json:"reason,omitempty"`
	By     string       `json:"by,omitempty"`
	Scope  Scope        `json:"scope,omitzero"`
	Jail   string       `json:"jail,omitempty"`
	// Observed bans stand in the ledger only: observe mode kept them from the kernel.
	Observed bool `json:"observed,omitempty"`
}

// ChangeKind says what has happened to a ban.
type ChangeKind uint8

// The kinds of change.
const (
	BanMade    ChangeKind = iota // it is in force (or observed), and proven
	BanRenewed                   // it stood already and has a new end
	BanRefused                   // by the gate, or because too many stand; Err says why
	BanFailed                    // the kernel did not take it; Err says why
	BanLifted                    // by an operator, or because its party is protected now
	BanExpired                   // its time was over
)

// Change is one event of the ledger.
type Change struct {
	Kind  ChangeKind
	Ban   Ban
	Asked netip.Prefix // what the request was for: a network whose one party is banned, Ban's prefix else; invalid if nobody asked
	Order uint64       // of the request; 0 for what was not requested
	By    string       // of BanLifted: who has wanted it, if that was a person or a measure
	Err   error        // of BanRefused and BanFailed
}

// Expired tells whether the ban's time is over.
func (b Ban) Expired(now time.Time) bool { return !b.Until.IsZero() && !now.Before(b.Until) }

// Left is the remaining time in whole seconds, at least one; 0: until it is lifted, or it is over.
func (b Ban) Left(now time.Time) time.Duration {
	if b.Until.IsZero() {
		return 0
	}
	left := b.Until.Sub(now)
	if left <= 0 {
		return 0
	}
	return max(left.Round(time.Second), time.Second)
}

// Entry is one element of the kernel's sets.
type Entry struct {
	Target
	Left time.Duration // 0: for good
}

// Firewall is the kernel's side of bans; package firewall implements it on nftables.
type Firewall interface {
	// Apply adds and removes elements in one transaction; when it returns nil they are in force. Adding what
	// is there sets its time anew; removing what is absent is no error.
	Apply(add []Entry, remove []Target) error
	// Replace makes the kernel hold exactly these. What it held of them before it holds at every moment.
	Replace(all []Entry) error
	// Held reads elements back, in the order of the targets.
	Held(list []Target) ([]Holding, error)
	// Cut closes what banned peers have open within their scopes: conntrack entries and this host's sockets. It
	// returns at once.
	Cut(list []Target)
	// Damaged delivers a value when the kernel does not hold what it was told to hold any more.
	Damaged() <-chan Damage
	// Close lets go of the table; what stands in it stays in force (PERSIST).
	Close() error
}

// Holding is what the kernel holds of a target.
type Holding struct {
	Found bool
	Left  time.Duration // 0: for good
}

// Damage tells that the kernel's side of bans is not as it was left.
type Damage struct {
	Time   time.Time `json:"time"` // when it was repaired, or not
	What   string    `json:"what"` // "table inet picket: table removed by nft (process 812: nft flush ruleset)"
	By     string    `json:"by,omitempty"`
	Benign bool      `json:"benign,omitempty"` // nobody's doing: a device has come or gone
	Failed string    `json:"failed,omitempty"` // why it could not be repaired
}

// Refusal is the gate's answer when a ban must not be made.
type Refusal struct {
	Prefix    netip.Prefix
	Protected netip.Prefix
	Why       string // "an address of this host (eth0)"
	Ask       bool   // an operator may approve it
	Blast     *Blast // whom it would cut off; nil where that does not matter
}

func (r *Refusal) Error() string {
	if r.Ask {
		return fmt.Sprintf("ban %s: an operator must approve it: %s", Text(r.Prefix), r.Why)
	}
	if r.Protected.IsValid() && r.Protected != r.Prefix {
		how := "it covers"
		if r.Protected.Bits() < r.Prefix.Bits() {
			how = "it is in"
		}
		return fmt.Sprintf("ban %s: refused: %s %s, %s", Text(r.Prefix), how, Text(r.Protected), r.Why)
	}
	return fmt.Sprintf("ban %s: refused: it is %s", Text(r.Prefix), r.Why)
}

// Text prints a prefix, a single address without its length.
func Text(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// ParsePrefix reads an address or prefix as an operator writes it; host bits are cleared, a v4-mapped IPv6
// address is taken as the IPv4 address that it is.
func ParsePrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("%q is neither an address nor a prefix (write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/64)", text)
	}
	return Normal(p), nil
}

// Normal is the one form in which a prefix is compared and stored: masked, v4-mapped as IPv4.
func Normal(p netip.Prefix) netip.Prefix {
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked()
}
