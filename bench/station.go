package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"picket/capture/nstest"
	"picket/outputs/web"
)

// station is picket run on a host of a test network.
type station struct {
	t      *trial
	dir    string
	cmd    *exec.Cmd
	wait   func() error
	client *web.Client
}

// startDeadline bounds the loading of all rules on a busy machine.
const startDeadline = 60 * time.Second

// station starts picket on a host and waits until it is at work. config is put behind what every station has.
func (t *trial) station(h *nstest.Host, dir, config string) *station {
	s := &station{t: t, dir: dir, client: web.NewClient(filepath.Join(dir, "control.sock"))}
	config = fmt.Sprintf("mode: enforce\ngate: {private: allow}\nstate-dir: %[1]s/state\nsocket: %[1]s/control.sock\n", dir) + config
	t.must(os.WriteFile(filepath.Join(dir, "picket.yaml"), []byte(config), 0o600))
	log, err := os.Create(filepath.Join(dir, "log"))
	t.must(err)
	defer log.Close()
	s.cmd = exec.CommandContext(t.ctx, t.program, "run", "-q", "-c", filepath.Join(dir, "picket.yaml"))
	s.cmd.Stderr = log
	s.wait = h.Start(t, s.cmd)
	for end := time.Now().Add(startDeadline); !s.atWork(); t.rest(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("picket did not begin to work:\n%s", s.said())
		}
	}
	return s
}

func (s *station) said() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(text)
}

func (s *station) atWork() bool { return strings.Contains(s.said(), "at work") }

// stop ends picket in order.
func (s *station) stop() {
	s.t.must(s.cmd.Process.Signal(syscall.SIGTERM))
	if err := s.wait(); err != nil {
		s.t.Fatalf("picket ended with %v\n%s", err, s.said())
	}
}

// packets is how many packets picket has judged.
func (s *station) packets() (n uint64) {
	status, err := s.client.Status(context.Background())
	s.t.must(err)
	for _, src := range status.Sources {
		n += src.Packets
	}
	return n
}

// cpu is the CPU time of the running picket (proc_pid_stat(5): utime and stime, in hundredths of a second).
func (s *station) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	s.t.must(err)
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// resident is the memory of the running picket in bytes.
func (s *station) resident() uint64 {
	kb := firstLine(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid), "VmRSS")
	n, _ := strconv.ParseUint(strings.TrimSuffix(kb, " kB"), 10, 64)
	return n << 10
}
