package logins

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// record is a record of utmp as sshd writes it.
func record(kind uint16, user, host string, at uint32, addr []byte) []byte {
	b := make([]byte, recordSize)
	binary.NativeEndian.PutUint16(b, kind)
	binary.NativeEndian.PutUint32(b[4:], 4711)
	copy(b[8:40], "pts/0")
	copy(b[44:76], user)
	copy(b[76:332], host)
	binary.NativeEndian.PutUint32(b[340:], at)
	copy(b[348:364], addr)
	return b
}

// TestUTMP: the newest sessions come first, boots and ends are left out, and so is what is torn.
func TestUTMP(t *testing.T) {
	var file []byte
	file = append(file, record(2, "reboot", "6.1", 1, nil)...)
	for i := range 200 {
		file = append(file, record(userProcess, "anna", "198.51.100.7", uint32(1000+i), []byte{198, 51, 100, 7})...)
		file = append(file, record(8, "", "", uint32(1000+i), nil)...)
	}
	file = append(file, record(loginProcess, strings.Repeat("x", 32), "a.host\x1b[2J", 1<<31+5, netip.MustParseAddr("2001:db8::7").AsSlice())...)
	file = append(file, make([]byte, 100)...)
	path := filepath.Join(t.TempDir(), "wtmp")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := OfUTMP(path, 101)
	if err != nil || len(list) != 101 {
		t.Fatal(len(list), err)
	}
	if l := list[0]; len(l.User) != 32 || l.Addr != netip.MustParseAddr("2001:db8::7") || l.At.Year() != 2038 || l.Line != "pts/0" {
		t.Errorf("%+v", l)
	}
	if l := list[1]; l.User != "anna" || l.PID != 4711 || l.At.Unix() != 1199 || l.Addr != netip.MustParseAddr("198.51.100.7") {
		t.Errorf("%+v", l)
	}
	if list[100].At.Unix() != 1100 {
		t.Errorf("the oldest is of %s", list[100].At)
	}
}

// TestLogind: sessions of users, with the address that their host is, if it is one.
func TestLogind(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"3":     "# This is private data. Do not parse.\nUID=1000\nUSER=joe\nSTATE=active\nREMOTE=1\nTYPE=tty\nCLASS=user\nREMOTE_HOST=192.0.2.1\nSERVICE=sshd\nTTY=pts/0\nLEADER=1234\nREALTIME=1700000000000000\n",
		"4":     "USER=eve\nSTATE=closing\nCLASS=user\nREMOTE_HOST=192.0.2.9\n",
		"c1":    "USER=gdm\nSTATE=active\nCLASS=greeter\n",
		"5":     "USER=\"ann\"\nSTATE=online\nCLASS=user-early\nREMOTE_HOST=\"a.host.of.an.attacker\"\nLEADER=-1\n",
		"6":     strings.Repeat("A", 1<<20) + "\nUSER=late\n",
		"3.ref": "USER=ref\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := OfLogind(dir, 10)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	joe := list[0]
	if joe.User != "joe" || joe.Addr != netip.MustParseAddr("192.0.2.1") || joe.PID != 1234 || joe.Line != "pts/0" || joe.Service != "sshd" || joe.At.Unix() != 1700000000 {
		t.Errorf("%+v", joe)
	}
	if ann := list[1]; ann.User != "ann" || ann.Addr.IsValid() || ann.Host != "a.host.of.an.attacker" || ann.PID != 0 {
		t.Errorf("%+v", ann)
	}
}

// TestDatabases: wtmpdb's and lastlog2's, as their programs make them; what is no database is an error, and not made one.
func TestDatabases(t *testing.T) {
	dir := t.TempDir()
	made := func(name string, statements ...string) string {
		path := filepath.Join(dir, name)
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, s := range statements {
			if _, err := db.Exec(s); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
		return path
	}
	wtmp := made("wtmp.db", "CREATE TABLE wtmp (ID INTEGER PRIMARY KEY, Type INTEGER, User TEXT NOT NULL, Login INTEGER, Logout INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT) STRICT",
		"INSERT INTO wtmp VALUES (1, 1, 'reboot', 1, NULL, '~', '6.12', NULL), (2, 3, 'joe', 1700000000000000, NULL, 'pts/0', '192.0.2.1', 'sshd'), (3, 3, 'ann', 1700000001000000, NULL, 'tty1', NULL, NULL)")
	list, err := OfWTMPDB(wtmp, 10)
	if err != nil || len(list) != 2 || list[0].User != "ann" || list[1].Addr != netip.MustParseAddr("192.0.2.1") || !list[1].At.Equal(time.Unix(1700000000, 0)) {
		t.Errorf("wtmpdb: %+v, %v", list, err)
	}
	last := made("lastlog2.db", "CREATE TABLE Lastlog2 (Name TEXT PRIMARY KEY, Time INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT) STRICT",
		"INSERT INTO Lastlog2 VALUES ('joe', 1700000000, 'pts/0', '2001:db8::1', 'sshd'), ('never', 0, NULL, NULL, NULL)")
	list, err = OfLastlog2(last, 10)
	if err != nil || len(list) != 1 || list[0].Addr != netip.MustParseAddr("2001:db8::1") || list[0].At.Unix() != 1700000000 {
		t.Errorf("lastlog2: %+v, %v", list, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.db"), bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bad.db", "none.db", "."} {
		if list, err := OfWTMPDB(filepath.Join(dir, name), 10); err == nil {
			t.Errorf("%s: %+v", name, list)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none.db")); err == nil {
		t.Error("a database was made")
	}
}

func FuzzUTMP(f *testing.F) {
	f.Add(record(userProcess, "anna", "198.51.100.7", 1, []byte{198, 51, 100, 7}), 3)
	f.Add(make([]byte, 3*recordSize+5), 1)
	f.Fuzz(func(t *testing.T, file []byte, most int) {
		list, err := newest(bytes.NewReader(file), int64(len(file)), most)
		if err != nil || len(list) > max(most, 0) || len(list) > len(file)/recordSize {
			t.Fatalf("%d of at most %d, %v", len(list), most, err)
		}
		for _, l := range list {
			if l.User == "" || len(l.User) > 32 || len(l.Host) > 256 || l.Addr.IsValid() && l.Addr.IsUnspecified() {
				t.Fatalf("%+v", l)
			}
		}
	})
}

func FuzzSession(f *testing.F) {
	f.Add([]byte("USER=joe\nSTATE=active\nCLASS=user\nREMOTE_HOST=192.0.2.1\nLEADER=1234\nREALTIME=1\n"))
	f.Add([]byte("USER=\"\nREMOTE_HOST=::ffff:1.2.3.4%a\nLEADER=99999999999\nREALTIME=-9223372036854775808"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if l, ok := parseSession(bytes.NewReader(text)); ok && (l.User == "" || l.PID < 0 || l.Addr.Zone() != "") {
			t.Fatalf("%+v", l)
		}
	})
}
