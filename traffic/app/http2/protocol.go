package http2

import (
	"strconv"

	"picket/traffic/app"
)

// The events, by the names that rules use (app-layer-event:http2.…).
const (
	EventFrameHeader     = "invalid_frame_header"
	EventMagic           = "invalid_client_magic"
	EventFrameData       = "invalid_frame_data"
	EventHeader          = "invalid_header"
	EventFrameLength     = "invalid_frame_length"
	EventExtraHeader     = "extra_header_data"
	EventLongFrame       = "long_frame_data"
	EventStreamReuse     = "stream_id_reuse"
	EventUpgradeSettings = "invalid_http1_settings"
	EventDecompression   = "failed_decompression"
	EventRange           = "invalid_range"
	EventOverflow        = "header_integer_overflow"
	EventTooManyStreams  = "too_many_streams"
	EventAuthority       = "authority_host_mismatch"
	EventUserInfo        = "userinfo_in_uri"
	EventReassembly      = "reassembly_limit_reached"
	EventLongQuestion    = "dns_request_too_long"
	EventLongAnswer      = "dns_response_too_long"
	EventDataOnZero      = "data_stream_zero"
	EventTooManyFrames   = "too_many_frames"
)

func events() []string {
	return []string{EventFrameHeader, EventMagic, EventFrameData, EventHeader, EventFrameLength, EventExtraHeader,
		EventLongFrame, EventStreamReuse, EventUpgradeSettings, EventDecompression, EventRange, EventOverflow,
		EventTooManyStreams, EventAuthority, EventUserInfo, EventReassembly, EventLongQuestion, EventLongAnswer,
		EventDataOnZero, EventTooManyFrames}
}

// preface is what a client begins with (RFC 9113 §3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Protocol returns the table entry.
func Protocol() app.Protocol {
	return app.Protocol{
		Proto: app.HTTP2, TCP: true, New: newParser, Events: events(), Steps: steps(),
		Patterns: []app.Pattern{{Dir: app.ToServer, Bytes: preface, Depth: len(preface)}},
		Ports:    "80", Probe: probe,
	}
}

// DNS returns the table entry of DNS over HTTP/2. It has no bytes and no ports of its own: a connection is renamed
// when DNS messages are found in it.
func DNS() app.Protocol {
	return app.Protocol{Proto: app.DoH2, TCP: true, Probe: probe, New: newParser, Events: events(), Steps: steps()}
}

func steps() [2][]string {
	names := []string{Idle: "idle", Open: "open", Reserved: "reserved", ClientData: "data_client",
		ClientClosed: "half_closed_client", ServerData: "data_server", ServerClosed: "half_closed_server"}
	return [2][]string{names, names}
}

// probe knows a server that speaks first: its SETTINGS frame.
func probe(dir app.Direction, data []byte) app.Answer {
	if dir == app.ToServer {
		return app.No
	}
	if len(data) < frameHeader {
		return app.More
	}
	h := readHead(data)
	if data[5]&0x80 != 0 || h.length > 16384 || h.flags&0xfe != 0 || h.kind != Settings {
		return app.No
	}
	return app.Yes
}

// config is the configuration as the parser needs it.
type config struct {
	app       *app.Config
	maxStream int
	maxTable  int
	maxFrames int
	maxBlock  int
	layers    int
}

func newConfig(c *app.Config) config {
	return config{
		app: c, maxStream: number(c, "http2.max-streams", 4096), maxTable: number(c, "http2.max-table-size", defaultMaxTable),
		maxFrames: number(c, "http2.max-frames", maxFrames), maxBlock: number(c, "http2.max-reassembly-size", maxBlock),
		layers: c.HTTP.DecompressLayerLimit,
	}
}

// number reads a setting that is a bound; def, when it is not there or beyond a million.
func number(c *app.Config, key string, def int) int {
	if n, err := strconv.Atoi(c.Settings[key]); err == nil && n > 0 && n <= 1<<20 {
		return n
	}
	return def
}
