package rdp

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"unicode/utf16"

	"picket/traffic/app/cursor"
)

// Client is what a client says of itself: Client Core Data (MS-RDPBCGR §2.2.1.3.2). Fields behind IME are optional;
// Fields tells how many of them were there.
type Client struct {
	Version            uint32
	Width, Height      uint16
	ColorDepth         uint16
	Layout             uint32
	Build              uint32
	Name               string
	Keyboard, Subtype  uint32
	FunctionKeys       uint32
	IME                string
	PostBeta2          uint16
	ProductID          uint16
	SerialNumber       uint32
	HighColor          uint16
	Capabilities       uint16
	DigitalID          string
	Hint               uint8
	PhysicalWidth      uint32
	PhysicalHeight     uint32
	Orientation        uint16
	Scale, DeviceScale uint32
	Fields             int
}

// The optional fields, by their number.
const (
	FieldPostBeta2 = iota + 1
	FieldProductID
	FieldSerialNumber
	FieldHighColor
	FieldSupportedColor
	FieldCapabilities
	FieldDigitalID
	FieldHint
	FieldProtocol
	FieldPhysicalWidth
	FieldPhysicalHeight
	FieldOrientation
	FieldScale
	FieldDeviceScale
)

// blocks reads the user data blocks behind the key "Duca" of the GCC conference request (T.124).
func (m *Message) blocks(b []byte) {
	i := bytes.Index(b, []byte("Duca"))
	if i < 0 {
		return
	}
	c := cursor.New(b[i+4:])
	if c.U8()&0x80 != 0 {
		c.U8() // a length of two bytes
	}
	for c.Left() >= 4 {
		kind, size := c.LE16(), int(c.LE16())
		body := c.Bytes(size - 4)
		if c.Failed() {
			return
		}
		in := cursor.New(body)
		switch kind {
		case 0xc001:
			m.Client = core(&in)
		case 0xc003:
			m.channels(&in)
		}
	}
}

// channels reads the names of virtual channels (MS-RDPBCGR §2.2.1.3.4).
func (m *Message) channels(c *cursor.Cursor) {
	for n := c.LE32(); n > 0 && len(m.Channels) < maxChannels; n-- {
		name, _, _ := bytes.Cut(c.Bytes(8), []byte{0})
		c.LE32()
		if c.Failed() {
			return
		}
		m.Channels = append(m.Channels, bytes.Clone(name))
	}
}

func core(c *cursor.Cursor) *Client {
	k := &Client{Version: c.LE32(), Width: c.LE16(), Height: c.LE16(), ColorDepth: c.LE16()}
	c.LE16() // SAS sequence
	k.Layout, k.Build, k.Name = c.LE32(), c.LE32(), wide(c.Bytes(32))
	k.Keyboard, k.Subtype, k.FunctionKeys, k.IME = c.LE32(), c.LE32(), c.LE32(), wide(c.Bytes(64))
	if c.Failed() {
		return nil
	}
	for _, read := range [...]func(){
		func() { k.PostBeta2 = c.LE16() }, func() { k.ProductID = c.LE16() }, func() { k.SerialNumber = c.LE32() },
		func() { k.HighColor = c.LE16() }, func() { c.LE16() }, func() { k.Capabilities = c.LE16() },
		func() { k.DigitalID = wide(c.Bytes(64)) }, func() { k.Hint = c.U8(); c.U8() }, func() { c.LE32() },
		func() { k.PhysicalWidth = c.LE32() }, func() { k.PhysicalHeight = c.LE32() }, func() { k.Orientation = c.LE16() },
		func() { k.Scale = c.LE32() }, func() { k.DeviceScale = c.LE32() },
	} {
		if read(); c.Failed() {
			break
		}
		k.Fields++
	}
	return k
}

// wide returns UTF-16 text up to its zero.
func wide(b []byte) string {
	var text []uint16
	for ; len(b) >= 2; b = b[2:] {
		x := binary.LittleEndian.Uint16(b)
		if x == 0 {
			break
		}
		text = append(text, x)
	}
	return string(utf16.Decode(text))
}

// VersionName returns the client's protocol version: "v5", or "unknown".
func (k *Client) VersionName() string {
	switch n := int64(k.Version) - 0x80000; {
	case n == 1:
		return "v4"
	case n == 4:
		return "v5"
	case n >= 5 && n <= 12:
		return "v10." + strconv.FormatInt(n-5, 10)
	}
	return "unknown"
}

// Depth returns the color depth that the client wants; 0 when it does not say.
func (k *Client) Depth() uint64 {
	if k.Fields >= FieldHighColor {
		switch k.HighColor {
		case 4, 8, 15, 16, 24:
			return uint64(k.HighColor)
		}
	}
	depths := [...]uint64{4, 8, 15, 16, 24}
	if i := int(k.PostBeta2) - 0xca00; k.Fields >= FieldPostBeta2 && i >= 0 && i < len(depths) {
		return depths[i]
	}
	if i := int(k.ColorDepth) - 0xca00; i == 0 || i == 1 {
		return depths[i]
	}
	return 0
}

