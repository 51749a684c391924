package language

import (
	"fmt"
	"strconv"
	"strings"
)

// translation says the options of one rule of Snort 3 in Suricata's language. Positions stay those of the text.
type translation struct {
	p        *parser
	r        *Rule
	services []string
	http     bool // a buffer of HTTP was named: the rule sees no other traffic
	sticky   bool // a buffer is in force
}

func (t *translation) all(options []Option) {
	t.r.Options = make([]Option, 0, 2*len(options))
	t.inFront(options)
	for i := range options {
		t.option(&options[i])
	}
	t.anyPort()
}

// inFront puts options first that are a test of their own in Snort 3 and a buffer with a content in Suricata: behind other
// contents they would take the buffer of these away.
func (t *translation) inFront(options []Option) {
	for i := range options {
		switch o := &options[i]; o.Name {
		case "sip_method":
			t.sip(o, "sip.method", strings.ToUpper(o.Value))
		case "sip_stat_code":
			t.sip(o, "sip.stat_code", o.Value)
		}
	}
	if len(t.r.Options) > 0 {
		t.add(&options[0], "pkt_data", "")
	}
}

// sip tests one value: a whole method or code, or a class of codes by its first digit.
func (t *translation) sip(o *Option, buffer, value string) {
	not := value[:len(value)-len(strings.TrimPrefix(value, "!"))]
	value = value[len(not):]
	if strings.ContainsAny(value, `,"|`) || value == "" {
		t.refuse(o, "one value is understood, optionally with !")
		return
	}
	t.add(o, buffer, "")
	t.add(o, "content", not+`"`+value+`"`)
	t.add(o, "startswith", "")
	if buffer == "sip.method" || len(value) > 1 {
		t.add(o, "endswith", "")
	}
}

// add says one option that stands where o does.
func (t *translation) add(o *Option, name, value string) {
	t.r.Options = append(t.r.Options, Option{Name: name, Value: value, Has: value != "", Col: o.Col, ValueCol: o.ValueCol})
}

func (t *translation) refuse(o *Option, why string) {
	t.p.fault(at(t.r.Pos, o.Col), 0, fmt.Sprintf("%s of Snort 3: %s", clip(o.Name), why), "say it with Suricata's keywords (docs/keywords.md)")
}

// option says one option.
func (t *translation) option(o *Option) {
	if buffer := snort3Buffer(o.Name); buffer != "" {
		t.buffer(o, buffer)
		return
	}
	switch o.Name {
	case "sip_method", "sip_stat_code", "rem", "soid": // said in front; a remark; a number of Snort's own
	case "service":
		t.services = append(t.services, SplitArgs(o.Value)...)
	case "content":
		t.content(o)
	case "regex":
		t.regex(o)
	case "bufferlen":
		t.bufferLength(o)
	case "flowbits":
		t.flowbits(o)
	case "stream_size":
		t.streamSize(o)
	case "tag":
		t.tag(o)
	case "dce_iface":
		t.add(o, "dcerpc.iface", strings.NewReplacer("uuid ", "", "version ", "").Replace(o.Value))
	case "dce_opnum":
		t.add(o, "dcerpc.opnum", strings.Trim(o.Value, `"`))
	case "itype", "icode", "icmp_id", "icmp_seq", "dsize", "ttl", "id", "ip_proto", "window", "seq", "ack", "fragoffset":
		t.add(o, o.Name, exclusive(o.Value))
	default:
		t.other(o)
	}
}

// other passes on what both languages write alike, and refuses by name what Suricata does not have.
func (t *translation) other(o *Option) {
	switch o.Name {
	case "http_param", "http_trailer", "http_raw_trailer", "http_true_ip", "http_num_headers", "http_num_cookies", "http_num_trailers",
		"http_header_test", "http_trailer_test", "http_version_match", "http_max_header_line", "http_max_trailer_line", "http_raw_header_complete",
		"js_data", "vba_data", "file_type", "file_meta", "sip_header", "sip_body", "sd_pattern", "ber_data", "ber_skip", "cvs",
		"md5", "sha256", "sha512", "modbus_data", "modbus_func", "modbus_unit", "gtp_info", "gtp_type", "gtp_version", "plugin", "appids":
		t.refuse(o, "Suricata has nothing like it")
	default:
		t.r.Options = append(t.r.Options, *o)
	}
}

