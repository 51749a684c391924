package rules

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestMemoryJSON: what is appended reads as what json.Marshal writes.
func TestMemoryJSON(t *testing.T) {
	for _, m := range []Memory{
		{},
		{Jail: "sshd", ID: "192.0.2.1", Count: 2, Failures: 3, First: 1, Last: 2, Bans: 4, Banned: 5, Seconds: 600.5, Breached: 6},
		{Jail: "a\"b", ID: "user\x00ünlü\xff\x7f\n", Matches: []string{`a "quoted" \ line`, "<&>", ""}, Fields: map[string]string{"user": "x\t", "ip4": "192.0.2.1"}},
		{Jail: "crowd", Member: netip.MustParsePrefix("2001:db8::/64"), Seconds: -1},
		{Jail: "long", Seconds: 1e21},
	} {
		text, err := json.Marshal(&m)
		if err != nil {
			t.Fatal(err)
		}
		var want, got Memory
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(m.AppendJSON(nil), &got); err != nil {
			t.Fatalf("%s: %v", m.AppendJSON(nil), err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{})); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
}
