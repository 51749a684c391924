package eve

import (
	"encoding/hex"
	"net/netip"
	"strings"

	"picket/traffic/app"
	"picket/traffic/app/dns"
)

// appendDNS writes a message as version 3 of Suricata's dns records (rust/src/dns/log.rs), or as version 2 where
// the setting "dns.version" asks for it; alerts have the newer one always.
func appendDNS(j *JSON, tx *app.Transaction, c *Context) bool {
	t, ok := tx.Data.(*dns.Transaction)
	if !ok || !c.Alert && !dnsWanted(t, c.Cfg.Settings) {
		return false
	}
	m := t.Message()
	j.Object("dns")
	if !c.Alert && c.Cfg.Settings["dns.version"] == "2" {
		dnsVersion2(j, tx, t, c)
		j.EndObject()
		return true
	}
	j.Uint("version", 3)
	kind := "response"
	if t.Request != nil {
		kind = "request"
	}
	j.Str("type", kind)
	j.Uint("tx_id", tx.ID)
	dnsHeader(j, m)
	j.Str("rcode", dns.RCodeName(m.RCode()))
	if len(m.Queries) > 0 {
		j.Array("queries")
		for i := range m.Queries {
			j.Object("")
			dnsQuery(j, &m.Queries[i])
			j.EndObject()
		}
		j.EndArray()
	}
	dnsSections(j, m, c.Cfg.Settings)
	j.EndObject()
	return true
}

// dnsWanted obeys "dns.requests", "dns.responses" and "dns.types".
func dnsWanted(t *dns.Transaction, settings map[string]string) bool {
	key := "dns.responses"
	if t.Request != nil {
		key = "dns.requests"
	}
	types := settings["dns.types"]
	switch {
	case settings[key] == "no", settings[key] == "false":
		return false
	case types == "":
		return true
	}
	for i := range t.Message().Queries {
		if listed(types, []byte(dns.TypeName(t.Message().Queries[i].Type))) {
			return true
		}
	}
	return false
}

// dnsHeader writes the identifier, the flags as they are and one by one, and the operation.
func dnsHeader(j *JSON, m *dns.Message) {
	j.Uint("id", uint64(m.ID))
	j.Str("flags", strings.TrimLeft(hex.EncodeToString([]byte{byte(m.Flags >> 8), byte(m.Flags)}), "0")+zero(m.Flags == 0))
	for _, f := range [...]struct {
		bit uint16
		key string
	}{{dns.FlagQR, "qr"}, {dns.FlagAA, "aa"}, {dns.FlagTC, "tc"}, {dns.FlagRD, "rd"}, {dns.FlagRA, "ra"}, {dns.FlagZ, "z"}} {
		if m.Flags&f.bit != 0 {
			j.Bool(f.key, true)
		}
	}
	j.Uint("opcode", uint64(m.Opcode()))
}

func zero(is bool) string {
	if is {
		return "0"
	}
	return ""
}

func dnsQuery(j *JSON, q *dns.Query) {
	j.Text("rrname", q.Name)
	if q.Truncated {
		j.Bool("rrname_truncated", true)
	}
	j.Str("rrtype", dns.TypeName(q.Type))
}

// dnsVersion2 writes the older form: one question on the same level as the header.
func dnsVersion2(j *JSON, tx *app.Transaction, t *dns.Transaction, c *Context) {
	m := t.Message()
	if t.Request != nil {
		j.Str("type", "query")
		j.Uint("id", uint64(m.ID))
		if len(m.Queries) > 0 {
			dnsQuery(j, &m.Queries[0])
		}
		j.Uint("tx_id", tx.ID)
		j.Uint("opcode", uint64(m.Opcode()))
		return
	}
	j.Uint("version", 2)
	j.Str("type", "answer")
	dnsHeader(j, m)
	if len(m.Queries) > 0 {
		dnsQuery(j, &m.Queries[0])
	}
	j.Str("rcode", dns.RCodeName(m.RCode()))
	dnsSections(j, m, c.Cfg.Settings)
}

// dnsSections writes the answers one by one ("detailed"), collected by type ("grouped"), and the other sections.
func dnsSections(j *JSON, m *dns.Message, settings map[string]string) {
	formats := settings["dns.formats"]
	if formats == "" || strings.Contains(formats, "detailed") {
		dnsRecords(j, "answers", m.Answers)
	}
	if (formats == "" || strings.Contains(formats, "grouped")) && len(m.Answers) > 0 {
		dnsGrouped(j, m.Answers)
	}
	dnsRecords(j, "authorities", m.Authorities)
	dnsRecords(j, "additionals", m.Additional)
}

func dnsRecords(j *JSON, key string, list []dns.Record) {
	if len(list) == 0 {
		return
	}
	j.Array(key)
	for i := range list {
		r := &list[i]
		j.Object("")
		j.Text("rrname", r.Name)
		if r.Truncated {
			j.Bool("rrname_truncated", true)
		}
		j.Str("rrtype", dns.TypeName(r.Type))
		j.Uint("ttl", uint64(r.TTL))
		dnsData(j, r, "rdata", true)
		j.EndObject()
	}
	j.EndArray()
}

// dnsGrouped writes the data of the answers by type, types in the order of their first answer.
func dnsGrouped(j *JSON, list []dns.Record) {
	j.Object("grouped")
	for i := range list {
		if !dnsGroupable(list[i].Type) || dnsSeen(list[:i], list[i].Type) {
			continue
		}
		j.Array(dns.TypeName(list[i].Type))
		for k := i; k < len(list); k++ {
			if list[k].Type == list[i].Type {
				dnsData(j, &list[k], "", false)
			}
		}
		j.EndArray()
	}
	j.EndObject()
}