// snort3Buffer is Suricata's name of the buffer that an option of Snort 3 chooses; "" for other options.
func snort3Buffer(name string) string {
	switch name {
	case "pkt_data", "raw_data": // the stream as it came; decoding of Telnet, which raw_data goes around, is not done here
		return "pkt_data"
	case "file_data":
		return "file.data"
	case "http_uri":
		return "http.uri"
	case "http_raw_uri":
		return "http.uri.raw"
	case "http_header":
		return "http.header"
	case "http_raw_header":
		return "http.header.raw"
	case "http_cookie", "http_raw_cookie":
		return "http.cookie"
	case "http_client_body":
		return "http.request_body"
	case "http_method":
		return "http.method"
	case "http_stat_code":
		return "http.stat_code"
	case "http_stat_msg":
		return "http.stat_msg"
	case "http_version":
		return "http.protocol"
	case "http_raw_request":
		return "http.request_line"
	case "http_raw_status":
		return "http.response_line"
	case "dce_stub_data":
		return "dcerpc.stub_data"
	case "base64_data":
		return "base64_data"
	case "dnp3_data":
		return "dnp3_data"
	}
	return ""
}

// headerField is the buffer of a field of an HTTP header; "" when it has none of its own.
func headerField(name string) string {
	switch strings.ToLower(name) {
	case "user-agent":
		return "http.user_agent"
	case "host":
		return "http.host.raw"
	case "referer":
		return "http.referer"
	case "content-type":
		return "http.content_type"
	case "content-length":
		return "http.content_len"
	case "connection":
		return "http.connection"
	case "accept":
		return "http.accept"
	case "accept-language":
		return "http.accept_lang"
	case "accept-encoding":
		return "http.accept_enc"
	case "server":
		return "http.server"
	case "location":
		return "http.location"
	case "cookie":
		return "http.cookie"
	}
	return ""
}

// buffer chooses what the options behind it look at. Of the options of a buffer, those that say when it is looked at have
// no meaning here: everything is looked at when it is there.
func (t *translation) buffer(o *Option, buffer string) {
	for _, arg := range SplitArgs(o.Value) {
		word, rest := SplitWord(arg)
		switch {
		case word == "with_header" || word == "with_body" || word == "with_trailer" || word == "request":
		case word == "field" && buffer == "http.header" && headerField(rest) != "":
			buffer = headerField(rest)
		default:
			t.refuse(o, fmt.Sprintf("%q has no buffer of its own", clip(arg)))
			return
		}
	}
	t.http = t.http || strings.HasPrefix(buffer, "http.")
	t.sticky = buffer != "pkt_data"
	t.add(o, buffer, "")
}

// content cuts a content from its modifiers.
func (t *translation) content(o *Option) {
	end := quoteEnd(o.Value)
	if end < 0 {
		t.p.fault(at(t.r.Pos, o.ValueCol), 0, fmt.Sprintf("content: value %q is not in double quotes", clip(o.Value)), "")
		return
	}
	t.add(o, "content", o.Value[:end])
	offset, length := "", ""
	for _, arg := range SplitArgs(strings.TrimPrefix(trimLeft(o.Value[end:]), ",")) {
		switch word, rest := SplitWord(arg); word {
		case "nocase", "fast_pattern", "rawbytes":
			t.add(o, word, "")
		case "depth", "offset", "distance", "within":
			t.add(o, word, rest)
		case "fast_pattern_offset":
			offset = rest
		case "fast_pattern_length":
			length = rest
		default:
			t.refuse(o, fmt.Sprintf("unknown modifier %q", clip(arg)))
		}
	}
	t.chop(offset, length)
}

// chop narrows the fast pattern that was said last.
func (t *translation) chop(offset, length string) {
	if offset == "" && length == "" {
		return
	}
	for i := len(t.r.Options) - 1; i >= 0 && t.r.Options[i].Name != "content"; i-- {
		if o := &t.r.Options[i]; o.Name == "fast_pattern" && length != "" {
			o.Value, o.Has = strings.TrimPrefix(offset+",", ",")+length, true
			if offset == "" {
				o.Value = "0," + length
			}
		}
	}
}

