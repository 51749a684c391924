package pcre

import (
	"bytes"
	"os"
	"testing"
)

// httpHeads cuts request heads of up to 500 bytes out of the shared capture.
func httpHeads(b *testing.B) [][]byte {
	capture, err := os.ReadFile("../../../shared/corpora/pcap/mixed-small.pcap")
	if err != nil {
		b.Skip("no capture: ", err)
	}
	var heads [][]byte
	for at := 0; len(heads) < 25; {
		i := bytes.Index(capture[at:], []byte("GET /"))
		if i < 0 || at+i+500 > len(capture) {
			break
		}
		heads = append(heads, bytes.Clone(capture[at+i:at+i+500]))
		at += i + 5000
	}
	return heads
}

// BenchmarkETOpen evaluates every regular expression of ET Open on 25 requests; one op is one evaluation.
func BenchmarkETOpen(b *testing.B) {
	heads := httpHeads(b)
	var res []*Regexp
	for _, p := range corpus(b, "et-open.rules.xz") {
		re, err := Compile(p.pattern, p.flags|NoCaptures)
		if err != nil {
			b.Fatal(err)
		}
		res = append(res, re)
	}
	var m Matcher
	i, k := 0, 0
	for b.Loop() {
		res[i].Match(heads[k], 0, &m)
		if k++; k == len(heads) {
			k = 0
			if i++; i == len(res) {
				i = 0
			}
		}
	}
	b.ReportMetric(float64(m.LimitHits)/float64(b.N), "limits/op")
}

func BenchmarkCompile(b *testing.B) {
	patterns := corpus(b, "et-open.rules.xz")
	for b.Loop() {
		for _, p := range patterns {
			if _, err := Compile(p.pattern, p.flags|NoCaptures); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(len(patterns)), "patterns/op")
}