func dnsSeen(list []dns.Record, t uint16) bool {
	for i := range list {
		if list[i].Type == t {
			return true
		}
	}
	return false
}

func dnsGroupable(t uint16) bool {
	switch t {
	case dns.TypeA, dns.TypeAAAA, dns.TypeCNAME, dns.TypeMX, dns.TypeNS, dns.TypeTXT, dns.TypeNULL, dns.TypePTR,
		dns.TypeSOA, dns.TypeSRV, dns.TypeSSHFP:
		return true
	}
	return false
}

// dnsData writes a record's data: plain data under key, data with fields as an object that is named when the
// record's own members surround it.
func dnsData(j *JSON, r *dns.Record, key string, named bool) {
	name := func(s string) string {
		if named {
			return s
		}
		return ""
	}
	switch {
	case r.Type == dns.TypeA || r.Type == dns.TypeAAAA:
		j.Str(key, dnsAddr(r.Data))
	case r.Type == dns.TypeTXT || r.Type == dns.TypeNULL:
		j.Text(key, r.Data)
	case r.SOA != nil:
		dnsSOA(j, name("soa"), r.SOA)
	case r.SRV != nil:
		j.Object(name("srv"))
		j.Uint("priority", uint64(r.SRV.Priority))
		j.Uint("weight", uint64(r.SRV.Weight))
		j.Uint("port", uint64(r.SRV.Port))
		j.Text("name", r.Target)
		j.EndObject()
	case r.SSHFP != nil:
		j.Object(name("sshfp"))
		j.Str("fingerprint", colonHex(r.SSHFP.Fingerprint))
		j.Uint("algo", uint64(r.SSHFP.Algorithm))
		j.Uint("type", uint64(r.SSHFP.Type))
		j.EndObject()
	case r.Type == dns.TypeOPT && named:
		dnsOptions(j, r.Options)
	case dnsGroupable(r.Type):
		j.Text(key, r.Target)
		if r.TargetTruncated && named {
			j.Bool("rdata_truncated", true)
		}
	}
}

func dnsSOA(j *JSON, key string, s *dns.SOA) {
	j.Object(key)
	j.Text("mname", s.MName)
	if s.MTruncated {
		j.Bool("mname_truncated", true)
	}
	j.Text("rname", s.RName)
	if s.RTruncated {
		j.Bool("rname_truncated", true)
	}
	j.Uint("serial", uint64(s.Serial))
	j.Uint("refresh", uint64(s.Refresh))
	j.Uint("retry", uint64(s.Retry))
	j.Uint("expire", uint64(s.Expire))
	j.Uint("minimum", uint64(s.Minimum))
	j.EndObject()
}

func dnsOptions(j *JSON, list []dns.Option) {
	j.Array("opt")
	for i := range list {
		j.Object("")
		j.Uint("code", uint64(list[i].Code))
		j.Hex("data", list[i].Data)
		j.EndObject()
	}
	j.EndArray()
}

// dnsAddr prints an address; anything that is not 4 or 16 bytes long is nothing.
func dnsAddr(b []byte) string {
	switch len(b) {
	case 4:
		return netip.AddrFrom4([4]byte(b)).String()
	case 16:
		return netip.AddrFrom16([16]byte(b)).StringExpanded()
	}
	return ""
}

func colonHex(b []byte) string {
	var out strings.Builder
	for i := range b {
		if i > 0 {
			out.WriteByte(':')
		}
		out.WriteString(hex.EncodeToString(b[i : i+1]))
	}
	return out.String()
}

// appendMDNS writes a multicast DNS message: as dns records, but each data under its type's name.
func appendMDNS(j *JSON, tx *app.Transaction, c *Context) bool {
	t, ok := tx.Data.(*dns.Transaction)
	if !ok {
		return false
	}
	m := t.Message()
	j.Object("mdns")
	kind := "request"
	if m.Flags&dns.FlagQR != 0 {
		kind = "response"
	}
	j.Str("type", kind)
	dnsHeader(j, m)
	j.Str("rcode", dns.RCodeName(m.RCode()))
	if len(m.Queries) > 0 {
		j.Array("queries")
		for i := range m.Queries {
			j.Object("")
			j.Text("rrname", m.Queries[i].Name)
			j.Str("rrtype", strings.ToLower(dns.TypeName(m.Queries[i].Type)))
			j.EndObject()
		}
		j.EndArray()
	}
	mdnsRecords(j, "answers", m.Answers)
	mdnsRecords(j, "authorities", m.Authorities)
	mdnsRecords(j, "additionals", m.Additional)
	j.EndObject()
	return true
}

// mdnsRecords writes a section; the strings of one TXT record become one list again.
func mdnsRecords(j *JSON, key string, list []dns.Record) {
	if len(list) == 0 {
		return
	}
	j.Array(key)
	for i := 0; i < len(list); i++ {
		r := &list[i]
		j.Object("")
		j.Text("rrname", r.Name)
		if r.Type == dns.TypeTXT {
			j.Array("txt")
			j.Text("", r.Data)
			for i+1 < len(list) && list[i+1].Type == dns.TypeTXT && string(list[i+1].Name) == string(r.Name) {
				i++
				j.Text("", list[i].Data)
			}
			j.EndArray()
		} else {
			dnsData(j, r, strings.ToLower(dns.TypeName(r.Type)), true)
		}
		j.EndObject()
	}
	j.EndArray()
}
