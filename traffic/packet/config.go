package packet

import (
	"fmt"
	"net/netip"
	"time"
)

// Config says what Decode looks into and how much it may hold. The comments name Suricata's settings.
type Config struct {
	// Checksums verifies the checksums of IPv4 headers and TCP segments and sets ChecksumBad. Those of other transports
	// are verified when asked for (TransportChecksumOK).
	Checksums bool
	// MaxLayers bounds the headers of one frame, tunnels included (decoder.max-layers).
	MaxLayers int

	VXLAN, GENEVE, Teredo TunnelPorts
	// StrictVXLAN refuses VXLAN headers whose reserved bits are set (decoder.vxlan.reserved-bits-check: strict).
	StrictVXLAN bool
	// ERSPANTypeI reads GRE protocol 0x88be without a sequence number as ERSPAN type I.
	ERSPANTypeI bool

	Defrag DefragConfig
	// VLANTracking keeps the fragments of different VLANs apart (vlan.use-for-tracking).
	VLANTracking bool
	// HostPolicies lists which hosts put overlapping fragments together in which way (host-os-policy). The
	// longest prefix that contains the destination decides; without one it is BSD.
	HostPolicies []HostPolicy
}

// TunnelPorts says at which UDP ports a tunnel protocol is looked for.
type TunnelPorts struct {
	Enabled bool
	Any     bool // at every port
	Ports   []uint16
}

// match tells whether one of the two ports is the tunnel's.
func (t *TunnelPorts) match(a, b uint16) bool {
	if !t.Enabled {
		return false
	}
	for _, port := range t.Ports {
		if port == a || port == b {
			return true
		}
	}
	return t.Any
}

// DefragConfig bounds the memory of defragmentation (Suricata's section defrag).
type DefragConfig struct {
	// MaxTrackers is the number of datagrams that may be under way at once.
	MaxTrackers int
	// MaxFragments is the number of fragments that may be held at once.
	MaxFragments int
	// Memcap is the number of payload bytes that may be held at once.
	Memcap int
	// Timeout is how long a datagram may take, from its latest fragment.
	Timeout time.Duration
	// HostTimeouts gives other times to some destinations; the longest prefix decides.
	HostTimeouts []HostTimeout
}

// HostPolicy gives the hosts in Prefix an overlap policy.
type HostPolicy struct {
	Prefix netip.Prefix
	Policy OverlapPolicy
}

// HostTimeout gives the datagrams to hosts in Prefix a defragmentation timeout.
type HostTimeout struct {
	Prefix  netip.Prefix
	Timeout time.Duration
}

// Default returns the settings that Suricata has without a configuration file.
func Default() Config {
	return Config{
		Checksums:   true,
		MaxLayers:   16,
		VXLAN:       TunnelPorts{Enabled: true, Ports: []uint16{4789}},
		GENEVE:      TunnelPorts{Enabled: true, Ports: []uint16{6081}},
		Teredo:      TunnelPorts{Enabled: true, Ports: []uint16{3544}},
		StrictVXLAN: true,
		ERSPANTypeI: true,

		VLANTracking: true,
		Defrag: DefragConfig{
			MaxTrackers:  65535,
			MaxFragments: 65535,
			Memcap:       32 << 20,
			Timeout:      60 * time.Second,
		},
	}
}

// maxLayersLimit keeps the layer counter of a packet within its byte.
const maxLayersLimit = 255

// Validate lists every fault of the configuration.
func (c *Config) Validate() []error {
	var faults []error
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	bad(c.MaxLayers >= 1 && c.MaxLayers <= maxLayersLimit, "decoder: max-layers %d is not within 1-%d", c.MaxLayers, maxLayersLimit)
	bad(c.Defrag.MaxTrackers >= 1, "defrag: trackers %d is not positive", c.Defrag.MaxTrackers)
	bad(c.Defrag.MaxFragments >= 1, "defrag: max-frags %d is not positive", c.Defrag.MaxFragments)
	bad(c.Defrag.Memcap >= maxDatagram, "defrag: memcap %d does not hold one datagram (at least %d)", c.Defrag.Memcap, maxDatagram)
	bad(c.Defrag.Timeout > 0, "defrag: timeout %v is not positive", c.Defrag.Timeout)
	for _, h := range c.HostPolicies {
		bad(h.Prefix.IsValid(), "host-os-policy: invalid prefix for %v", h.Policy)
	}
	for _, h := range c.Defrag.HostTimeouts {
		bad(h.Prefix.IsValid() && h.Timeout > 0, "defrag: host-config: prefix %v with timeout %v", h.Prefix, h.Timeout)
	}
	return faults
}
