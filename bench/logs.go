package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const (
	logLines   = 1_000_000
	peerLines  = 100_000 // fail2ban-regex gets the first of them: a million take it a minute and more
	failsOneIn = 20
)

// judgedLogs are the filters measured and the logs they judge.
var judgedLogs = []struct {
	filter, what string
	line         func(r *rand.Rand, at time.Time) string
}{
	{"sshd", "sshd", sshdLine},
	{"sshd[mode=aggressive]", "sshd, aggressive", sshdLine},
	{"nginx-botsearch", "nginx-botsearch", accessLine},
	{"apache-badbots", "apache-badbots", accessLine},
}

// judgeLogs judges logs of a million lines with stock filters, and gives the first of them to fail2ban-regex (Debian
// package fail2ban) in the same run. Both must find the same number of failures in these.
func judgeLogs(t *trial) {
	config := t.filters()
	dir := t.folder()
	for i, l := range judgedLogs {
		path := filepath.Join(dir, fmt.Sprint(i, ".log"))
		t.writeLog(path, logLines, l.line)
		part := path + ".part"
		t.must(firstLines(path, part, peerLines))
		ours, few := t.scan(config, path, l.filter), t.scan(config, part, l.filter)
		rate := logLines / ours.cpu.Seconds()
		value := fmt.Sprintf("%.0f lines/CPU s, %s found; %s, %s for a tenth", rate, failures(ours.out), size(ours.memory), size(few.memory))
		theirs, found := t.fail2banRegex(config, part, l.filter)
		if theirs == 0 {
			t.row(l.what, "%s", value)
			continue
		}
		t.ratio(l.what, value, fmt.Sprintf("fail2ban-regex: %.0f lines/CPU s", theirs), rate/theirs)
		if have := failures(few.out); have != fmt.Sprint(found) {
			t.note("%s: in the first %d lines picket finds %s failures, fail2ban-regex %d", l.what, peerLines, have, found)
		}
		t.must(os.Remove(path))
	}
	t.hostileLines(config, dir)
}

// filters is a folder of stock filters: the kit's, or the package's. Without either the trial is skipped.
func (t *trial) filters() string {
	config := filepath.Join(t.corpora, "..", "kits", "fail2ban", "config")
	if _, err := os.Stat(config); err != nil {
		config = "/etc/fail2ban"
	}
	if _, err := os.Stat(filepath.Join(config, "filter.d")); err != nil {
		t.Skip(err)
	}
	return config
}

func (t *trial) scan(config, log, filter string) outcome {
	return t.picket("logs", "scan", "--config", config, "--print-no-missed", log, filter)
}

// hostileLines judges lines of 64 KiB that are made to keep expressions busy.
func (t *trial) hostileLines(config, dir string) {
	const copies = 100
	path := filepath.Join(dir, "hostile.log")
	var slowest time.Duration
	var what string
	for head, part := range map[string]string{
		"Failed password for invalid user ":             " from 192.0.2.1 port 1 ssh2",
		"Failed password for ":                          " ",
		"Invalid user ":                                 "a from b from ",
		"Unable to negotiate with ":                     "192.0.2.1 port 1: no matching ",
		"pam_unix(sshd:auth): authentication failure; ": "rhost=192.0.2.1 user= ",
		"Disconnected from authenticating user ":        "x 192.0.2.1 port 1 [preauth] ",
	} {
		line := time.Now().Format("Jan _2 15:04:05") + " srv sshd[1]: " + head + strings.Repeat(part, (64<<10)/len(part))
		t.must(os.WriteFile(path, []byte(strings.Repeat(line+"\n", copies)), 0o600))
		if took := t.scan(config, path, "sshd[mode=aggressive]").cpu / copies; took > slowest {
			slowest, what = took, head
		}
	}
	t.row("the slowest hostile line of 64 KiB", "%s (%q and so on)", slowest.Round(10*time.Microsecond), what)
}

var foundLine = regexp.MustCompile(`(?m)^Failures: (\d+) of`)

func failures(out string) string {
	m := foundLine.FindStringSubmatch(out)
	if m == nil {
		return "none"
	}
	return m[1]
}

