package http1

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"picket/traffic/app"
)

const evaderDir = "../../../../shared/kits/suricata-verify/suricata-verify/tests/http-evader"

// check is one count of a test.yaml.
type check struct {
	Filter struct {
		Count int            `yaml:"count"`
		Match map[string]any `yaml:"match"`
	} `yaml:"filter"`
}

// TestEvader plays the sessions of suricata-verify's http-evader family (https://noxxi.de/research/http-evader.html)
// and holds content and file names against the counts of their test.yaml.
func TestEvader(t *testing.T) {
	dirs, _ := filepath.Glob(evaderDir + "/*/test.yaml")
	if len(dirs) == 0 {
		t.Skip("suricata-verify's http-evader tests are not here")
	}
	good := 0
	for _, f := range dirs {
		if why := evade(t, filepath.Dir(f)); why != "" {
			t.Errorf("%s: %s", filepath.Base(filepath.Dir(f)), why)
			continue
		}
		good++
	}
	t.Logf("%d of %d", good, len(dirs))
}

func evade(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Checks []check `yaml:"checks"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	c := app.Default()
	c.HTTP.DecompressLayerLimit = 3
	if bytes.Contains(text, []byte("lzma-enabled=yes")) {
		c.HTTP.Settings = map[string]string{"lzma-enabled": "true"}
	}
	p := newParser(c)
	for _, s := range segments(t, filepath.Join(dir, "input.pcap")) {
		p.Parse(s.dir, []byte(s.data), s.data == "")
	}
	for _, ch := range doc.Checks {
		if why := ch.compare(p); why != "" {
			return why
		}
	}
	return ""
}

func (c *check) compare(p *parser) string {
	m := c.Filter.Match
	switch m["event_type"] {
	case "alert":
		want := map[string]string{"1": "EICAR-STANDARD-ANTIVIRUS-TEST-FILE", "2": "X5O!P%@AP[4"}[toText(m["alert.signature_id"])]
		n := 0
		for _, a := range p.txs.Open {
			if bytes.Contains(a.Data.(*Transaction).Response.Body.Data, []byte(want)) {
				n++
			}
		}
		if n != c.Filter.Count {
			return "content found " + strconv.Itoa(n) + " times: " + brief(p)
		}
	case "fileinfo":
		n := 0
		for _, a := range p.txs.Open {
			tx := a.Data.(*Transaction)
			for _, f := range a.Files[app.ToClient] {
				if f.State != app.FileOpen && string(f.Name) == toText(m["fileinfo.filename"]) &&
					string(tx.Request.Method) == toText(m["http.http_method"]) && string(tx.Host) == toText(m["http.hostname"]) {
					n++
				}
			}
		}
		if n != c.Filter.Count {
			return "file found " + strconv.Itoa(n) + " times: " + brief(p)
		}
	}
	return ""
}

func brief(p *parser) string {
	s := ""
	for _, l := range sum(p) {
		s += "\n    " + l[:min(len(l), 300)]
	}
	return s
}

func toText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case uint64:
		return strconv.FormatUint(v, 10)
	case int:
		return strconv.Itoa(v)
	}
	return ""
}

// segments reads a capture with one connection and returns its bytes in order; "" is a direction's end.
func segments(t *testing.T, file string) []piece {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []piece
	var next [2]uint32
	var client layers.TCPPort
	later := [2]map[uint32][]byte{{}, {}}
	for {
		data, _, err := r.ReadPacketData()
		if err != nil {
			return append(out, piece{app.ToServer, ""}, piece{app.ToClient, ""})
		}
		pkt := gopacket.NewPacket(data, r.LinkType(), gopacket.Default)
		tcp, ok := pkt.TransportLayer().(*layers.TCP)
		if !ok {
			continue
		}
		if tcp.SYN && !tcp.ACK || client == 0 {
			client = tcp.SrcPort
		}
		dir := app.ToServer
		if tcp.SrcPort != client {
			dir = app.ToClient
		}
		if tcp.SYN {
			next[dir] = tcp.Seq + 1
			continue
		}
		if len(tcp.Payload) > 0 {
			later[dir][tcp.Seq] = bytes.Clone(tcp.Payload)
		}
		for {
			b, ok := later[dir][next[dir]]
			if !ok {
				break
			}
			delete(later[dir], next[dir])
			out = append(out, piece{dir, string(b)})
			next[dir] += uint32(len(b))
		}
	}
}
