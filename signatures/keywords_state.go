package signatures

import (
	"errors"
	"fmt"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
)

// stateKeywords look at how far a transaction has come.
func stateKeywords() []Keyword {
	return []Keyword{
		{Name: "app-layer-state", Parse: parseAppState},
		{Name: "frame", Parse: parseFrame},
	}
}

// parseAppState reads "<client_hello_done", ">request_headers", "!request_line", "request_complete": a step of the
// protocol that the header names. Its number holds for both directions, as in Suricata: flow says which is meant.
func parseAppState(b *builder, arg string) error {
	if b.protos == 0 {
		return errors.New("needs a protocol in the rule's header")
	}
	n := language.Number{Op: language.Equal}
	name := strings.TrimSpace(arg)
	for mark, op := range map[string]language.Compare{"<": language.Less, ">": language.Greater, "!": language.NotEqual} {
		if rest, ok := strings.CutPrefix(name, mark); ok {
			name, n.Op = strings.TrimSpace(rest), op
		}
	}
	h, ok := b.opt.findHook(b.protos, name)
	if !ok {
		return fmt.Errorf("unknown state %q of protocol %s", name, b.rule.Proto)
	}
	n.A = uint64(h.progress)
	points := late(append(when(app.ToServer, 0, h.proto), when(app.ToClient, 0, h.proto)...))
	return b.testTx("app-layer-state", points, func(v *view) bool {
		at := v.Tx.Progress[v.Dir]
		return (at > 0 || v.Dir == h.dir) && n.Match(uint64(at)) // at 0 nothing has come yet from the other side
	})
}
