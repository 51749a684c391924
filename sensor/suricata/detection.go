package suricata

import (
	"math"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"picket/actions"
	"picket/outputs/eve"
	"picket/traffic/app"
	"picket/traffic/packet"
)

// This file says what each setting of a suricata.yaml means for picket. Names and defaults are those of
// Suricata 8's manual; what a file does not say keeps picket's default, which is Suricata's.

// Decoder reads decoder.*, defrag.*, vlan.* and host-os-policy.
func (s *Settings) Decoder(checksums bool) packet.Config {
	c := packet.Default()
	c.Checksums = checksums
	c.MaxLayers = int(s.Int("decoder.max-layers", int64(c.MaxLayers)))
	s.tunnel("decoder.vxlan", &c.VXLAN)
	s.tunnel("decoder.geneve", &c.GENEVE)
	s.tunnel("decoder.teredo", &c.Teredo)
	c.StrictVXLAN = s.Text("decoder.vxlan.reserved-bits-check", "strict") == "strict"
	c.ERSPANTypeI = s.Bool("decoder.erspan.typeI.enabled", c.ERSPANTypeI)
	c.Defrag.MaxTrackers = int(s.Within("defrag.trackers", int64(c.Defrag.MaxTrackers), 1, 1<<20))
	c.Defrag.MaxFragments = int(s.Within("defrag.max-frags", int64(c.Defrag.MaxFragments), 1, 1<<20))
	c.Defrag.Memcap = int(s.Size("defrag.memcap", uint64(c.Defrag.Memcap)))
	c.Defrag.Timeout = s.Seconds("defrag.timeout", c.Defrag.Timeout)
	c.VLANTracking = s.Bool("vlan.use-for-tracking", c.VLANTracking)
	for name, prefixes := range s.hostPolicies() {
		if policy, ok := packet.PolicyByOS(name); ok {
			for _, p := range prefixes {
				c.HostPolicies = append(c.HostPolicies, packet.HostPolicy{Prefix: p, Policy: policy})
			}
		}
	}
	return c
}

func (s *Settings) tunnel(path string, t *packet.TunnelPorts) {
	t.Enabled = s.Bool(path+".enabled", t.Enabled)
	if !s.Has(path + ".ports") {
		return
	}
	t.Ports, t.Any = nil, false
	for _, text := range strings.Split(strings.Trim(strings.Join(s.List(path+".ports"), ","), "[]"), ",") {
		text = strings.TrimSpace(text)
		if text == "any" {
			t.Any = true
		}
		name := strings.TrimPrefix(text, "$")
		if port, err := strconv.ParseUint(s.Text("vars.port-groups."+name, text), 10, 16); err == nil {
			t.Ports = append(t.Ports, uint16(port))
		}
	}
}

// hostPolicies is host-os-policy: policy names with their prefixes.
func (s *Settings) hostPolicies() map[string][]netip.Prefix {
	out := map[string][]netip.Prefix{}
	for _, name := range s.Names("host-os-policy") {
		for _, text := range s.List("host-os-policy." + name) {
			for _, part := range strings.Split(strings.Trim(text, "[]"), ",") {
				if p, err := actions.ParsePrefix(strings.TrimSpace(part)); err == nil {
					out[name] = append(out[name], p)
				}
			}
		}
	}
	return out
}

const protocolSettings = "app-layer.protocols"

// App reads app-layer.*.
func (s *Settings) App(inline bool) *app.Config {
	c := app.Default()
	c.Inline = inline
	c.Midstream = s.Bool("stream.midstream", false)
	c.Settings = s.Flat(protocolSettings)
	for p := range app.ProtoCount {
		s.protocol(c, app.Proto(p))
	}
	s.http(&c.HTTP)
	tls := protocolSettings + ".tls."
	s.hashes(c)
	c.TLS.JA3 = s.Text(tls+"ja3-fingerprints", "yes") != "no"
	c.TLS.JA4 = s.Text(tls+"ja4-fingerprints", "yes") != "no"
	c.TLS.Encrypted = s.Text(tls+"encryption-handling", s.Text(tls+"encrypt-handling", c.TLS.Encrypted))
	return c
}

