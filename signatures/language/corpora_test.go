package language_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"picket/signatures/language"
)

// corpus returns an unpacked rules file of ../shared/corpora, or skips.
func corpus(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("../../../shared/corpora/rules", name))
	if err != nil {
		t.Skipf("rule corpus is not here: %v", err)
	}
	defer f.Close()
	r, err := xz.NewReader(bufio.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func hardFaults(faults []language.Fault) (hard []language.Fault) {
	for _, f := range faults {
		if !f.Soft {
			hard = append(hard, f)
		}
	}
	return hard
}

// TestCorpusSuricata reads ET Open whole, and every value that has a reader of its own.
func TestCorpusSuricata(t *testing.T) {
	rules, faults := language.Parse(bytes.NewReader(corpus(t, "et-open.rules.xz")), "et-open.rules", nil)
	for _, f := range faults {
		t.Error(f)
	}
	if len(rules) != 36464 {
		t.Errorf("%d rules, want 36464", len(rules))
	}
	for _, r := range rules {
		for _, o := range r.Options {
			if err := readValue(o); err != nil {
				t.Errorf("sid %d: %s:%s: %v", r.SID, o.Name, o.Value, err)
			}
		}
	}
}

// readValue gives an option's value to the reader of its keyword.
func readValue(o language.Option) (err error) {
	switch o.Name {
	case "content", "uricontent":
		_, err = language.ParseContent(o.Value)
	case "pcre":
		_, err = language.ParsePcreValue(o.Value)
	case "threshold":
		_, err = language.ParseThreshold(o.Value)
	case "detection_filter":
		_, err = language.ParseDetectionFilter(o.Value)
	case "dsize", "urilen", "bsize":
		_, err = language.ParseNumber(strings.TrimSuffix(strings.TrimSuffix(o.Value, ",norm"), ",raw"), 16)
	case "msg":
		_, _, err = language.Unquote(o.Value, language.QuotesRequired)
	}
	return err
}

// TestCorpusSnort reads the community rules of Snort 2 and 3, also those that they ship switched off.
func TestCorpusSnort(t *testing.T) {
	for _, c := range []struct {
		file        string
		rules, hard int
	}{
		{"snort2-community.rules.xz", 4013, 0},
		{"snort3-community.rules.xz", 4012, 13}, // ber_data and ber_skip in two rules, sip_header in two, http_param in one
	} {
		text := bytes.ReplaceAll(corpus(t, c.file), []byte("\n# alert "), []byte("\nalert "))
		rules, faults := language.Parse(bytes.NewReader(text), c.file, nil)
		hard := hardFaults(faults)
		if len(rules) != c.rules || len(hard) != c.hard {
			t.Errorf("%s: %d rules and %d hard faults, want %d and %d\n%s", c.file, len(rules), len(hard), c.rules, c.hard, causes(hard))
		}
	}
}

// causes counts faults by the beginning of their cause.
func causes(faults []language.Fault) string {
	count := map[string]int{}
	for _, f := range faults {
		cause, _, _ := strings.Cut(f.Cause, `"\`)
		count[cause]++
	}
	var b strings.Builder
	for cause, n := range count {
		fmt.Fprintf(&b, "%6d %s\n", n, cause)
	}
	return b.String()
}

// TestCorpusTests reads the rule files of Suricata's test suite one by one. What is not read is wrong on purpose
// or belongs to firewall mode, which is not ours.
func TestCorpusTests(t *testing.T) {
	allowed := []string{
		`unknown action "accept`, `unknown action "drop:`, `unknown action "pass:`, `unknown action "reject:`, // firewall mode
	}
	files := strings.Split(string(corpus(t, "all-tests.rules.xz")), "#@file ")
	for _, file := range files {
		name, text, _ := strings.Cut(file, "\n")
		_, faults := language.Parse(strings.NewReader(text), name, nil)
	next:
		for _, f := range hardFaults(faults) {
			for _, a := range allowed {
				if strings.HasPrefix(f.Cause, a) {
					continue next
				}
			}
			t.Log(f)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	text := corpus(b, "et-open.rules.xz")
	vars := language.DefaultVars()
	for b.Loop() {
		language.Parse(bytes.NewReader(text), "et-open.rules", &vars)
	}
}
