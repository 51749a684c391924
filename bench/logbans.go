package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"picket/capture/nstest"
)

const burst = 10_000

const burstRule = `name: burst
logs: [%s]
failures: ['^ sshd\[\d+\]: Failed password for \S+ from <ADDR> port \d+ ssh2$']
limits: {failures: 5, within: 10m}
`

// banBurst writes five failures each of 10,000 addresses into a log at once, and waits until the kernel holds them all.
func banBurst(t *trial) {
	h := nstest.NewHost(t, "alone")
	dir := t.folder()
	log := filepath.Join(dir, "auth.log")
	t.must(os.WriteFile(filepath.Join(dir, "burst.yaml"), fmt.Appendf(nil, burstRule, log), 0o600))
	t.must(os.WriteFile(log, nil, 0o600))
	s := t.station(h, dir, "signatures: {library: no}\ncapture: {passive: {interfaces: [lo]}}\nworkers: 1\nlogs: {rules: burst.yaml}\n")
	var text bytes.Buffer
	stamp := time.Now().Format("2006-01-02 15:04:05")
	for range 5 {
		for i := range burst {
			fmt.Fprintf(&text, "%s sshd[7]: Failed password for root from 198.18.%d.%d port 4711 ssh2\n", stamp, i>>8, i&255)
		}
	}
	before, start := s.cpu(), time.Now()
	t.must(appendTo(log, text.Bytes()))
	for t.kernelBans(h) < burst {
		if time.Since(start) > 2*time.Minute {
			t.Fatalf("%d of %d bans after %s\n%.2000s", t.kernelBans(h), burst, time.Since(start), s.said())
		}
		t.rest(20 * time.Millisecond)
	}
	took := time.Since(start)
	t.ratio("10,000 bans of one burst, from the log to the kernel", fmt.Sprintf("%s (picket %.1f CPU s)", took.Round(10*time.Millisecond), (s.cpu()-before).Seconds()),
		fmt.Sprintf("fail2ban: %d bans/s", fail2banBans), burst/took.Seconds()/fail2banBans)
	s.stop()
}

func appendTo(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