// hashes finds the sums that outputs ask for: force-hash of the files record, and of the file store, which names
// its files by SHA-256.
func (s *Settings) hashes(c *app.Config) {
	var names []string
	c.FileDepth = uint32(min(s.Size("stream.reassembly.depth", 1<<20), math.MaxUint32))
	if at := s.Output("eve-log"); at != "" {
		for _, i := range s.Names(at + ".types") {
			names = append(names, s.List(at+".types."+i+".files.force-hash")...)
		}
	}
	if at := s.Output("file-store"); at != "" {
		names = append(names, "sha256")
		names = append(names, s.List(at+".force-hash")...)
		c.StoreAll = s.Bool(at+".force-filestore", false)
		c.FileDepth = uint32(min(s.Size(at+".stream-depth", uint64(c.FileDepth)), math.MaxUint32))
	}
	text := strings.Join(names, " ")
	c.MD5, c.SHA1, c.SHA256 = strings.Contains(text, "md5"), strings.Contains(text, "sha1"), strings.Contains(text, "sha256")
}

// protocol reads what every protocol has: enabled, detection-ports, max-tx.
func (s *Settings) protocol(c *app.Config, p app.Proto) {
	at := protocolSettings + "." + p.String()
	switch s.Text(at+".enabled", "yes") {
	case "detection-only":
		c.Enabled[p] = app.DetectionOnly
	case "yes", "true", "on", "1":
	default:
		c.Enabled[p] = app.Off
	}
	if p == app.DNS && !s.Bool(at+".udp.enabled", true) && !s.Bool(at+".tcp.enabled", true) {
		c.Enabled[p] = app.Off
	}
	c.TCPPorts[p] = s.ports(at+".detection-ports", at+".tcp.detection-ports")
	c.UDPPorts[p] = s.ports(at+".detection-ports", at+".udp.detection-ports")
	c.MaxTx[p] = int(s.Int(at+".max-tx", 0))
}

func (s *Settings) ports(paths ...string) string {
	for _, path := range paths {
		for _, side := range []string{".dp", ".sp"} {
			if list := s.List(path + side); len(list) > 0 {
				return strings.Trim(strings.Join(list, ","), "[]")
			}
		}
	}
	return ""
}

func (s *Settings) http(c *app.HTTPConfig) {
	at := protocolSettings + ".http.libhtp.default-config."
	size := func(name string, to *uint32) { *to = uint32(min(s.Size(at+name, uint64(*to)), 1<<32-1)) }
	size("request-body-limit", &c.RequestBodyLimit)
	size("response-body-limit", &c.ResponseBodyLimit)
	size("request-body-minimal-inspect-size", &c.RequestBodyMinInspect)
	size("request-body-inspect-window", &c.RequestBodyInspectWindow)
	size("response-body-minimal-inspect-size", &c.ResponseBodyMinInspect)
	size("response-body-inspect-window", &c.ResponseBodyInspectWindow)
	c.DecompressLayerLimit = int(s.Int(at+"response-body-decompress-layer-limit", int64(c.DecompressLayerLimit)))
	c.DoubleDecodePath = s.Bool(at+"double-decode-path", c.DoubleDecodePath)
	c.DoubleDecodeQuery = s.Bool(at+"double-decode-query", c.DoubleDecodeQuery)
	c.MaxTx = int(s.Int(protocolSettings+".http.libhtp.default-config.max-tx", s.Int(protocolSettings+".http.max-tx", int64(c.MaxTx))))
	c.Settings = s.Flat(strings.TrimSuffix(at, "."))
}

// suricataVersion is the version whose rules and records picket follows; it stands in records where the configuration asks
// for it.
const suricataVersion = "8.0.6"

