package app

import (
	"strconv"
	"strings"
)

// Config is what the parsers may be told. The zero value of a field is not a default: use Default.
type Config struct {
	// Disabled protocols are recognised (detection-only) or not even that, by Proto.
	Enabled [ProtoCount]Enabled
	// Ports overrides detection ports, by Proto; "" keeps the protocol's own.
	TCPPorts, UDPPorts [ProtoCount]string
	// Midstream: flows are taken up in the middle (stream.midstream), also with what the server says.
	Midstream bool
	// Inline: the first bytes are judged at once, without waiting for a whole body.
	Inline bool
	HTTP   HTTPConfig
	TLS    TLSConfig
	// MaxTx bounds the open transactions of one connection, by Proto; 0: the protocol's default.
	MaxTx [ProtoCount]int
	// Settings holds every other app-layer.protocols.* key as written ("smtp.mime.decode-mime" → "yes").
	Settings map[string]string
	// Frames are the protocols whose frames somebody wants, as bits by Proto.
	Frames uint64
	// Hash says which sums files need.
	MD5, SHA1, SHA256 bool
	// StoreAll marks every file as stored (file-store.force-filestore).
	StoreAll bool
	// FileDepth bounds the bytes looked at of a file that is to be stored, in the place of a body's limit
	// (file-store.stream-depth); 0: all.
	FileDepth uint32
	// Ranges puts files together that come in pieces; nil: nobody does.
	Ranges *Ranges
	// Windows bounds what decoders of content hold; each worker has a Config of its own.
	Windows Windows
}

// Enabled is a protocol's switch.
type Enabled uint8

// Off, only recognised, or parsed.
const (
	On Enabled = iota
	Off
	DetectionOnly
)

// HTTPConfig holds libhtp's limits by their names in suricata.yaml.
type HTTPConfig struct {
	RequestBodyLimit          uint32 // bytes kept for inspection; 0: no limit
	ResponseBodyLimit         uint32
	RequestBodyMinInspect     uint32
	RequestBodyInspectWindow  uint32
	ResponseBodyMinInspect    uint32
	ResponseBodyInspectWindow uint32
	DecompressLayerLimit      int
	MaxTx                     int
	DoubleDecodePath          bool
	DoubleDecodeQuery         bool
	// Settings holds the remaining libhtp keys of the server that matches, as written.
	Settings map[string]string
}

// TLSConfig holds the TLS parser's choices.
type TLSConfig struct {
	JA3, JA4 bool
	// Encrypted says what happens after the handshake: "track-only", "bypass" or "full".
	Encrypted string
}

// Default returns Suricata 8's defaults.
func Default() *Config {
	return &Config{
		HTTP: HTTPConfig{
			RequestBodyLimit: 100 << 10, ResponseBodyLimit: 100 << 10,
			RequestBodyMinInspect: 32 << 10, RequestBodyInspectWindow: 4 << 10,
			ResponseBodyMinInspect: 40 << 10, ResponseBodyInspectWindow: 16 << 10,
			DecompressLayerLimit: 2, MaxTx: 512,
		},
		TLS:      TLSConfig{JA3: true, JA4: true, Encrypted: "track-only"},
		Settings: map[string]string{},
	}
}

// Size reads a setting that is a number of bytes, with Suricata's units ("5kb", "64 MB"); def when it is not there
// or can't be read.
func (c *Config) Size(key string, def uint64) uint64 {
	text := strings.ToLower(strings.TrimSpace(c.Settings[key]))
	unit := uint64(1)
	for i, name := range [...]string{"kb", "mb", "gb"} {
		if rest, ok := strings.CutSuffix(text, name); ok {
			text, unit = strings.TrimSpace(rest), 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return def
	}
	return n * unit
}
