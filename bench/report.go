package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// report is everything that was measured in one run.
type report struct {
	*lab
	start  time.Time
	trials []*trial
}

// head says where and when this was measured.
func (r *report) head(w io.Writer) {
	fmt.Fprintf(w, "# picket measured, %s\n\n", r.start.UTC().Format("2006-01-02 15:04 UTC"))
	fmt.Fprintf(w, "- commit: %s\n- machine: %s, %d cores, load %s\n- kernel: %s, %s\n\n", commit(),
		firstLine("/proc/cpuinfo", "model name"), runtime.NumCPU(), firstWords("/proc/loadavg", 3),
		firstWords("/proc/sys/kernel/osrelease", 1), runtime.Version())
}

// print writes one measurement as a table that reads as text and as Markdown.
func (t *trial) print(w io.Writer) {
	fmt.Fprintf(w, "## %s (%s)\n\n", t.name, t.took.Round(100*time.Millisecond))
	if len(t.rows) > 0 {
		fmt.Fprintln(w, "| measured | picket | held against | times better |\n|---|---|---|---|")
	}
	for _, r := range t.rows {
		ratio := ""
		if r.ratio > 0 {
			ratio = fmt.Sprintf("%.2f", r.ratio)
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", r.what, r.value, r.against, ratio)
	}
	for i, n := range t.notes {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "- %s\n", n)
	}
	if t.ended != nil {
		fmt.Fprintf(w, "\n**%s**\n", ending(t.ended))
	}
	fmt.Fprintln(w)
}

func ending(err error) string {
	if errors.Is(err, errSkipped) {
		return err.Error()
	}
	return "failed: " + err.Error()
}

// save writes the day's results; a second run of a day replaces the first.
func (r *report) save() error {
	var text strings.Builder
	r.head(&text)
	failed := 0
	for _, t := range r.trials {
		t.print(&text)
		if t.ended != nil && !errors.Is(t.ended, errSkipped) {
			failed++
		}
	}
	name := filepath.Join("bench", "results", r.start.UTC().Format("2006-01-02")+".md")
	if err := os.WriteFile(name, []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	fmt.Println("written to", name)
	if failed > 0 {
		return fmt.Errorf("%d of %d measurements failed", failed, len(r.trials))
	}
	return nil
}

// commit is the tree's, with a mark when the tree differs from it.
func commit() string {
	head, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	text := strings.TrimSpace(string(head))
	if out, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); err == nil && len(out) > 0 {
		text += ", with changes"
	}
	return text
}

// firstLine is the value of the first "key : value" line of a file.
func firstLine(file, key string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func firstWords(file string, n int) string {
	text, _ := os.ReadFile(file)
	words := strings.Fields(string(text))
	return strings.Join(words[:min(n, len(words))], " ")
}

// size writes bytes for people.
func size(n uint64) string { return fmt.Sprintf("%d MiB", n>>20) }