// EVE reads the eve-log output; without one everything is written.
func (s *Settings) EVE() eve.Config {
	c := eve.Default()
	if v := os.Getenv("SURICATA_EVE_DNS_VERSION"); v != "" { // as Suricata reads it; what a file says counts more
		c.Settings["dns.version"] = v
	}
	at := s.Output("eve-log")
	if at == "" {
		return c
	}
	c.CommunityID = s.Bool(at+".community-id", c.CommunityID)
	c.CommunityIDSeed = uint16(s.Int(at+".community-id-seed", 0))
	c.Ethernet = s.Bool(at+".ethernet", c.Ethernet)
	if s.Bool(at+".suricata-version", false) {
		c.Version = suricataVersion
	}
	c.Metadata = s.Bool(at+".metadata", c.Metadata)
	if !s.Has(at + ".types") {
		return c
	}
	c.All, c.Types = false, map[string]bool{}
	for _, i := range s.Names(at + ".types") {
		s.eveType(&c, at+".types."+i)
	}
	return c
}

// Output finds an entry of the list outputs that is enabled, by name.
func (s *Settings) Output(name string) string {
	for _, i := range s.Names("outputs") {
		at := "outputs." + i + "." + name
		if s.Has(at) && s.Bool(at+".enabled", true) {
			return at
		}
	}
	return ""
}

// eveType switches one entry of types on: "- http" or "- http: {extended: yes}".
func (s *Settings) eveType(c *eve.Config, at string) {
	names := s.Names(at)
	if len(names) == 0 {
		names = []string{s.Text(at, "")}
	}
	for _, name := range names {
		own := at + "." + name
		on := s.Bool(own+".enabled", true)
		c.Types[name] = on
		for key, value := range s.Flat(own) {
			c.Settings[name+"."+key] = value
		}
		for _, key := range s.Names(own) { // "custom: [subject, issuer]"
			if names := s.Names(own + "." + key); len(names) > 0 && names[0] == "0" {
				c.Settings[name+"."+key] = strings.Join(s.List(own+"."+key), ",")
			}
		}
		switch name {
		case "alert":
			s.alertType(c, own)
		case "anomaly":
			c.AnomalyDecode = s.Bool(own+".types.decode", true)
			c.AnomalyStream = s.Bool(own+".types.stream", true)
			c.AnomalyApp = s.Bool(own+".types.applayer", true)
		case "drop":
			c.DropAlerts = s.Bool(own+".alerts", c.DropAlerts)
			c.DropAll = s.Text(own+".flows", "start") == "all"
		case "files":
			c.Types["fileinfo"] = on
		case "ftp":
			c.Types["ftp_data"] = on
		}
	}
}

func (s *Settings) alertType(c *eve.Config, at string) {
	a := &c.Alert
	a.TaggedPackets = s.Bool(at+".tagged-packets", a.TaggedPackets)
	a.Verdict = s.Bool(at+".verdict", a.Verdict)
	a.PayloadBufferSize = int(s.Size(at+".payload-buffer-size", uint64(a.PayloadBufferSize)))
	a.XFF.Enabled = s.Bool(at+".xff.enabled", a.XFF.Enabled)
	a.XFF.Overwrite = s.Text(at+".xff.mode", "extra-data") == "overwrite"
	a.XFF.Reverse = s.Text(at+".xff.deployment", "reverse") == "reverse"
	a.XFF.Header = s.Text(at+".xff.header", a.XFF.Header)
}

// RuleFiles are the files that default-rule-path and rule-files name.
func (s *Settings) RuleFiles() []string {
	var files []string
	for _, f := range s.List("rule-files") {
		if dir := s.Text("default-rule-path", ""); dir != "" && !strings.HasPrefix(f, "/") {
			f = dir + "/" + f
		}
		files = append(files, s.Path(f))
	}
	return slices.Compact(files)
}

// ReputationFiles are the lists of addresses that default-reputation-path and reputation-files name.
func (s *Settings) ReputationFiles() []string {
	var files []string
	for _, f := range s.List("reputation-files") {
		if dir := s.Text("default-reputation-path", ""); dir != "" && !strings.HasPrefix(f, "/") {
			f = dir + "/" + f
		}
		files = append(files, s.Path(f))
	}
	return files
}
