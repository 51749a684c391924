package rules

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"picket/rules/dates"
)

// oracleFilters are those judged beside fail2ban itself. Of the others dovecot and vsftpd name groups that 1.0.2, the
// version in Debian, reads otherwise than 1.1.2, whose law holds here (docs/decisions/0007).
var oracleFilters = []string{
	"apache-auth", "apache-modsecurity", "asterisk", "courier-auth", "exim", "mysqld-auth", "named-refused", "nginx-http-auth",
	"openvpn", "pam-generic", "postfix", "proftpd", "recidive", "roundcube-auth", "sendmail-reject", "slapd", "sshd",
}

// oracleLines is what testdata/oracle.py prints for a filter.
type oracleLines struct {
	Filter string
	Lines  []struct {
		Text     []byte
		Failures []oracleFailure // nil: fail2ban gave up on the line
	}
}

type oracleFailure struct {
	ID, User string
	Time     float64
	Attempts int
}

// TestOracle judges lines that were written from the filters' own expressions, and changed a little, beside fail2ban's own
// code, one filter's lines with one judge.
func TestOracle(t *testing.T) {
	const python = "/usr/bin/python3" // Debian's, which its package of fail2ban is for
	if out, err := exec.Command(python, "-c", "import fail2ban.tests.dummyjail").CombinedOutput(); err != nil {
		t.Skipf("fail2ban is not there for %s: %v\n%s", python, err, out)
	}
	if _, err := os.Stat(kit); err != nil {
		t.Skip("the fail2ban kit is not there: ", err)
	}
	cmd := exec.Command(python, append([]string{"testdata/oracle.py", kit + "config", "2026", "60"}, oracleFilters...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for in := json.NewDecoder(bytes.NewReader(out)); in.More(); {
		var o oracleLines
		if err := in.Decode(&o); err != nil {
			t.Fatal(err)
		}
		t.Run(o.Filter, func(t *testing.T) { compareOracle(t, o) })
	}
}

func compareOracle(t *testing.T, o oracleLines) {
	zone, err := time.LoadLocation("Europe/Zurich")
	if err != nil {
		t.Skip("no time zone data: ", err)
	}
	j := NewJudge(kitFilter(t, o.Filter, nil), dates.Clock{Now: time.Unix(1124013600, 0), Zone: zone})
	failures := 0
	for _, l := range o.Lines {
		got, _, ok := j.Line(bytes.TrimRight(l.Text, "\r\n"))
		if l.Failures == nil { // an exception there is no failure; here the line is judged as one without a date
			continue
		}
		failures += len(l.Failures)
		if ok != (len(l.Failures) > 0) || ok && !sameFailure(l.Failures[0], got) {
			t.Errorf("%q: fail2ban %+v, here %v %s %d %d %q", l.Text, l.Failures, ok, got.ID, got.Nanos/1e9, got.Attempts, got.Fields.Get("user"))
		}
	}
	if failures == 0 {
		t.Errorf("none of %d lines is a failure", len(o.Lines))
	}
}

func sameFailure(want oracleFailure, got Failure) bool {
	when := math.Min(want.Time, float64(math.MaxInt64)/1e9) // dates end in 2262 here
	return sameParty(want.ID, got.ID) && math.Abs(when-float64(got.Nanos)/1e9) < 1 && want.Attempts == got.Attempts && want.User == got.Fields.Get("user")
}

// sameParty compares addresses by value.
func sameParty(a, b string) bool {
	x, err := netip.ParseAddr(a)
	y, other := netip.ParseAddr(b)
	return a == b || err == nil && other == nil && x.Unmap() == y.Unmap()
}