// KeyboardName returns the kind of keyboard, "" when it has no name.
func (k *Client) KeyboardName() string {
	names := [...]string{1: "xt", 2: "ico", 3: "at", 4: "enhanced", 5: "1050", 6: "9140", 7: "jp"}
	if int64(k.Keyboard) < int64(len(names)) {
		return names[k.Keyboard]
	}
	return ""
}

// HintName returns the kind of connection, "" when it has no name.
func (k *Client) HintName() string {
	names := [...]string{1: "modem", 2: "low_broadband", 3: "satellite", 4: "high_broadband", 5: "wan", 6: "lan", 7: "autodetect"}
	if int(k.Hint) < len(names) {
		return names[k.Hint]
	}
	return ""
}

// capabilityNames are the early capability flags, from the lowest bit; the unnamed one is not in use.
var capabilityNames = [...]string{"support_errinfo_pdf", "want_32bpp_session", "support_statusinfo_pdu",
	"strong_asymmetric_keys", "", "valid_connection_type", "support_monitor_layout_pdu", "support_netchar_autodetect",
	"support_dynvc_gfx_protocol", "support_dynamic_time_zone", "support_heartbeat_pdu"}

// CapabilityNames returns the names of the early capabilities that are set.
func (k *Client) CapabilityNames() []string {
	var list []string
	for i, name := range capabilityNames {
		if k.Capabilities>>i&1 != 0 && name != "" {
			list = append(list, name)
		}
	}
	return list
}

// builds are the releases of Windows by build number.
var builds = map[uint32]string{528: "Windows NT 3.1", 807: "Windows NT 3.5", 1057: "Windows NT 3.51", 1381: "Windows NT 4.0",
	2195: "Windows 2000", 2600: "Windows XP", 3790: "Windows Server 2003", 6000: "Windows Vista RTM", 6001: "Windows Vista SP1",
	6002: "Windows Vista SP2", 7600: "Windows 7 RTM", 7601: "Windows 7 SP1", 9200: "Windows 8", 9600: "Windows 8.1",
	10240: "Windows 10 TH1", 10586: "Windows 10 TH2", 14393: "Windows 10 RS1", 15063: "Windows 10 RS2",
	16299: "Windows 10 RS3", 17134: "Windows 10 RS4", 17763: "Windows 10 RS5"}

// BuildName returns the client's release of Windows, or "unknown".
func (k *Client) BuildName() string {
	if n, ok := builds[k.Build]; ok {
		return n
	}
	return "unknown"
}

// layouts are the frequent locales of MS-LCID.
var layouts = map[uint32]string{0x401: "ar-SA", 0x402: "bg-BG", 0x403: "ca-ES", 0x404: "zh-TW", 0x405: "cs-CZ", 0x406: "da-DK",
	0x407: "de-DE", 0x408: "el-GR", 0x409: "en-US", 0x40a: "es-ES_tradnl", 0x40b: "fi-FI", 0x40c: "fr-FR", 0x40d: "he-IL",
	0x40e: "hu-HU", 0x40f: "is-IS", 0x410: "it-IT", 0x411: "ja-JP", 0x412: "ko-KR", 0x413: "nl-NL", 0x414: "nb-NO",
	0x415: "pl-PL", 0x416: "pt-BR", 0x418: "ro-RO", 0x419: "ru-RU", 0x41a: "hr-HR", 0x41b: "sk-SK", 0x41c: "sq-AL",
	0x41d: "sv-SE", 0x41e: "th-TH", 0x41f: "tr-TR", 0x420: "ur-PK", 0x421: "id-ID", 0x422: "uk-UA", 0x423: "be-BY",
	0x424: "sl-SI", 0x425: "et-EE", 0x426: "lv-LV", 0x427: "lt-LT", 0x429: "fa-IR", 0x42a: "vi-VN", 0x42b: "hy-AM",
	0x42f: "mk-MK", 0x436: "af-ZA", 0x437: "ka-GE", 0x439: "hi-IN", 0x43e: "ms-MY", 0x43f: "kk-KZ", 0x804: "zh-CN",
	0x807: "de-CH", 0x809: "en-GB", 0x80a: "es-MX", 0x80c: "fr-BE", 0x810: "it-CH", 0x813: "nl-BE", 0x814: "nn-NO",
	0x816: "pt-PT", 0x81d: "sv-FI", 0xc04: "zh-HK", 0xc07: "de-AT", 0xc09: "en-AU", 0xc0a: "es-ES", 0xc0c: "fr-CA",
	0x1009: "en-CA", 0x100c: "fr-CH", 0x1409: "en-NZ", 0x1809: "en-IE", 0x4009: "en-IN"}

// LayoutName returns the locale of the keyboard's layout, or "unknown".
func (k *Client) LayoutName() string {
	if n, ok := layouts[k.Layout]; ok {
		return n
	}
	return "unknown"
}
