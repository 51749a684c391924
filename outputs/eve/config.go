package eve

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
	// Anomaly kinds.
	AnomalyDecode, AnomalyStream, AnomalyApp bool
	DropAlerts                               bool // drop records carry the alert that dropped
	DropAll                                  bool // every dropped packet of a flow, not the first per direction
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
type FlowConfig struct{ Netflow bool }

// XFFConfig says how the address in X-Forwarded-For is used.
type XFFConfig struct {
	Enabled   bool
	Overwrite bool   // the address takes the place of src_ip or dest_ip; otherwise it is written as xff
	Reverse   bool   // the deployment is a reverse proxy: the header speaks of the source
	Header    string // "X-Forwarded-For"
}

// Default writes every record with every field.
func Default() Config {
	return Config{
		All: true, SensorID: -1, CommunityID: true,
		Alert: AlertConfig{
			Payload: true, PayloadPrintable: true, PayloadLength: true, Packet: true, PayloadBufferSize: 4096,
			HTTPBody: true, HTTPBodyPrintable: true, AppLayer: true, FlowObject: true, RuleMetadata: true,
			RuleText: true, References: true, TaggedPackets: true, Verdict: true,
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
