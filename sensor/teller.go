package sensor

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"picket/outputs/eve"
	"picket/signatures"
	"picket/traffic/packet"
)

// teller turns alerts into what each listener wants: EVE's record, a line on the terminal, a ban. One for each
// worker; the listeners behind it are shared.
type teller struct {
	lines  *lines    // nil: no terminal
	found  *reporter // nil: nobody makes incidents
	known  map[*signatures.Signature]*eve.Signature
	urls   map[string]string // of reference systems
	record eve.Alert
	text   []byte // of the stream around an alert
}

// maxText bounds the stream bytes that an alert shows; EVE's payload-buffer-size cuts further.
const maxText = 64 << 10

func newTeller(out *lines, urls map[string]string) *teller {
	return &teller{lines: out, urls: urls, known: map[*signatures.Signature]*eve.Signature{}}
}

// maxKnown bounds the cache of converted signatures; after a reload old ones are of no use.
const maxKnown = 1 << 17

// signature is a rule as EVE tells it, converted once.
func (t *teller) signature(s *signatures.Signature) *eve.Signature {
	if have := t.known[s]; have != nil {
		return have
	}
	if len(t.known) >= maxKnown {
		clear(t.known)
	}
	e := &eve.Signature{
		SID: s.SID, GID: s.GID, Rev: s.Rev, Msg: s.Msg, Category: s.Class.Description,
		Severity: s.Priority, Text: s.Raw, Target: eve.Side(s.Target),
	}
	for _, p := range s.Metadata {
		e.Metadata = append(e.Metadata, eve.Pair(p))
	}
	for _, r := range s.References {
		e.References = append(e.References, t.reference(r))
	}
	t.known[s] = e
	return e
}

// reference is a whole URL: the prefix of its system, unless the rule has written one itself.
func (t *teller) reference(r signatures.Reference) string {
	if strings.Contains(r.ID, "://") {
		return r.ID
	}
	return t.urls[strings.ToLower(r.Kind)] + r.ID
}

func (t *teller) alert(at *eve.Moment, a *signatures.Alert, v eve.Verdict, enforce bool) *eve.Alert {
	t.record = eve.Alert{
		Sig: t.signature(a.Signature), Blocked: blocked(a.Effect, enforce),
		Tx: a.Tx, Guessed: a.HasTx && !a.InTx, Stream: a.InStream || a.InTx, Frame: a.Frame, Verdict: v,
	}
	for _, c := range a.Contexts {
		t.record.Contexts = append(t.record.Contexts, eve.ValueContext{Name: c.Name, JSON: c.JSON})
	}
	if at.State != nil && t.record.Stream && at.Packet != nil {
		t.text = at.State.Text(t.text[:0], a.Dir, maxText)
		t.record.Data = t.text
	}
	return &t.record
}

// blocked: a reject blocks in any mode, a drop only where packets can be dropped.
func blocked(e signatures.Effect, enforce bool) bool {
	return e >= signatures.RejectedSource || enforce && e.Drops()
}

// verdict is what happened to the packet, in EVE's words: nothing is dropped where packets can't be.
func (t *teller) verdict(at *eve.Moment, v *signatures.Verdict, enforce bool) eve.Verdict {
	out := eve.Verdict{Action: "alert", Reason: v.Reason()}
	switch {
	case v.Effect == signatures.Passed:
		out.Action = "pass"
	case v.Effect.Drops() && enforce:
		out.Action = "drop"
	}
	switch v.Effect {
	case signatures.RejectedSource:
		out.RejectTo = "to_client"
		if at.Packet != nil && at.Packet.Dir == packet.ToClient {
			out.RejectTo = "to_server"
		}
	case signatures.RejectedDestination:
		out.RejectTo = "to_server"
		if at.Packet != nil && at.Packet.Dir == packet.ToClient {
			out.RejectTo = "to_client"
		}
	case signatures.RejectedBoth:
		out.RejectTo = "both"
	}
	out.TCPReset = at.Packet != nil && at.Packet.Proto == packet.TCP
	return out
}

// others tells the terminal and the casebook.
func (t *teller) others(at *eve.Moment, a *signatures.Alert) {
	if t.lines != nil && at.Packet != nil {
		t.lines.alert(at.Packet, a)
	}
	t.found.alert(at, a)
}

// lines writes alerts for people, one a line, at most linesPerSecond; the rest is counted.
type lines struct {
	mu      sync.Mutex
	out     io.Writer
	second  int64
	written int
	skipped int
}

const linesPerSecond = 20

func (l *lines) alert(p *packet.Packet, a *signatures.Alert) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now().Unix(); now != l.second {
		if l.skipped > 0 {
			fmt.Fprintf(l.out, "… and %d more alerts in that second\n", l.skipped)
		}
		l.second, l.written, l.skipped = now, 0, 0
	}
	if l.written++; l.written > linesPerSecond {
		l.skipped++
		return
	}
	fmt.Fprintf(l.out, "%s  %s  [%d:%d:%d] %s  %s  severity %d\n", time.Unix(0, p.Time).Format("15:04:05.000"),
		effect(a.Effect), a.GID, a.SID, a.Rev, a.Msg, ends(p), a.Priority)
}

// ends is "192.0.2.1:40000 -> 198.51.100.2:80".
func ends(p *packet.Packet) string {
	if p.Family == 0 {
		return "-"
	}
	if p.Proto == packet.TCP || p.Proto == packet.UDP || p.Proto == packet.SCTP {
		return fmt.Sprintf("%s:%d -> %s:%d", p.Src, p.SrcPort, p.Dst, p.DstPort)
	}
	return fmt.Sprintf("%s -> %s", p.Src, p.Dst)
}

// effect is the word for what a rule did; a rule that only alerts has no effect.
func effect(e signatures.Effect) string {
	if e == signatures.Accepted {
		return "alert"
	}
	return e.String()
}
