package metrics

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket/actions"
	"picket/actions/measure"
	"picket/outputs/web"
)

func status() web.Status {
	return web.Status{
		Version: "picket 1", Mode: "enforce", Since: time.Unix(1000, 0), Alerts: 3, Rules: web.Rules{Since: time.Unix(2000, 0)},
		Sources:  []web.Source{{Name: "queue 0", Packets: 7, Bytes: 1 << 40}, {Name: `odd"\` + "\n\xff", Packets: 1}},
		Counters: map[string]uint64{"tcp.reassembly_gap": 5, "flow.active": 6},
		Syslog:   map[string]uint64{"messages": 8, "peers-refused": 9},
		Jails:    []web.Jail{{Name: "sshd", Failures: 12, Failing: 2}},
		Bans:     actions.Stats{Banned: 4, Standing: 3},
		Measures: measure.Stats{Waiting: 1, Deviations: 2, Moved: map[measure.State]uint64{measure.Active: 4, measure.Error: 1}},
	}
}

func TestWrite(t *testing.T) {
	s := status()
	var out strings.Builder
	if err := Write(&out, &s); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# HELP picket_info always 1; which picket this is, and whether it may act\n# TYPE picket_info gauge\npicket_info{version=\"picket 1\",mode=\"enforce\"} 1\n",
		"picket_start_time_seconds 1000\n",
		"picket_packets_total{source=\"queue 0\"} 7\npicket_packets_total{source=\"odd\\\"\\\\\\n\uFFFD\"} 1\n",
		"picket_packet_bytes_total{source=\"queue 0\"} 1099511627776\n",
		"picket_jail_failures_total{jail=\"sshd\"} 12\n",
		"picket_syslog_total{counter=\"messages\"} 8\npicket_syslog_total{counter=\"peers-refused\"} 9\n",
		"picket_bans 3\n",
		"picket_walk_total{counter=\"tcp.reassembly_gap\"} 5\n",
		"picket_walk{counter=\"flow.active\"} 6\n",
		"picket_ban_events_total{event=\"made\"} 4\n",
		"picket_measure_steps_total{state=\"active\"} 4\npicket_measure_steps_total{state=\"error\"} 1\n",
		"picket_deviations_total 2\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "picket_eve_") {
		t.Error("metrics of an output that there is not")
	}
}

// TestEveryLineIsInTheFormat holds each line against the grammar, and each family to Prometheus' rules of naming.
func TestEveryLineIsInTheFormat(t *testing.T) {
	s := status()
	s.EVE = &web.EVE{}
	var out strings.Builder
	if err := Write(&out, &s); err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^(# (HELP|TYPE) picket_[a-z_]+ \S.*|picket_[a-z_]+(\{[a-z]+="([^"\\\n]|\\["\\n])*"(,[a-z]+="([^"\\\n]|\\["\\n])*")*\})? [0-9.e+]+)$`)
	for _, l := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if !line.MatchString(l) {
			t.Errorf("not in the format: %q", l)
		}
	}
	seen := map[string]bool{}
	for _, f := range families {
		if seen[f.name] || strings.HasSuffix(f.name, "_total") != (f.kind == counter) {
			t.Errorf("%s, a %s: given twice, or a counter that does not end in _total", f.name, f.kind)
		}
		seen[f.name] = true
		if !strings.Contains(out.String(), "# TYPE "+f.name+" ") {
			t.Errorf("%s is not written", f.name)
		}
	}
}

func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Serve(ctx, l, func(context.Context) (web.Status, error) { return status(), nil })
	}()
	for _, c := range []struct {
		method, path string
		code         int
		body         string
	}{
		{"GET", "/metrics", 200, "picket_bans 3\n"},
		{"POST", "/metrics", 405, ""},
		{"GET", "/v1/status", 404, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+l.Addr().String()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.code || !strings.Contains(string(text), c.body) {
			t.Errorf("%s %s: %s\n%s", c.method, c.path, resp.Status, text)
		}
	}
	cancel()
	if diff := cmp.Diff(nil, <-done); diff != "" {
		t.Error(diff)
	}
}
