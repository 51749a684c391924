package signatures

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/flow"
)

// metaKeywords say what a rule is about and how often it speaks (docs.suricata.io, "Meta Keywords", "Thresholding").
func metaKeywords() []Keyword {
	return []Keyword{
		{Name: "classtype", Parse: parseClasstype},
		{Name: "priority", Parse: parsePriority},
		{Name: "reference", Parse: parseReference},
		{Name: "metadata", Parse: parseMetadata},
		{Name: "target", Parse: parseTarget},
		{Name: "noalert", Arg: None, Parse: func(b *builder, _ string) error { b.NoAlert = true; return nil }},
		{Name: "alert", Arg: None, Parse: func(b *builder, _ string) error { b.NoAlert = false; return nil }},
		{Name: "requires", Parse: done}, // language has judged it
		{Name: "threshold", Parse: parseThreshold},
		{Name: "detection_filter", Parse: parseDetectionFilter},
		{Name: "tag", Parse: parseTag},
		{Name: "prefilter", Arg: None, Parse: parsePrefilter},
		{Name: "bypass", Arg: None, Parse: parseBypass},
		{Name: "config", Parse: parseConfig},
		{Name: "logto", Parse: errUnsupported("logto")},
		{Name: "geoip", Parse: parseGeoip},
		{Name: "resp", Parse: errUnsupported("resp")},
	}
}

func done(*builder, string) error { return nil }

// parseBypass ends the inspection of the flow with the match: inline the kernel takes the rest.
func parseBypass(b *builder, _ string) error {
	return b.after(func(v *view) {
		if v.Flow != nil {
			v.Flow.Flags |= flow.NoPacket | flow.Offload
		}
	})
}

// parseConfig reads "logging disable, type tx, scope tx": the transaction is judged and not told of
// (docs.suricata.io, "Config Rules").
func parseConfig(b *builder, arg string) error {
	args := language.SplitArgs(arg)
	if len(args) != 3 {
		return errors.New("write logging disable, type tx, scope tx")
	}
	subsystem, action := language.SplitWord(args[0])
	kind, what := language.SplitWord(args[1])
	scope, where := language.SplitWord(args[2])
	switch {
	case action != "disable" || kind != "type" || scope != "scope":
		return fmt.Errorf("%q is not SUBSYSTEM disable, type TYPE, scope SCOPE", arg)
	case subsystem == "tracking":
		return errors.New("tracking can't be disabled by a rule: flows are tracked before rules are judged")
	case subsystem != "logging" || what != "tx" && what != "flow" || where != "tx" && where != "flow":
		return fmt.Errorf("%q is not logging disable, type tx, scope tx", arg)
	case what != "tx" || where != "tx":
		b.warn = append(b.warn, "config has no effect with type or scope flow, as in Suricata")
		return nil
	}
	return b.after(func(v *view) {
		if v.Tx == nil {
			return
		}
		v.Tx.Unlogged = true
		if p, ok := v.State.App.Parser.(app.Pairer); ok {
			p.PairUnlogged(v.Tx)
		}
	})
}

// parsePrefilter makes the content before it the fast pattern. Behind another keyword it asks for that one to be tried
// first; we group rules by address, port and need whether they ask or not, so it changes nothing.
func parsePrefilter(b *builder, _ string) error {
	if b.last != nil && b.last.content != nil {
		return parseFastPattern(b, "")
	}
	if b.last == nil && len(b.Signature.tests) == 0 && len(b.tx) == 0 {
		return errors.New("prefilter needs a keyword that matches before it")
	}
	return nil
}

func parseClasstype(b *builder, arg string) error {
	c, ok := b.opt.Classes[strings.ToLower(arg)]
	if !ok {
		b.warn = append(b.warn, fmt.Sprintf("unknown classtype %q", arg))
		c = Class{Name: arg, Priority: 3}
	}
	if b.Class.Name != "" {
		b.warn = append(b.warn, "classtype is given twice")
		if c.Priority >= b.Class.Priority {
			return nil
		}
	}
	b.Class = c
	if !b.prioritySet {
		b.Priority = c.Priority
	}
	return nil
}

func parsePriority(b *builder, arg string) error {
	text, _, err := language.Unquote(arg, language.QuotesAllowed)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a priority", arg)
	}
	if b.prioritySet {
		b.warn = append(b.warn, "priority is given twice")
		return nil
	}
	b.Priority, b.prioritySet = n, true
	return nil
}

func parseReference(b *builder, arg string) error {
	kind, id, ok := strings.Cut(arg, ",")
	kind, id = strings.TrimSpace(kind), strings.TrimSpace(id)
	if !ok || kind == "" || id == "" {
		return errors.New("reference needs a kind and an identifier")
	}
	b.References = append(b.References, Reference{kind, id})
	return nil
}

func parseMetadata(b *builder, arg string) error {
	for _, one := range language.SplitArgs(arg) {
		key, val := language.SplitWord(one)
		if key != "" && val != "" {
			b.Metadata = append(b.Metadata, Pair{key, val})
		}
	}
	return nil
}

