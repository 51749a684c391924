package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/ulikunitz/xz"
)

// lab is what all measurements share: the program, the captures and rules, a folder.
type lab struct {
	ctx     context.Context
	dir     string // temporary, removed at the end
	program string // picket
	corpora string
}

// Inputs, relative to corpora.
const (
	mixedCapture  = "pcap/mixed-small.pcap"
	mixedAlerts   = "pcap/mixed-small.suricata-8.0.6.alerts.tsv"
	packedRules   = "rules/et-open.rules.xz"
	classes       = "rules/classification.config"
	attackCapture = "webattacks/crs-http.pcap"
	attackLabels  = "webattacks/crs-http.labels.tsv"
)

// newLab makes the folder, builds picket unless a program is given, and unpacks the rules.
func newLab(ctx context.Context, program string) (*lab, error) {
	if _, err := os.Stat("bench/results"); err != nil {
		return nil, fmt.Errorf("prepare: %w (run make bench, or go run ./bench, at the top of the project)", err)
	}
	dir, err := os.MkdirTemp("", "picket-bench-")
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	l := &lab{ctx: ctx, dir: dir, program: program, corpora: filepath.Join("..", "shared", "corpora")}
	if err := errors.Join(l.build(), l.unpack()); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) close() { _ = os.RemoveAll(l.dir) }

// build makes the program, unless one was given.
func (l *lab) build() error {
	if l.program != "" {
		return nil
	}
	l.program = filepath.Join(l.dir, "picket")
	c := exec.CommandContext(l.ctx, "go", "build", "-trimpath", "-o", l.program, "./cmd/picket")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build picket: %w\n%s", err, out)
	}
	return nil
}

// rules is ET Open, unpacked.
func (l *lab) rules() string { return filepath.Join(l.dir, "et-open.rules") }

// unpack writes ET Open's rules; without the corpora the measurements that want them are skipped.
func (l *lab) unpack() error {
	in, err := os.Open(filepath.Join(l.corpora, packedRules))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("unpack rules: %w", err)
	}
	defer in.Close()
	plain, err := xz.NewReader(bufio.NewReader(in)) // which reads a byte at a time
	if err != nil {
		return fmt.Errorf("unpack rules: %w", err)
	}
	out, err := os.Create(l.rules())
	if err != nil {
		return fmt.Errorf("unpack rules: %w", err)
	}
	_, err = io.Copy(out, plain)
	return errors.Join(err, out.Close())
}

// measure runs one measurement and gives back what it took, however it ends.
func (l *lab) measure(m measurement) *trial {
	t := &trial{lab: l, name: m.name}
	start := time.Now()
	defer func() { t.took = time.Since(start) }()
	t.attempt(func() { m.run(t) })
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.attempt(t.cleanups[i])
	}
	return t
}