// quoteEnd is where the quoted text at the head of a value ends; -1 without one.
func quoteEnd(value string) int {
	i := len(value) - len(trimLeft(strings.TrimPrefix(value, "!")))
	if i >= len(value) || value[i] != '"' {
		return -1
	}
	for i++; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// regex is Hyperscan's expression of Snort 3: a pcre with its flags written out.
func (t *translation) regex(o *Option) {
	end := quoteEnd(o.Value)
	if end < 0 {
		t.refuse(o, "the expression is not in double quotes")
		return
	}
	flags := ""
	for _, arg := range SplitArgs(strings.TrimPrefix(trimLeft(o.Value[end:]), ",")) {
		switch arg {
		case "nocase":
			flags += "i"
		case "dotall":
			flags += "s"
		case "multiline":
			flags += "m"
		case "relative":
			flags += "R"
		case "fast_pattern":
		default:
			t.refuse(o, fmt.Sprintf("unknown modifier %q", clip(arg)))
		}
	}
	t.add(o, "pcre", strings.TrimSuffix(o.Value[:end], `"`)+flags+`"`)
}

// bufferLength compares the length of the buffer, or with relative what of it lies behind the last match.
func (t *translation) bufferLength(o *Option) {
	value, relative := strings.CutSuffix(strings.ReplaceAll(o.Value, " ", ""), ",relative")
	switch {
	case relative:
		t.rest(o, value)
	case t.sticky:
		t.add(o, "bsize", exclusive(value))
	default:
		t.add(o, "dsize", exclusive(value))
	}
}

// rest compares the number of bytes behind the last match; Suricata asks whether there are so many.
func (t *translation) rest(o *Option, value string) {
	number := strings.TrimLeft(value, "<>=")
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		t.refuse(o, "relative lengths are understood with <, <=, > and >=")
		return
	}
	switch value[:len(value)-len(number)] {
	case ">=":
		t.add(o, "isdataat", fmt.Sprintf("%d,relative", n))
	case ">":
		t.add(o, "isdataat", fmt.Sprintf("%d,relative", n+1))
	case "<":
		t.add(o, "isdataat", fmt.Sprintf("!%d,relative", n))
	case "<=":
		t.add(o, "isdataat", fmt.Sprintf("!%d,relative", n+1))
	default:
		t.refuse(o, "relative lengths are understood with <, <=, > and >=")
	}
}

// exclusive writes a range with both ends in it, a<=>b, as Suricata does: with both outside.
func exclusive(value string) string {
	low, high, ok := strings.Cut(value, "<=>")
	a, err := strconv.ParseUint(trim(low), 10, 32)
	b, err2 := strconv.ParseUint(trim(high), 10, 32)
	if !ok || err != nil || err2 != nil {
		return value
	}
	if a == 0 {
		return fmt.Sprintf("<%d", b+1)
	}
	return fmt.Sprintf("%d<>%d", a-1, b+1)
}

// flowbits writes several names, a&b, as one option each.
func (t *translation) flowbits(o *Option) {
	command, names, ok := strings.Cut(o.Value, ",")
	if !ok || !strings.Contains(names, "&") {
		t.r.Options = append(t.r.Options, *o)
		return
	}
	for _, name := range strings.Split(names, "&") {
		t.add(o, "flowbits", trim(command)+","+trim(name))
	}
}

// streamSize turns "1,to_client" and ">9" into "server,=,1" and "both,>,9".
func (t *translation) streamSize(o *Option) {
	value, direction, _ := strings.Cut(strings.ReplaceAll(o.Value, " ", ""), ",")
	side := map[string]string{"": "either", "either": "either", "both": "both", "to_server": "client", "to_client": "server"}[direction]
	number := strings.TrimLeft(value, "<>=!")
	operator := value[:len(value)-len(number)]
	if side == "" || strings.Trim(number, "0123456789") != "" {
		t.refuse(o, fmt.Sprintf("%q is not understood", clip(o.Value)))
		return
	}
	if operator == "" {
		operator = "="
	}
	t.add(o, "stream_size", side+","+operator+","+number)
}

// tag turns "session,packets 5" into "session,5,packets".
func (t *translation) tag(o *Option) {
	args := SplitArgs(o.Value)
	out := args[:min(1, len(args))]
	for _, arg := range args[min(1, len(args)):] {
		metric, count := SplitWord(arg)
		if count == "" {
			out = append(out, metric)
			continue
		}
		out = append(out, count, metric)
	}
	t.add(o, "tag", strings.Join(out, ","))
}

// anyPort takes the ports of a rule's header away where Snort 3 does not look at them: when the flow is of a service that
// the rule names. Of HTTP this is known from the buffers that the rule looks at.
func (t *translation) anyPort() {
	if !t.http || !known("http", t.services) {
		return
	}
	ports, err := ParsePorts("any", t.p.vars)
	if err != nil {
		return
	}
	t.r.Src.Ports, t.r.Dst.Ports = ports, ports
}