func parseTarget(b *builder, arg string) error {
	if b.rule.Arrow == "<>" {
		return errors.New("target can't be used in a bidirectional rule")
	}
	switch arg {
	case "src_ip":
		b.Target = TargetSource
	case "dest_ip":
		b.Target = TargetDestination
	default:
		return fmt.Errorf("target is src_ip or dest_ip, not %q", arg)
	}
	return nil
}

// parseThreshold reads "type limit, track by_src, count 1, seconds 60".
func parseThreshold(b *builder, arg string) error {
	if b.limits.filter != nil {
		return errors.New("threshold and detection_filter exclude each other")
	}
	if b.limits.limit != nil {
		return errors.New("threshold is given twice")
	}
	f, err := language.ParseThreshold(arg)
	if err != nil {
		return err
	}
	b.limits.limit = newLimit(&f)
	return nil
}

func parseDetectionFilter(b *builder, arg string) error {
	if b.limits.limit != nil {
		return errors.New("threshold and detection_filter exclude each other")
	}
	if b.limits.filter != nil {
		return errors.New("detection_filter is given twice")
	}
	f, err := language.ParseDetectionFilter(arg)
	if err != nil {
		return err
	}
	b.limits.filter = newLimit(&f)
	return nil
}

// Lacks makes the judge of requires options: what rules may ask for and we do not have (language.Vars.Lacks).
func Lacks() func(kind, name string) bool {
	look := newLookup()
	return func(kind, name string) bool {
		if kind == "keyword" {
			return look.keywords[name] == nil && look.modifiers[name] == nil
		}
		return !slices.Contains([]string{"output::file-store", "ja3", "ja4"}, name)
	}
}

// defaultClasses are the classes that Suricata ships (classification.config).
func defaultClasses() map[string]Class {
	m := make(map[string]Class, len(classes))
	for _, c := range classes {
		m[c.Name] = c
	}
	return m
}

var classes = [...]Class{
	{"not-suspicious", "Not Suspicious Traffic", 3}, {"unknown", "Unknown Traffic", 3},
	{"bad-unknown", "Potentially Bad Traffic", 2}, {"attempted-recon", "Attempted Information Leak", 2},
	{"successful-recon-limited", "Information Leak", 2}, {"successful-recon-largescale", "Large Scale Information Leak", 2},
	{"attempted-dos", "Attempted Denial of Service", 2}, {"successful-dos", "Denial of Service", 2},
	{"attempted-user", "Attempted User Privilege Gain", 1}, {"unsuccessful-user", "Unsuccessful User Privilege Gain", 1},
	{"successful-user", "Successful User Privilege Gain", 1}, {"attempted-admin", "Attempted Administrator Privilege Gain", 1},
	{"successful-admin", "Successful Administrator Privilege Gain", 1}, {"rpc-portmap-decode", "Decode of an RPC Query", 2},
	{"shellcode-detect", "Executable code was detected", 1}, {"string-detect", "A suspicious string was detected", 3},
	{"suspicious-filename-detect", "A suspicious filename was detected", 2},
	{"suspicious-login", "An attempted login using a suspicious username was detected", 2},
	{"system-call-detect", "A system call was detected", 2}, {"tcp-connection", "A TCP connection was detected", 4},
	{"trojan-activity", "A Network Trojan was detected", 1},
	{"unusual-client-port-connection", "A client was using an unusual port", 2},
	{"network-scan", "Detection of a Network Scan", 3}, {"denial-of-service", "Detection of a Denial of Service Attack", 2},
	{"non-standard-protocol", "Detection of a non-standard protocol or event", 2},
	{"protocol-command-decode", "Generic Protocol Command Decode", 3},
	{"web-application-activity", "access to a potentially vulnerable web application", 2},
	{"web-application-attack", "Web Application Attack", 1}, {"misc-activity", "Misc activity", 3},
	{"misc-attack", "Misc Attack", 2}, {"icmp-event", "Generic ICMP event", 3},
	{"inappropriate-content", "Inappropriate Content was Detected", 1},
	{"policy-violation", "Potential Corporate Privacy Violation", 1},
	{"default-login-attempt", "Attempt to login by a default username and password", 2},
	{"targeted-activity", "Targeted Malicious Activity was Detected", 1},
	{"exploit-kit", "Exploit Kit Activity Detected", 1}, {"external-ip-check", "Device Retrieving External IP Address Detected", 2},
	{"domain-c2", "Domain Observed Used for C2 Detected", 1}, {"pup-activity", "Possibly Unwanted Program Detected", 2},
	{"credential-theft", "Successful Credential Theft Detected", 1},
	{"social-engineering", "Possible Social Engineering Attempted", 2},
	{"coin-mining", "Crypto Currency Mining Activity Detected", 2}, {"command-and-control", "Malware Command and Control Activity Detected", 1},
}
