package signatures

import (
	"slices"
	"strconv"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/app/dns"
	"picket/traffic/app/http2"
)

// dnsKeywords are the DNS and mDNS keywords of Suricata 8 ("DNS Keywords" in its manual). A DNS message is a
// transaction of its own, complete when it is there, so every point stands at progress 0.
func dnsKeywords() []Keyword {
	dnsBoth, mdnsBoth := dnsWhen(app.DNS), dnsWhen(app.MDNS)
	all := []Keyword{
		number("dns.opcode", 8, dnsBoth, dnsNumber((*dns.Message).Opcode)),
		numberOrName("dns.rcode", 16, dnsBoth, dnsRCode, dnsNumber((*dns.Message).RCode)),
		{Name: "dns.rrtype", Parse: dnsTypes("dns.rrtype", dnsBoth)},
		numberOrName("mdns.rcode", 16, mdnsBoth, dnsRCode, dnsNumber((*dns.Message).RCode)),
		{Name: "mdns.rrtype", Parse: dnsTypes("mdns.rrtype", mdnsBoth)},
	}
	for _, b := range []Buffer{
		{Name: "dns.query", Aliases: []string{"dns_query"}, Points: dnsOneWay(app.ToServer, queryName)},
		{Name: "dns.query.name", Points: dnsEach(queryName, app.DNS)},
		{Name: "dns.queries.rrname", Points: dnsEach(queryName, app.DNS)},
		{Name: "dns.answer.name", Points: dnsEach(answerName, app.DNS)},
		{Name: "dns.answers.rrname", Points: dnsEach(answerName, app.DNS)},
		{Name: "dns.authorities.rrname", Points: dnsEach(authorityName, app.DNS)},
		{Name: "dns.additionals.rrname", Points: dnsEach(additionalName, app.DNS)},
		{Name: "dns.response.rrname", Points: dnsOneWay(app.ToClient, anyName)},
		{Name: "mdns.queries.rrname", Points: dnsEach(queryName, app.MDNS)},
		{Name: "mdns.answers.rrname", Points: dnsEach(answerName, app.MDNS)},
		{Name: "mdns.authorities.rrname", Points: dnsEach(authorityName, app.MDNS)},
		{Name: "mdns.additionals.rrname", Points: dnsEach(additionalName, app.MDNS)},
		{Name: "mdns.response.rrname", Points: dnsEach(anyName, app.MDNS)},
	} {
		all = append(all, buffer(b))
	}
	return all
}

// dnsWhen makes the points of a test that looks at queries and answers alike.
func dnsWhen(proto app.Proto) []Point {
	points := append(when(app.ToServer, 0, proto), when(app.ToClient, 0, proto)...)
	if proto == app.DNS {
		points = append(points, late(append(when(app.ToServer, http2.ClientData, app.DoH2), when(app.ToClient, http2.ServerData, app.DoH2)...))...)
	}
	return points
}

// dnsEach makes the points of a buffer of both directions.
func dnsEach(get func(*dns.Message, int) (dns.Name, bool), proto app.Proto) []Point {
	names := dnsNames(get)
	points := append(each(app.ToServer, 0, names, proto), each(app.ToClient, 0, names, proto)...)
	if proto == app.DNS {
		points = append(points, dnsInHTTP2(app.ToServer, names)...)
		points = append(points, dnsInHTTP2(app.ToClient, names)...)
	}
	return points
}

// dnsOneWay makes the points of a buffer of one direction.
func dnsOneWay(dir app.Direction, get func(*dns.Message, int) (dns.Name, bool)) []Point {
	names := dnsNames(get)
	return append(each(dir, 0, names, app.DNS), dnsInHTTP2(dir, names)...)
}

// dnsInHTTP2 makes the points of a buffer of one direction of DNS over HTTP/2. The message may come in a field of the
// request as well as in the content.
func dnsInHTTP2(dir app.Direction, get func(*view, int) ([]byte, bool)) []Point {
	step := http2.ClientData
	if dir == app.ToClient {
		step = http2.ServerData
	}
	return late(each(dir, step, get, app.DoH2))
}

// dnsMessage returns the transaction's one message; nil when it is no DNS.
func dnsMessage(v *view) *dns.Message {
	switch t := v.Tx.Data.(type) {
	case *dns.Transaction:
		return t.Message()
	case *http2.Transaction:
		return t.DNS[v.Dir]
	}
	return nil
}

func dnsNames(get func(*dns.Message, int) (dns.Name, bool)) func(*view, int) ([]byte, bool) {
	return func(v *view, i int) ([]byte, bool) {
		if m := dnsMessage(v); m != nil {
			return get(m, i)
		}
		return nil, false
	}
}

func dnsNumber[T uint8 | uint16](get func(*dns.Message) T) func(*view) (uint64, bool) {
	return func(v *view) (uint64, bool) {
		if m := dnsMessage(v); m != nil {
			return uint64(get(m)), true
		}
		return 0, false
	}
}

func queryName(m *dns.Message, i int) (dns.Name, bool) {
	if i >= len(m.Queries) {
		return nil, false
	}
	return m.Queries[i].Name, true
}

func answerName(m *dns.Message, i int) (dns.Name, bool)     { return recordName(m.Answers, i) }
func authorityName(m *dns.Message, i int) (dns.Name, bool)  { return recordName(m.Authorities, i) }
func additionalName(m *dns.Message, i int) (dns.Name, bool) { return recordName(m.Additional, i) }

func recordName(list []dns.Record, i int) (dns.Name, bool) {
	if i >= len(list) {
		return nil, false
	}
	return list[i].Name, true
}

// anyName numbers all names of a message: those asked for, then of each record its owner and its target.
func anyName(m *dns.Message, i int) (dns.Name, bool) {
	if i < len(m.Queries) {
		return m.Queries[i].Name, true
	}
	i -= len(m.Queries)
	for _, list := range [3][]dns.Record{m.Answers, m.Authorities, m.Additional} {
		if i >= 2*len(list) {
			i -= 2 * len(list)
			continue
		}
		r := &list[i/2]
		switch {
		case i%2 == 0:
			return r.Name, true
		case r.SOA != nil:
			return r.SOA.MName, true
		}
		return r.Target, true
	}
	return nil, false
}

// dnsTypes reads dns.rrtype: one question or answer of the type is enough.
func dnsTypes(name string, points []Point) func(b *builder, arg string) error {
	return func(b *builder, arg string) error {
		n, err := language.ParseNumberOrName(arg, 16, dnsType)
		if err != nil {
			return err
		}
		return b.testTx(name, points, func(v *view) bool {
			m := dnsMessage(v)
			return m != nil && (slices.ContainsFunc(m.Queries, func(q dns.Query) bool { return n.Match(uint64(q.Type)) }) ||
				slices.ContainsFunc(m.Answers, func(r dns.Record) bool { return n.Match(uint64(r.Type)) }))
		})
	}
}

// dnsType returns the number of a record type's name, in any case.
func dnsType(name string) (uint64, bool) {
	v, ok := dns.TypeByName(strings.ToUpper(name))
	return uint64(v), ok
}

// dnsRCode returns the number of a response code's name; "rcode12" names one that has none.
func dnsRCode(name string) (uint64, bool) {
	name = strings.ToUpper(name)
	if rest, ok := strings.CutPrefix(name, "RCODE"); ok {
		v, err := strconv.ParseUint(rest, 10, 8)
		return v, err == nil
	}
	v, ok := dns.RCodeByName(name)
	return uint64(v), ok
}
