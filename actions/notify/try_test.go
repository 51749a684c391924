package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"picket/actions/measure"
	"picket/incidents"
)

// TestTry: a test reaches those who can be reached, tells of the others without their secrets, and leaves nothing behind.
func TestTry(t *testing.T) {
	s := serving(t)
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("bad key " + r.Header.Get("X-Key") + " for " + r.URL.Path))
	}))
	defer refuses.Close()
	t.Setenv("HOOK_KEY", "s3cret")
	c := config(Receiver{Webhook: &Webhook{URL: s.URL + "/hook"}, MinSeverity: incidents.Critical})
	c.Receivers["am"] = Receiver{Alertmanager: &Alertmanager{URL: s.URL}}
	c.Receivers["bad"] = Receiver{Webhook: &Webhook{URL: refuses.URL + "/T0KEN", Headers: map[string]Secret{"X-Key": "env:HOOK_KEY"}}}
	list, err := Try(t.Context(), &c, "alice")
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	for _, one := range list {
		if (one.Err != nil) != (one.Receiver == "bad") {
			t.Errorf("%s: %v", one.Receiver, one.Err)
		}
	}
	if text := list[1].Err.Error(); strings.Contains(text, "s3cret") || !strings.Contains(text, "403") {
		t.Errorf("%s", text)
	}
	var alerts []alert
	if err := json.Unmarshal([]byte(s.got()[0]), &alerts); err != nil || alerts[0].EndsAt.IsZero() {
		t.Errorf("%s: %v", s.got()[0], err)
	}
	var m Message
	if err := json.Unmarshal([]byte(s.got()[1]), &m); err != nil || m.Kind != "test" || !strings.Contains(m.Text, "alice") {
		t.Errorf("%s: %v", s.got()[1], err)
	}
	if _, err := Try(t.Context(), &c, "alice", "nobody"); err == nil || !strings.Contains(err.Error(), "am, bad, ops") {
		t.Errorf("%v", err)
	}
}

// TestMergedIncident: whoever was told of an incident that turned out to be part of another is asked about the measures of
// that one in the same thread, and hears of one end.
func TestMergedIncident(t *testing.T) {
	s, dir := serving(t), t.TempDir()
	s.answer = `{"ok": true, "ts": "1700.1"}`
	t.Setenv("SLACK", "xoxb-1")
	n, _ := running(t, dir, config(Receiver{Slack: &Slack{Token: "env:SLACK", Channel: "#ops", API: s.URL}}))
	tell(t, n, scan(9))
	until(t, "the alert has come", func() bool { return len(s.got()) == 1 })
	part := *scan(9)
	part.State, part.Merged = incidents.Resolved, 5
	n.Incident(&incidents.Event{Kind: incidents.WasMerged, Incident: part})
	n.Measure(&measure.Measure{ID: 7, Incident: 5, State: measure.PendingApproval, Spec: measure.Spec{Name: "kill"}, Ask: "sure?"})
	until(t, "the request has come", func() bool { return len(s.got()) == 2 })
	var asked map[string]string
	if err := json.Unmarshal([]byte(s.got()[1]), &asked); err != nil || asked["thread_ts"] != "1700.1" || !strings.Contains(asked["text"], "picket approve 7") {
		t.Errorf("%v %v", asked, err)
	}
	for _, id := range []incidents.ID{5, 9} {
		end := *scan(id)
		end.State = incidents.Resolved
		n.Incident(&incidents.Event{Kind: incidents.WasResolved, Incident: end})
	}
	until(t, "the end has come", func() bool { return len(s.got()) == 3 })
	if s, err := n.Stats(context.Background()); err != nil || s.Queued != 3 {
		t.Errorf("%+v %v", s, err)
	}
	if ts := openThreads(filepath.Join(dir, "slack-threads")).of("#ops", 5); ts != "1700.1" {
		t.Errorf("the thread of the whole is %q", ts)
	}
}
