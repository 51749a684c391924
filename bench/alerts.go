package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// alert is what bench reads of an EVE alert.
type alert struct {
	Proto   string `json:"proto"`
	Src     string `json:"src_ip"`
	SrcPort int    `json:"src_port"`
	Dst     string `json:"dest_ip"`
	DstPort int    `json:"dest_port"`
	Alert   struct {
		SID int    `json:"signature_id"`
		Msg string `json:"signature"`
	} `json:"alert"`
}

// endpoint is one side of a flow.
type endpoint struct {
	addr string
	port int
}

// conversation is a flow without its direction.
type conversation struct {
	proto string
	a, b  endpoint // a sorts before b
}

func conversationOf(proto string, x, y endpoint) conversation {
	if x.addr > y.addr || x.addr == y.addr && x.port > y.port {
		x, y = y, x
	}
	return conversation{proto, x, y}
}

// conversation is where the alert was seen.
func (a *alert) conversation() conversation {
	return conversationOf(a.Proto, endpoint{a.Src, a.SrcPort}, endpoint{a.Dst, a.DstPort})
}

// alerts reads the alerts of a folder's eve.json.
func (t *trial) alerts(dir string) []alert {
	f, err := os.Open(filepath.Join(dir, "eve.json"))
	t.must(err)
	defer f.Close()
	var list []alert
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var a alert
		t.must(json.Unmarshal(lines.Bytes(), &a))
		if a.Alert.SID != 0 {
			list = append(list, a)
		}
	}
	t.must(lines.Err())
	return list
}

// table reads a file of lines with fields between tabs, without its head; quotes mean nothing in it.
func (t *trial) table(path string) (lines [][]string) {
	text, err := os.ReadFile(path)
	t.must(err)
	for line := range strings.Lines(string(text)) {
		lines = append(lines, strings.Split(strings.TrimRight(line, "\n"), "\t"))
	}
	if len(lines) < 2 {
		t.Fatal(path, " is empty")
	}
	return lines[1:]
}
