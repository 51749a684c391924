package eve

import "strings"

// Config says which records are written and what stands in them. The zero value writes nothing; Default writes
// everything with all fields.
type Config struct {
	// Types switches records by event_type; a type that is not named is on iff All.
	Types map[string]bool
	All   bool

	// Offline: packets come from a file; pcap_cnt is written and the writer waits instead of dropping.
	Offline bool
	// IPS: drop means that the packet is gone; alert.action says "blocked".
	IPS bool
	// Interfaces names packet.Iface for in_iface; empty: no in_iface.
	Interfaces []string
	SensorID   int // written as sensor_id when not negative

	CommunityID     bool
	CommunityIDSeed uint16
	Ethernet        bool // ether.src_mac and dest_mac
	Metadata        bool // flow variables and flowbits beside each record
	PcapFile        string

	Alert AlertConfig
	Flow  FlowConfig
	// Anomaly kinds. When Types are listed, decode and stream are off unless Settings has "anomaly.types.decode".
	AnomalyDecode, AnomalyStream, AnomalyApp bool
	DropAlerts                               bool // drop records carry the alert that dropped
	DropAll                                  bool // every dropped packet of a flow, not the first per direction
	// Version is written as suricata_version when not empty.
	Version string
	// Settings holds a record type's other keys as suricata.yaml writes them: "http.extended" → "yes",
	// "tls.custom" → "subject,issuer"; for the transaction loggers.
	Settings map[string]string
}

// AlertConfig switches the parts of an alert record.
type AlertConfig struct {
	Payload, PayloadPrintable, Packet bool
	PayloadLength                     bool
	PayloadBufferSize                 int // bytes of payload or stream that are written at most
	HTTPBody, HTTPBodyPrintable       bool
	WebsocketPayload                  bool
	WebsocketPayloadPrintable         bool
	AppLayer, FlowObject              bool // transaction members and the flow object
	RuleMetadata, RuleText            bool
	References                        bool
	TaggedPackets                     bool
	Verdict                           bool
	XFF                               XFFConfig
}

// FlowConfig is for flow and netflow records.
type FlowConfig struct {
	// Netflow writes a record for each direction of a flow beside the flow record. Types can ask for it too.
	Netflow bool
}

// XFFConfig says how the address in X-Forwarded-For is used.
type XFFConfig struct {
	Enabled   bool
	Overwrite bool   // the address takes the place of src_ip or dest_ip; otherwise it is written as xff
	Reverse   bool   // the deployment is a reverse proxy: the header speaks of the source
	Header    string // "X-Forwarded-For"
}

// Default writes every record with every field but the rule's text, which is long and found by its sid.
func Default() Config {
	return Config{
		All: true, SensorID: -1, CommunityID: true,
		Alert: AlertConfig{
			Payload: true, PayloadPrintable: true, PayloadLength: true, Packet: true, PayloadBufferSize: 4096,
			HTTPBody: true, HTTPBodyPrintable: true, WebsocketPayload: true, WebsocketPayloadPrintable: true,
			AppLayer: true, FlowObject: true, RuleMetadata: true,
			TaggedPackets: true, Verdict: true,
			XFF: XFFConfig{Header: "X-Forwarded-For"},
		},
		AnomalyDecode: true, AnomalyStream: true, AnomalyApp: true, DropAlerts: true,
		Metadata: true, Settings: map[string]string{},
	}
}

// Enabled tells whether records of a type are written.
func (c *Config) Enabled(event string) bool {
	if on, named := c.Types[event]; named {
		return on
	}
	return c.All
}

// netflow tells whether netflow records are written: they repeat flow records, so All does not ask for them.
func (c *Config) netflow() bool {
	on, named := c.Types["netflow"]
	return on || !named && c.Flow.Netflow
}

// effective returns the configuration with what Settings say of alerts and anomalies.
func (c *Config) effective() *Config {
	e := *c
	for _, s := range [...]struct {
		key string
		on  []*bool
	}{
		{"alert.metadata", []*bool{&e.Alert.AppLayer, &e.Alert.FlowObject, &e.Alert.RuleMetadata}},
		{"alert.metadata.app-layer", []*bool{&e.Alert.AppLayer}},
		{"alert.metadata.flow", []*bool{&e.Alert.FlowObject}},
		{"alert.metadata.rule.metadata", []*bool{&e.Alert.RuleMetadata}},
		{"alert.metadata.rule.raw", []*bool{&e.Alert.RuleText}},
		{"alert.metadata.rule.reference", []*bool{&e.Alert.References}},
		{"alert.reference", []*bool{&e.Alert.References}},
		{"alert.payload", []*bool{&e.Alert.Payload}},
		{"alert.payload-printable", []*bool{&e.Alert.PayloadPrintable}},
		{"alert.payload-length", []*bool{&e.Alert.PayloadLength}},
		{"alert.packet", []*bool{&e.Alert.Packet}},
		{"alert.http-body", []*bool{&e.Alert.HTTPBody}},
		{"alert.http-body-printable", []*bool{&e.Alert.HTTPBodyPrintable}},
		{"alert.websocket-payload", []*bool{&e.Alert.WebsocketPayload}},
		{"alert.websocket-payload-printable", []*bool{&e.Alert.WebsocketPayloadPrintable}},
	} {
		if on, ok := yesNo(e.Settings[s.key]); ok {
			for _, to := range s.on {
				*to = on
			}
		}
	}
	if !e.All { // Suricata's defaults for a type that is listed without them
		e.AnomalyDecode = e.AnomalyDecode && yes(e.Settings["anomaly.types.decode"])
		e.AnomalyStream = e.AnomalyStream && yes(e.Settings["anomaly.types.stream"])
	}
	return &e
}

func yes(s string) bool {
	on, _ := yesNo(s)
	return on
}

// yesNo reads a switch as suricata.yaml writes it; false when it is none.
func yesNo(s string) (on, ok bool) {
	switch strings.ToLower(s) {
	case "yes", "true", "on", "1":
		return true, true
	case "no", "false", "off", "0":
		return false, true
	}
	return false, false
}
