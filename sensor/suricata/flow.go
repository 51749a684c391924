package suricata

import (
	"picket/traffic/flow"
	"picket/traffic/packet"
	"picket/traffic/stream"
)

// Flow reads flow.*, flow-timeouts.* and what of vlan and decoder tells flows apart.
func (s *Settings) Flow(ips bool) flow.Config {
	c := flow.Default()
	c.Enforce = ips
	if s.file != "" {
		c.Timeouts = flow.BuiltIn()
	}
	c.Memcap = s.Size("flow.memcap", c.Memcap)
	c.HashSize = uint32(s.Within("flow.hash-size", int64(c.HashSize), 1, 1<<24))
	c.Prealloc = uint32(s.Within("flow.prealloc", int64(c.Prealloc), 0, 1<<20))
	c.UseVLAN = s.Bool("vlan.use-for-tracking", c.UseVLAN)
	c.UseDepth = s.Bool("decoder.recursion-level.use-for-tracking", c.UseDepth)
	c.AppError = s.exception("app-layer.error-policy", false, ips)
	c.MemcapPolicy = s.exception("flow.memcap-policy", false, ips)
	for kind, name := range [...]string{flow.TCPKind: "tcp", flow.UDPKind: "udp", flow.ICMPKind: "icmp", flow.Other: "default"} {
		s.timeouts("flow-timeouts."+name+".", &c.Timeouts[kind])
		s.timeouts("flow-timeouts."+name+".emergency-", &c.Urgent[kind])
	}
	return c
}

func (s *Settings) timeouts(prefix string, t *flow.Timeouts) {
	for phase, name := range [...]string{flow.New: "new", flow.Established: "established", flow.Closed: "closed", flow.Bypassed: "bypassed"} {
		t[phase] = s.Seconds(prefix+name, t[phase])
	}
}

// Stream reads stream.* and host-os-policy.
func (s *Settings) Stream(inline, checksums, ips bool) stream.Config {
	c := stream.Default()
	c.Inline = inline
	c.ChecksumValidation = checksums && s.Bool("stream.checksum-validation", c.ChecksumValidation)
	c.Midstream = s.Bool("stream.midstream", c.Midstream)
	c.AsyncOneside = s.Bool("stream.async-oneside", c.AsyncOneside)
	c.DropInvalid = s.Bool("stream.drop-invalid", c.DropInvalid)
	c.LiberalTimestamps = s.Bool("stream.liberal-timestamps", c.LiberalTimestamps)
	c.CheckOverlap = s.Bool("stream.reassembly.check-overlap-different-data", c.CheckOverlap)
	c.Memcap = s.Size("stream.memcap", c.Memcap)
	r := &c.Reassembly
	r.Memcap = s.Size("stream.reassembly.memcap", r.Memcap)
	r.Raw = s.Bool("stream.reassembly.raw", r.Raw)
	c.Bypass = s.Bool("stream.bypass", false)
	c.MidstreamPolicy = s.exception("stream.midstream-policy", c.Midstream, ips)
	c.MemcapPolicy = s.exception("stream.reassembly.memcap-policy", false, ips)
	c.MaxSynQueued = int(min(max(s.Int("stream.max-syn-queued", int64(c.MaxSynQueued)), 0), 255))
	c.MaxSynAckQueued = int(min(max(s.Int("stream.max-synack-queued", int64(c.MaxSynAckQueued)), 0), 255))
	if u, ok := stream.UrgentByName(s.Text("stream.reassembly.urgent.policy", "")); ok {
		r.Urgent = u
	}
	if u, ok := stream.UrgentByName(s.Text("stream.reassembly.urgent.oob-limit-policy", "")); ok {
		r.UrgentLimit = u
	}
	for path, to := range map[string]*uint32{"depth": &r.Depth, "toserver-chunk-size": &r.ToServerChunk, "toclient-chunk-size": &r.ToClientChunk} {
		*to = uint32(min(s.Size("stream.reassembly."+path, uint64(*to)), 1<<32-1))
	}
	for name, prefixes := range s.hostPolicies() {
		if policy, ok := stream.PolicyByName(name); ok {
			for _, p := range prefixes {
				c.Hosts = append(c.Hosts, stream.HostPolicy{Prefix: p, Policy: policy})
			}
		}
	}
	return c
}

// exception reads an exception policy; the master policy stands in for one that is not given. auto drops flows where
// packets can be dropped (ips), unless the exception is the rule (docs.suricata.io, "Exception Policies").
func (s *Settings) exception(path string, usual, ips bool) packet.Exception {
	word := s.Text(path, s.Text("exception-policy", "auto"))
	if e, ok := packet.ExceptionByName(word); ok {
		return e
	}
	if word == "auto" && ips && !usual {
		return packet.DropFlow
	}
	return packet.Ignore
}
