package incidents

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Assessment is what a rule says about every finding of it.
type Assessment struct {
	Severity   Severity
	Confidence uint8 // percent
	Stage      Stage
	Tags       []string
}

// Assess reads a signature's class, its priority and its metadata, in the words that Emerging Threats use
// (signature_severity, confidence, mitre_tactic_id, mitre_technique_id, tag).
//
//   - severity: signature_severity, else the priority (OfPriority);
//   - confidence: High 90, Medium 60, Low 30; a rule that does not say it counts with 50;
//   - stage: the MITRE tactic, else the class, else the second word of an Emerging Threats name;
//   - tags: "mitre:" with the technique and the tactic, and the rule's own tags.
func Assess(r *Rule, priority int) Assessment {
	a := Assessment{Severity: OfPriority(priority), Confidence: unsaid, Stage: classStages[r.Class]}
	if s, ok := ruleSeverities[strings.ToLower(r.Metadata["signature_severity"])]; ok {
		a.Severity = s
	}
	if c, ok := confidences[strings.ToLower(r.Metadata["confidence"])]; ok {
		a.Confidence = c
	}
	if a.Stage == NoStage {
		a.Stage = namedStage(r.Name)
	}
	if s, ok := tacticStages[r.Metadata["mitre_tactic_id"]]; ok {
		a.Stage = s
	}
	for _, key := range []string{"mitre_technique_id", "mitre_tactic_id"} {
		if id := r.Metadata[key]; id != "" {
			a.Tags = append(a.Tags, "mitre:"+id)
		}
	}
	if tag := r.Metadata["tag"]; tag != "" {
		a.Tags = append(a.Tags, tag)
	}
	return a
}

// unsaid is the confidence of a rule that does not tell its own.
const unsaid = 50

var confidences = map[string]uint8{"high": 90, "medium": 60, "low": 30}

var ruleSeverities = map[string]Severity{"critical": Critical, "major": High, "minor": Medium, "informational": Info, "audit": Info}

// tacticStages are MITRE ATT&CK's tactics (https://attack.mitre.org/tactics/enterprise/) as stages.
var tacticStages = map[string]Stage{
	"TA0043": Recon,     // reconnaissance
	"TA0042": Recon,     // resource development
	"TA0007": Recon,     // discovery
	"TA0001": Access,    // initial access
	"TA0006": Access,    // credential access
	"TA0008": Access,    // lateral movement
	"TA0003": Foothold,  // persistence
	"TA0002": Execution, // execution
	"TA0004": Execution, // privilege escalation
	"TA0005": Execution, // defense evasion
	"TA0011": Command,   // command and control
	"TA0009": Impact,    // collection
	"TA0010": Impact,    // exfiltration
	"TA0040": Impact,    // impact
}

// classStages are Suricata's classes (classification.config) as stages. Classes that say nothing about a step are not
// in it.
var classStages = map[string]Stage{
	"attempted-recon": Recon, "successful-recon-limited": Recon, "successful-recon-largescale": Recon, "network-scan": Recon,
	"rpc-portmap-decode": Recon,
	"attempted-user":     Access, "attempted-admin": Access, "unsuccessful-user": Access, "web-application-attack": Access,
	"web-application-activity": Access, "exploit-kit": Access, "shellcode-detect": Access, "default-login-attempt": Access,
	"suspicious-login": Access, "credential-theft": Access, "social-engineering": Access,
	"successful-user": Foothold, "successful-admin": Foothold,
	"system-call-detect": Execution, "suspicious-filename-detect": Execution,
	"trojan-activity": Command, "command-and-control": Command, "domain-c2": Command,
	"coin-mining": Impact, "attempted-dos": Impact, "successful-dos": Impact, "denial-of-service": Impact, "sdf": Impact,
}

// nameStages are the categories that Emerging Threats write into names: "ET SCAN ...".
var nameStages = map[string]Stage{
	"SCAN": Recon, "EXPLOIT": Access, "EXPLOIT_KIT": Access, "WEB_SERVER": Access, "WEB_SPECIFIC_APPS": Access, "PHISHING": Access,
	"ATTACK_RESPONSE": Foothold, "SHELLCODE": Access, "MALWARE": Command, "MOBILE_MALWARE": Command, "TROJAN": Command, "CNC": Command,
	"COINMINER": Impact, "DOS": Impact, "WORM": Impact,
}

func namedStage(name string) Stage {
	_, rest, _ := strings.Cut(name, " ")
	category, _, _ := strings.Cut(rest, " ")
	return nameStages[category]
}

// gauge works out a case's severity and confidence anew.
//
// Severity is that of the worst finding, one step worse when the case is a chain: when somebody has got in after it was
// tried (a foothold or later after a scan or an attempt), or when three stages were seen.
//
// Confidence is the chance that at least one of its rules is right, if they were independent: one minus the product of
// their doubts. The rules of one stage are seldom independent, so only the surest of each stage counts; 99 is the most.
func (d *docket) gauge() {
	severity := d.worst
	if chained(d.Stages) && severity < Critical {
		severity++
	}
	doubt := 1.0
	for _, c := range d.surest {
		doubt *= 1 - float64(c)/100
	}
	d.Severity, d.Confidence = severity, uint8(min(99, (1-doubt)*100+0.5))
	d.Title = d.title()
}

// chained tells whether stages make a chain.
func chained(list []Stage) bool {
	if len(list) == 0 {
		return false
	}
	first, last := slices.Min(list), slices.Max(list)
	return len(list) >= 3 || first <= Access && last >= Foothold
}

// title names a chain by its steps, anything else by its worst rule, and says who did it to whom.
func (d *docket) title() string {
	what := d.lead
	if chained(d.Stages) {
		steps := slices.SortedFunc(slices.Values(d.Stages), cmp.Compare[Stage])
		words := make([]string, len(steps))
		for i, s := range steps {
			words[i] = s.String()
		}
		what = strings.Join(words, " → ") + ": " + what
	}
	if len(d.Attackers) > 0 {
		what += ", " + firstOf(d.Attackers[0].String(), len(d.Attackers))
	}
	if len(d.Victims) > 0 {
		what += " → " + firstOf(d.Victims[0].Address(), len(d.Victims))
	} else if d.Host != "" {
		what += " → " + d.Host
	}
	return what
}

// firstOf is the first of a list, and how many more there are.
func firstOf(name string, n int) string {
	switch {
	case n >= maxParties:
		return name + " and many more"
	case n > 1:
		return fmt.Sprintf("%s and %d more", name, n-1)
	}
	return name
}
