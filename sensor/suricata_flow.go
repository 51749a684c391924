package sensor

import (
	"picket/outputs/eve"
	"picket/traffic/flow"
	"picket/traffic/packet"
	"picket/traffic/stream"
)

// flowConfig reads flow.*, flow-timeouts.* and what of vlan and decoder tells flows apart.
func (s *Settings) flowConfig() flow.Config {
	c := flow.Default()
	c.Memcap = s.Size("flow.memcap", c.Memcap)
	c.HashSize = uint32(s.Within("flow.hash-size", int64(c.HashSize), 1, 1<<24))
	c.Prealloc = uint32(s.Within("flow.prealloc", int64(c.Prealloc), 0, 1<<20))
	c.UseVLAN = s.Bool("vlan.use-for-tracking", c.UseVLAN)
	c.UseDepth = s.Bool("decoder.recursion-level.use-for-tracking", c.UseDepth)
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

// streamConfig reads stream.* and host-os-policy.
func (s *Settings) streamConfig(inline, checksums bool) stream.Config {
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

// tcpSummary is what EVE's flow record tells of a connection; nil for other protocols.
func tcpSummary(f *flow.Flow, s *flow.State) *eve.TCPSummary {
	if f.Proto != packet.TCP {
		return nil
	}
	sum := &eve.TCPSummary{Flags: f.TCPFlags}
	if s == nil {
		return sum
	}
	if session := s.Session(); session != nil {
		sum.State = session.State.String()
	}
	if b := s.Bytes(); b != nil {
		sum.Gap = [2]bool{b.Gaps(packet.ToServer), b.Gaps(packet.ToClient)}
	}
	return sum
}
