package eve

import (
	"picket/traffic/app"
	"picket/traffic/flow"
	"picket/traffic/packet"
)

// TCPSummary is what a flow record tells of the connection; the zero value is a flow that was never tracked.
type TCPSummary struct {
	State   string    // "established", "closed" ...; "" writes none
	Flags   [2]uint8  // all flags seen, by direction
	Gap     [2]bool   // bytes of the direction are missing
	Regions [2]uint32 // most pieces of data that waited at once; 0 writes none
}

// appProto writes the flow's application protocol and where the directions disagree.
func appProto(j *JSON, c *app.Conn) {
	if c == nil {
		return
	}
	if c.Proto != app.Unknown {
		j.Str("app_proto", c.Proto.String())
	}
	for dir, key := range [2]string{"app_proto_ts", "app_proto_tc"} {
		if by := c.ProtoBy[dir]; by != app.Unknown && by != c.Proto {
			j.Str(key, by.String())
		}
	}
	if c.Before != app.Unknown && c.Before != c.Proto {
		j.Str("app_proto_orig", c.Before.String())
	}
}

// flowCounts writes the members that alert and flow records share.
func flowCounts(j *JSON, f *flow.Flow) {
	j.Uint("pkts_toserver", f.Packets[packet.ToServer])
	j.Uint("pkts_toclient", f.Packets[packet.ToClient])
	j.Uint("bytes_toserver", f.Bytes[packet.ToServer])
	j.Uint("bytes_toclient", f.Bytes[packet.ToClient])
	j.Time("start", f.Start)
}

// Flow writes the records of a flow that is over: one flow record and, when configured, a netflow record for each
// direction. tcp is nil for other protocols.
func (l *Logger) Flow(at *Moment, why flow.EndReason, tcp *TCPSummary) {
	if l.cfg.Enabled("flow") {
		l.flowRecord(at, why, tcp)
	}
	if l.cfg.netflow() {
		l.netflow(at, packet.ToServer, tcp)
		if at.Flow.Packets[packet.ToClient] > 0 {
			l.netflow(at, packet.ToClient, tcp)
		}
	}
}

func (l *Logger) flowRecord(at *Moment, why flow.EndReason, tcp *TCPSummary) {
	j, f := &l.json, at.Flow
	l.head("flow", nil, f, FromClient, at.Time)
	spi(j, f)
	appProto(j, at.conn())
	j.Object("flow")
	flowCounts(j, f)
	j.Time("end", f.Last)
	j.Int("age", f.Last/1e9-f.Start/1e9)
	if f.Flags&flow.Emergency != 0 {
		j.Bool("emergency", true)
	}
	j.Str("state", f.State.String())
	j.Str("reason", why.String())
	j.Bool("alerted", f.Flags&flow.Alerted != 0)
	switch f.Action {
	case flow.Drop, flow.Reject:
		j.Str("action", "drop")
	case flow.Pass:
		j.Str("action", "pass")
	}
	exceptions(j, f)
	if c := at.conn(); c != nil && c.Parser != nil {
		j.Uint("tx_cnt", c.Parser.Transactions().Count())
	}
	j.EndObject()
	if f.Proto == packet.TCP {
		tcpObject(j, tcp)
	}
	l.finish()
}

// exceptions writes which exception policies were asked about the flow.
func exceptions(j *JSON, f *flow.Flow) {
	if f.Asked[0].About == packet.NotDenied {
		return
	}
	j.Array("exception_policy")
	for _, a := range f.Asked {
		if target := a.About.Target(); target != "" {
			j.Object("")
			j.Str("target", target)
			j.Str("policy", a.Answer.String())
			j.EndObject()
		}
	}
	j.EndArray()
}

// spi writes the security parameter index of an ESP flow.
func spi(j *JSON, f *flow.Flow) {
	if f.Proto == packet.ESP {
		j.Uint("spi", uint64(f.CPort)<<16|uint64(f.SPort))
	}
}

// tcpObject writes "tcp":{...} of a flow record (output-json-flow.c).
func tcpObject(j *JSON, t *TCPSummary) {
	if t == nil {
		t = &TCPSummary{}
	}
	all := t.Flags[0] | t.Flags[1]
	j.Object("tcp")
	j.HexByte("tcp_flags", all)
	j.HexByte("tcp_flags_ts", t.Flags[packet.ToServer])
	j.HexByte("tcp_flags_tc", t.Flags[packet.ToClient])
	flagNames(j, all)
	if t.State != "" {
		j.Str("state", t.State)
	}
	for dir, key := range [2]string{"ts_gap", "tc_gap"} {
		if t.Gap[dir] {
			j.Bool(key, true)
		}
	}
	for dir, key := range [2]string{"ts_max_regions", "tc_max_regions"} {
		if t.Regions[dir] > 0 {
			j.Uint(key, uint64(t.Regions[dir]))
		}
	}
	j.EndObject()
}

// flagNames writes a true member for each flag that is set.
func flagNames(j *JSON, flags uint8) {
	for _, f := range [...]struct {
		bit  uint8
		name string
	}{
		{packet.SYN, "syn"}, {packet.FIN, "fin"}, {packet.RST, "rst"}, {packet.PSH, "psh"},
		{packet.ACK, "ack"}, {packet.URG, "urg"}, {packet.ECE, "ecn"}, {packet.CWR, "cwr"},
	} {
		if flags&f.bit != 0 {
			j.Bool(f.name, true)
		}
	}
}

func (l *Logger) netflow(at *Moment, dir packet.Direction, tcp *TCPSummary) {
	j, f := &l.json, at.Flow
	o := FromClient
	if dir == packet.ToClient {
		o = FromServer
	}
	l.head("netflow", nil, f, o, at.Time)
	spi(j, f)
	found := app.Unknown // what this direction speaks, as far as it was recognised by itself
	if c := at.conn(); c != nil {
		found = c.ProtoBy[dir]
	}
	j.Str("app_proto", found.String())
	j.Object("netflow")
	j.Uint("pkts", f.Packets[dir])
	j.Uint("bytes", f.Bytes[dir])
	j.Time("start", f.Start)
	j.Time("end", f.Last)
	j.Int("age", f.Last/1e9-f.Start/1e9)
	j.Uint("min_ttl", uint64(f.MinTTL[dir]))
	j.Uint("max_ttl", uint64(f.MaxTTL[dir]))
	if c := at.conn(); c != nil && c.Parser != nil {
		j.Uint("tx_cnt", c.Parser.Transactions().Count())
	}
	j.EndObject()
	if f.Proto == packet.TCP && tcp != nil {
		j.Object("tcp")
		j.HexByte("tcp_flags", tcp.Flags[dir])
		flagNames(j, tcp.Flags[dir])
		j.EndObject()
	}
	l.finish()
}
