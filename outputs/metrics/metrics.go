// Package metrics writes the counters of a running picket as Prometheus reads them: its text format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).
//
// In comes the status of a sensor, the same that picket status shows; out goes text, on an address of its own (Serve) or
// to whoever asks on the command line (Write). Names and labels are a contract with dashboards: what is in the table
// families stays. Labels hold only what the operator has named (sources, jails) and words of this program, never an
// address: nothing that a peer sends makes a new series.
package metrics

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"picket/outputs/web"
)

// ContentType is the media type of what Write writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// kind is how a value moves.
type kind string

const (
	counter kind = "counter" // only up, from the start of the program
	gauge   kind = "gauge"
)

// sample is one value with its labels: name, value, name, value …
type sample struct {
	value  float64
	labels []string
}

// family is a metric: what it is called, what it means, and its samples in a status.
type family struct {
	name    string
	kind    kind
	help    string
	samples func(s *web.Status) []sample
}

// Write writes all metrics of a status.
func Write(w io.Writer, s *web.Status) error {
	out := bufio.NewWriter(w)
	for i := range families {
		families[i].write(out, s)
	}
	return out.Flush()
}

func (f *family) write(w io.Writer, s *web.Status) {
	list := f.samples(s)
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", f.name, f.help, f.name, f.kind)
	for _, v := range list {
		fmt.Fprintf(w, "%s%s %s\n", f.name, braced(v.labels), strconv.FormatFloat(v.value, 'f', -1, 64))
	}
}

// escapes are those of the format for a label's value.
var escapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func braced(labels []string) string {
	if len(labels) == 0 {
		return ""
	}
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+`="`+escapes.Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD"))+`"`)
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

type number interface{ ~int | ~int64 | ~uint64 }

// one is a metric of a single value.
func one[N number](value func(s *web.Status) N) func(s *web.Status) []sample {
	return func(s *web.Status) []sample { return []sample{{value: float64(value(s))}} }
}

// each is a metric with a value for each entry of a list.
func each[T any, N number](list func(s *web.Status) []T, label string, name func(*T) string, value func(*T) N) func(s *web.Status) []sample {
	return func(s *web.Status) (out []sample) {
		all := list(s)
		for i := range all {
			out = append(out, sample{float64(value(&all[i])), []string{label, name(&all[i])}})
		}
		return out
	}
}

// words is a metric with a value for each of some words.
func words[N number](label string, values func(s *web.Status) map[string]N) func(s *web.Status) []sample {
	return func(s *web.Status) (out []sample) {
		all := values(s)
		for _, word := range slices.Sorted(maps.Keys(all)) {
			out = append(out, sample{float64(all[word]), []string{label, word}})
		}
		return out
	}
}