// fail2banRegex returns the lines that fail2ban-regex judges in a second of CPU, 0 if it isn't installed, and how many
// failures it found.
func (t *trial) fail2banRegex(config, log, filter string) (rate float64, found int) {
	program, err := exec.LookPath("fail2ban-regex")
	if err != nil {
		return 0, 0
	}
	var out, fault bytes.Buffer
	c := exec.CommandContext(t.ctx, program, "-c", config, "-o", "id", log, filter)
	c.Stdout, c.Stderr = &out, &fault
	if err := c.Run(); err != nil {
		t.note("fail2ban-regex %s: %v %.200s", filter, err, fault.Bytes())
		return 0, 0
	}
	use := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	return peerLines / use.Seconds(), bytes.Count(out.Bytes(), []byte("\n"))
}

// firstLines copies the first lines of a file.
func firstLines(from, to string, n int) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	lines := bufio.NewScanner(in)
	for i := 0; i < n && lines.Scan(); i++ {
		if _, err := fmt.Fprintln(out, lines.Text()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// writeLog makes a log with the same lines in every run.
func (t *trial) writeLog(path string, lines int, line func(*rand.Rand, time.Time) string) {
	f, err := os.Create(path)
	t.must(err)
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	r := rand.New(rand.NewPCG(1, 2))
	at := time.Now().Add(-logLines * 50 * time.Millisecond)
	for range lines {
		at = at.Add(time.Duration(r.IntN(100)) * time.Millisecond)
		w.WriteString(line(r, at))
		w.WriteByte('\n')
	}
	t.must(w.Flush())
}

// sshdLine is a line of a host where people work: one in twenty is a failed login.
func sshdLine(r *rand.Rand, at time.Time) string {
	good := [...]string{
		"sshd[%d]: Accepted publickey for deploy from 10.1.%d.%d port %d ssh2: RSA SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
		"sshd[%d]: Received disconnect from 10.1.%d.%d port %d:11: disconnected by user",
		"sshd[%d]: Disconnected from user deploy 10.1.%d.%d port %d",
		"sshd[%d]: pam_unix(sshd:session): session opened for user deploy(uid=%d) by (uid=%d.%d)",
		"sshd[%d]: pam_unix(sshd:session): session closed for user deploy(%d.%d.%d)",
		"CRON[%d]: pam_unix(cron:session): session opened for user root(uid=%d) by (uid=%d.%d)",
		"CRON[%d]: (root) CMD (run-parts /etc/cron.hourly/%d/%d/%d)",
		"systemd[%d]: Started Session %d of user deploy (%d.%d).",
		"sudo[%d]: deploy : TTY=pts/%d ; PWD=/home/deploy/%d ; USER=root ; COMMAND=/usr/bin/systemctl restart app%d",
	}
	bad := [...]string{
		"sshd[%d]: Failed password for invalid user admin from 203.0.%d.%d port %d ssh2",
		"sshd[%d]: Failed password for root from 203.0.%d.%d port %d ssh2",
		"sshd[%d]: Invalid user admin from 203.0.%d.%d port %d",
	}
	form := good[r.IntN(len(good))]
	if r.IntN(failsOneIn) == 0 {
		form = bad[r.IntN(len(bad))]
	}
	return at.Format("Jan _2 15:04:05") + " srv " + fmt.Sprintf(form, 1000+r.IntN(60_000), r.IntN(4), 1+r.IntN(254), 1024+r.IntN(60_000))
}

// accessLine is a line of a web server: one in twenty looks for what isn't there, with a bad bot's name.
func accessLine(r *rand.Rand, at time.Time) string {
	good := [...]string{"/", "/index.html", "/static/app.js", "/api/v1/items?page=3", "/images/logo.png", "/blog/2025/11/post"}
	bad := [...]string{"/phpmyadmin/", "/wp-login.php", "/admin/pma/"}
	from, path, status, agent := "10.1", good[r.IntN(len(good))], 200, "Mozilla/5.0 (X11; Linux x86_64; rv:57.0) Gecko/20100101 Firefox/57.0"
	if r.IntN(failsOneIn) == 0 {
		from, path, status, agent = "203.0", bad[r.IntN(len(bad))], 404, "EmailCollector"
	}
	return fmt.Sprintf("%s.%d.%d - - [%s] \"GET %s HTTP/1.1\" %d %d \"-\" \"%s\"", from, r.IntN(4), 1+r.IntN(254),
		at.Format("02/Jan/2006:15:04:05 -0700"), path, status, 100+r.IntN(90_000), agent)
}
