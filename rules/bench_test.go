package rules

import (
	"fmt"
	"math/rand"
	"testing"
	"time"

	"picket/rules/dates"
	"picket/rules/fail2ban"
)

const kitConfig = "../../shared/kits/fail2ban/config"

// kitFilter compiles a stock filter, or skips.
func kitFilter(tb testing.TB, name string, params map[string]string) *Filter {
	tb.Helper()
	read, _, err := fail2ban.ReadFilter(kitConfig, name, params, false)
	if err != nil {
		tb.Skip("the fail2ban kit is not there: ", err)
	}
	f, err := Compile(Definition{
		Name: name, UseDNS: read.UseDNS, PrefRegex: read.PrefRegex, FailRegex: read.FailRegex,
		IgnoreRegex: read.IgnoreRegex, MaxLines: read.MaxLines, DatePattern: read.DatePattern,
	}, time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// sshdLines makes lines of a busy host, one in twenty a failure.
func sshdLines(n int) [][]byte {
	r := rand.New(rand.NewSource(7))
	good := []string{
		"sshd[%d]: Accepted publickey for deploy from 10.1.%d.%d port %d ssh2: RSA SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
		"sshd[%d]: Received disconnect from 10.1.%d.%d port %d:11: disconnected by user",
		"sshd[%d]: Disconnected from user deploy 10.1.%d.%d port %d",
		"sshd[%d]: Connection closed by 10.1.%d.%d port %d",
		"CRON[%d]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=%d.%d.%d)",
		"sshd[%d]: pam_unix(sshd:session): session opened for user deploy(uid=1001) by (uid=%d.%d.%d)",
		"systemd[%d]: Started Session %d%d of user deploy (%d).",
	}
	bad := []string{
		"sshd[%d]: Failed password for invalid user admin from 203.0.%d.%d port %d ssh2",
		"sshd[%d]: Invalid user admin from 203.0.%d.%d port %d",
	}
	at := time.Date(2025, 11, 19, 0, 0, 0, 0, time.UTC)
	var all [][]byte
	for range n {
		at = at.Add(time.Duration(r.Intn(200)) * time.Millisecond)
		form := good[r.Intn(len(good))]
		if r.Intn(20) == 0 {
			form = bad[r.Intn(len(bad))]
		}
		text := fmt.Sprintf(form, 1000+r.Intn(60000), r.Intn(4), 1+r.Intn(254), 1024+r.Intn(60000))
		all = append(all, []byte(at.Format("Jan _2 15:04:05")+" srv "+text))
	}
	return all
}

// BenchmarkSSHD measures lines per second of CPU: go test -bench SSHD -count 6 ./rules | benchstat -
func BenchmarkSSHD(b *testing.B) {
	for _, mode := range []string{"normal", "aggressive"} {
		b.Run(mode, func(b *testing.B) { benchmarkFilter(b, mode) })
	}
}

func benchmarkFilter(b *testing.B, mode string) {
	j := NewJudge(kitFilter(b, "sshd", map[string]string{"mode": mode}), dates.Clock{Now: time.Now(), Zone: time.UTC})
	lines := sshdLines(20_000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		j.Line(lines[i])
		if i++; i == len(lines) {
			i = 0
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
