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
		{Name: "requires", Parse: ignore},
		{Name: "threshold", Parse: parseThreshold},
		{Name: "detection_filter", Parse: parseDetectionFilter},
		{Name: "tag", Parse: parseTag},
		{Name: "prefilter", Arg: None, Parse: parsePrefilter},
		{Name: "bypass", Arg: None, Parse: parseBypass},
		{Name: "config", Parse: parseConfig},
		{Name: "app-layer-metadata", Parse: ignore},
		{Name: "logto", Parse: errUnsupported("logto")},
		{Name: "geoip", Parse: errUnsupported("geoip")},
		{Name: "resp", Parse: errUnsupported("resp")},
	}
}

func ignore(*builder, string) error { return nil }

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

func parsePrefilter(b *builder, _ string) error {
	if b.last != nil && b.last.content != nil {
		return parseFastPattern(b, "")
	}
	b.explicitPrefilter = true
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
	l, err := parseLimit(arg, true)
	if err == nil {
		b.limits.limit = l
	}
	return err
}

func parseDetectionFilter(b *builder, arg string) error {
	if b.limits.limit != nil {
		return errors.New("threshold and detection_filter exclude each other")
	}
	if b.limits.filter != nil {
		return errors.New("detection_filter is given twice")
	}
	l, err := parseLimit(arg, false)
	if err == nil {
		l.Kind = DetectionFilter
		b.limits.filter = l
	}
	return err
}

func parseLimit(arg string, typed bool) (*limitSpec, error) {
	l := &limitSpec{}
	seen := map[string]bool{}
	for _, a := range language.SplitArgs(arg) {
		word, rest := language.SplitWord(a)
		if seen[word] {
			return nil, fmt.Errorf("%s is given twice", word)
		}
		seen[word] = true
		if err := l.field(word, rest); err != nil {
			return nil, err
		}
	}
	need := []string{"track", "count", "seconds"}
	if typed {
		need = append(need, "type")
	}
	if l.Kind == Backoff {
		need = []string{"track", "count", "multiplier"}
	}
	for _, n := range need {
		if !seen[n] {
			return nil, fmt.Errorf("%q is missing", n)
		}
	}
	return l, nil
}

func (l *limitSpec) field(word, rest string) error {
	number := func(to *uint32, least uint64) error {
		n, err := strconv.ParseUint(rest, 10, 32)
		if err != nil || n < least {
			return fmt.Errorf("%s %q is not a number of at least %d", word, rest, least)
		}
		*to = uint32(n)
		return nil
	}
	switch word {
	case "type":
		i := slices.Index([]string{"limit", "threshold", "both", "", "", "", "backoff"}, rest)
		if i < 0 || rest == "" {
			return fmt.Errorf("unknown type %q", rest)
		}
		l.Kind = LimitKind(i)
	case "track":
		i := slices.Index([]string{"by_rule", "by_src", "by_dst", "by_both", "by_flow"}, rest)
		if i < 0 {
			return fmt.Errorf("unknown track %q", rest)
		}
		l.Track = Track(i)
	case "count":
		return number(&l.Count, 1)
	case "seconds":
		return number(&l.Seconds, 1)
	case "multiplier":
		return number(&l.multiplier, 2)
	default:
		return fmt.Errorf("unknown option %q", word)
	}
	return nil
}

// requirements evaluates a rule's requires option; unmet: the rule is not for us.
func requirements(r *language.Rule, look *lookup) (unmet bool, err error) {
	for i := range r.Options {
		if r.Options[i].Name != "requires" {
			continue
		}
		for _, a := range language.SplitArgs(r.Options[i].Value) {
			word, rest := language.SplitWord(a)
			ok := false
			switch word {
			case "feature":
				ok = slices.Contains([]string{"output::file-store"}, rest)
			case "keyword":
				ok = look.keywords[rest] != nil || look.modifiers[rest] != nil
			case "version":
				if ok, err = versionMet(rest); err != nil {
					return true, err
				}
			default:
				return true, nil
			}
			if !ok {
				return true, nil
			}
		}
	}
	return false, nil
}

// compatible is the version of Suricata whose rules we read.
var compatible = [3]int{8, 0, 6}

// versionMet evaluates ">= 7.0.4 < 8 | >= 8.0.3": alternatives of conditions that must all hold.
func versionMet(text string) (bool, error) {
	for _, alternative := range strings.Split(text, "|") {
		all := true
		fields := strings.Fields(alternative)
		if len(fields) == 0 || len(fields)%2 != 0 {
			return false, fmt.Errorf("requires: version condition %q can't be read", text)
		}
		for i := 0; i < len(fields); i += 2 {
			c, err := compareVersion(fields[i+1])
			if err != nil {
				return false, err
			}
			switch fields[i] {
			case ">=":
				all = all && c >= 0
			case ">":
				all = all && c > 0
			case "<=":
				all = all && c <= 0
			case "<":
				all = all && c < 0
			case "==", "=":
				all = all && c == 0
			default:
				return false, fmt.Errorf("requires: unknown comparison %q", fields[i])
			}
		}
		if all {
			return true, nil
		}
	}
	return false, nil
}

// compareVersion holds our version against another: -1, 0, 1.
func compareVersion(text string) (int, error) {
	parts := strings.Split(text, ".")
	for i, have := range compatible {
		want := 0
		if i < len(parts) {
			n, err := strconv.Atoi(strings.SplitN(parts[i], "-", 2)[0])
			if err != nil {
				return 0, fmt.Errorf("requires: %q is not a version", text)
			}
			want = n
		}
		if have != want {
			if have < want {
				return -1, nil
			}
			return 1, nil
		}
	}
	return 0, nil
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
