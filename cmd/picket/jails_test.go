package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"picket/outputs/web"
)

// TestShowJails is what picket jails and picket jail print.
func TestShowJails(t *testing.T) {
	since := time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC)
	sshd := web.JailReport{
		Name: "sshd", Filter: "sshd", Files: []string{"/var/log/auth.log"}, MaxRetry: 5, Window: 600, Seconds: 3600, Longer: true,
		Actions: []string{"picket"}, Failing: 2, Failures: 12, Bans: 3, Lines: web.LineCounts{Seen: 100, Matched: 12, Missed: 88, Old: 4},
		Banned: []web.JailTicket{
			{ID: "192.0.2.1", Since: since, Until: since.Add(time.Hour), Count: 2, Failures: 5, Matches: []string{"first", "last"}},
			{ID: "2001:db8::/64", Since: since, Count: 1, Observed: true},
		},
	}
	web1 := web.JailReport{Name: "web", Journal: [][]string{{"_COMM=nginx", "_UID=33"}, {"_COMM=apache2"}}, Observe: true}
	var list, one strings.Builder
	if err := showJails(&list, []web.JailReport{sshd, web1}); err != nil {
		t.Fatal(err)
	}
	if err := showJail(&one, &sshd); err != nil {
		t.Fatal(err)
	}
	const wantList = `JAIL            FAILING  FAILURES  BANNED  BANS  READS
sshd            2        12        2       3     /var/log/auth.log
web (observes)  0        0         0       0     journal _COMM=nginx _UID=33 + _COMM=apache2
`
	const wantOne = `jail     sshd, filter sshd
reads    /var/log/auth.log
bans     after 5 failures in 10m for 1h, longer for those who come again
actions  picket
lines    100 seen: 12 matched, 0 ignored, 88 missed, 4 too old
failures 12, 2 parties failing now
banned   2 now, 3 since the start

BANNED                         SINCE                UNTIL                TIMES  FAILURES  LAST LINE
192.0.2.1                      2026-11-21 06:00:00  2026-11-21 07:00:00  2      5         last
2001:db8::/64 (observed only)  2026-11-21 06:00:00  it is lifted         1      0         
`
	if diff := cmp.Diff(wantList, list.String()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(wantOne, one.String()); diff != "" {
		t.Error(diff)
	}
}
