package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"picket/capture/nstest"
)

// doorkeeper is a configuration of fail2ban with one jail, a log of its own, and the database that fail2ban has left.
type doorkeeper struct{ dir, log string }

func newDoorkeeper(t *testing.T) *doorkeeper {
	t.Helper()
	d := &doorkeeper{dir: t.TempDir()}
	d.log = filepath.Join(d.dir, "door.log")
	for name, text := range map[string]string{
		"fail2ban.conf": "[Definition]\nsocket = " + d.dir + "/f2b.sock\ndbfile = " + d.dir + "/f2b.sqlite3\nlogtarget = " + d.dir + "/f2b.log\n",
		"jail.conf": "[door]\nenabled = true\nfilter = door\nbackend = polling\nmaxretry = 3\nfindtime = 10m\nbantime = 1h\nlogpath = " + d.log +
			"\naction = nftables-multiport[port=\"22,2222\"]\n         tell\n",
		"filter.d/door.conf":               "[Definition]\nfailregex = bad knock from <HOST>$\n",
		"action.d/nftables-multiport.conf": "[Definition]\nactionban = nft <port>\n[Init]\nprotocol = tcp\nblocktype = drop\n",
		"action.d/tell.conf":               "[Definition]\nnorestored = 1\nactionban = echo <ip> >> " + d.dir + "/told\n",
		"door.log":                         "",
	} {
		file := filepath.Join(d.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.remember(t, "192.0.2.7", 2)
	return d
}

// remember writes a ban of an hour, made now, into fail2ban's database.
func (d *doorkeeper) remember(t *testing.T, ip string, count int) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(d.dir, "f2b.sqlite3"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE fail2banDb(version INTEGER); INSERT INTO fail2banDb VALUES (4);
		CREATE TABLE logs(jail TEXT, path TEXT, firstlinemd5 TEXT, lastfilepos INTEGER);
		CREATE TABLE bips(ip TEXT, jail TEXT, timeofban INTEGER, bantime INTEGER, bancount INTEGER, data JSON);
		INSERT INTO bips VALUES (?, 'door', ?, 3600, ?, '{"failures": 3, "matches": ["bad knock"]}')`, ip, time.Now().Unix(), count); err != nil {
		t.Fatal(err)
	}
}

// knock writes failures into the log.
func (d *doorkeeper) knock(t *testing.T, ip string, times int) {
	t.Helper()
	f, err := os.OpenFile(d.log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range times {
		if _, err := fmt.Fprintf(f, "%s gate: bad knock from %s\n", time.Now().Format(time.RFC3339), ip); err != nil {
			t.Fatal(err)
		}
	}
}

// ask is fail2ban-client of this configuration.
func (d *doorkeeper) ask(words string) (string, int) {
	return perform("fail2ban-client", append([]string{"-c", d.dir}, strings.Fields(words)...)...)
}

// TestFail2banTakenOver: picket takes over what fail2ban has left, bans who fails, and fail2ban-client shows and changes it.
func TestFail2banTakenOver(t *testing.T) {
	g := nstest.NewGateway(t)
	d := newDoorkeeper(t)
	s := prepare(t, g, "capture: {passive: {interfaces: [toa]}}\nlogs: {fail2ban: "+d.dir+", take-over: yes}\n")
	s.start()
	s.until("fail2ban's ban is taken over", func() bool {
		out, _ := d.ask("get door banip")
		return out == "192.0.2.7\n"
	})
	d.knock(t, "192.0.2.9", 3)
	s.until("the jail bans", func() bool {
		out, _ := d.ask("get door banned 192.0.2.9")
		return out == "1\n"
	})
	want := "Status for the jail: door\n|- Filter\n|  |- Currently failed:\t0\n|  |- Total failed:\t3\n|  `- File list:\t" + d.log +
		"\n`- Actions\n   |- Currently banned:\t2\n   |- Total banned:\t2\n   `- Banned IP list:\t192.0.2.7 192.0.2.9\n"
	if out, exit := d.ask("status door"); out != want || exit != 0 {
		t.Errorf("status door: exit %d\n%s", exit, out)
	}
	for _, step := range []struct {
		words, want string
		exit        int
	}{
		{"ping", "Server replied: pong\n", 0},
		{"status nosuch", "Sorry but the jail 'nosuch' does not exist\n", failed},
		{"set door bantime 2h", "7200\n", 0},
		{"set door banip 198.51.100.0/24", "1\n", 0},
		{"set door unbanip 192.0.2.9 203.0.113.1", "1\n", 0},
		{"banned 192.0.2.7 192.0.2.9", "[['door'], []]\n", 0},
		{"reload", "OK\n", 0},
		{"get door bantime", "3600\n", 0},
		{"unban --all", "2\n", 0},
	} {
		if out, exit := d.ask(step.words); out != step.want || exit != step.exit {
			t.Errorf("%s: %q, exit %d; want %q, exit %d", step.words, out, exit, step.want, step.exit)
		}
	}
	if out := s.must("jail", "door"); !strings.Contains(out, "after 3 failures in 10m for 1h") {
		t.Error(out)
	}
	s.until("the action has told about new bans only", func() bool {
		told, _ := os.ReadFile(filepath.Join(d.dir, "told"))
		return string(told) == "192.0.2.9\n198.51.100.0/24\n"
	})
}
