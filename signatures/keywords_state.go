package signatures

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/packet"
)

// stateKeywords look at how far a transaction has come.
func stateKeywords() []Keyword {
	return []Keyword{
		{Name: "app-layer-state", Parse: parseAppState},
		{Name: "frame", Parse: parseFrame},
	}
}

// parseAppState reads "<client_hello_done", ">request_headers", "!request_line", "request_complete": a step of the
// protocol that the header names. Its number holds for both directions, as in Suricata: flow says which is meant.
func parseAppState(b *builder, arg string) error {
	if b.protos == 0 {
		return errors.New("needs a protocol in the rule's header")
	}
	n := language.Number{Op: language.Equal}
	name := strings.TrimSpace(arg)
	for mark, op := range map[string]language.Compare{"<": language.Less, ">": language.Greater, "!": language.NotEqual} {
		if rest, ok := strings.CutPrefix(name, mark); ok {
			name, n.Op = strings.TrimSpace(rest), op
		}
	}
	h, ok := b.opt.findHook(b.protos, name)
	if !ok {
		return fmt.Errorf("unknown state %q of protocol %s", name, b.rule.Proto)
	}
	n.A = uint64(h.progress)
	points := late(append(when(app.ToServer, 0, h.proto), when(app.ToClient, 0, h.proto)...))
	return b.testTx("app-layer-state", points, func(v *view) bool {
		at := v.Tx.Progress[v.Dir]
		return (at > 0 || v.Dir == h.dir) && n.Match(uint64(at)) // at 0 nothing has come yet from the other side
	})
}

// frameNames are the frames that rules may name, by protocol (docs.suricata.io, "Frames").
var frameNames = map[string][]string{
	"http1": {"request", "response", "stream"}, "dns": {"pdu"}, "smtp": {"command_line", "data", "response_line", "stream"},
	"ssh": {"record.hdr", "record.data", "record.pdu"}, "tls": {"pdu", "hdr", "data", "alert_pdu", "hb_pdu", "ssl2.hdr", "ssl2.pdu", "heartbeat"},
	"http2": {"hdr", "data", "pdu", "stream"}, "mqtt": {"pdu", "header", "data", "stream"}, "rfb": {},
	"smb": {}, "dcerpc": {"hdr", "data", "pdu", "stream"}, "nfs": {}, "sip": {}, "telnet": {}, "websocket": {}, "enip": {},
	"ldap": {}, "pgsql": {}, "modbus": {}, "quic": {}, "rdp": {}, "ssl": {}, "http": {},
}

// parseFrame reads frame, a sticky buffer that shows one part of a protocol's bytes. A datagram's "pdu" is its payload;
// other frames are not told apart yet: their rules load with a warning and never match.
func parseFrame(b *builder, arg string) error {
	proto, name, dotted := strings.Cut(arg, ".")
	if _, known := frameNames[proto]; !dotted || !known {
		proto, name = b.rule.Proto, arg
	}
	names, ok := frameNames[proto]
	if !ok || len(names) > 0 && !slices.Contains(names, name) {
		return fmt.Errorf("unknown frame %q", arg)
	}
	if protos := appProtos(proto); len(protos) > 0 {
		if err := b.app("frame", protos...); err != nil {
			return err
		}
	}
	get := func(v *view) []byte {
		if p := v.Packet; p.Proto == packet.UDP && !p.Has(packet.NoPayload) && len(p.Payload) > 0 {
			return p.Payload
		}
		return nil
	}
	if name != "pdu" {
		get = func(*view) []byte { return nil }
	}
	if name != "pdu" || b.header.protos.has(packet.TCP) {
		b.warn = append(b.warn, "frames of streams are not judged: the rule matches in datagrams only")
	}
	return b.useBuffer(&Buffer{Name: "frame:" + arg, Packet: get})
}
