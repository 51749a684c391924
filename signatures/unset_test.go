package signatures

import (
	"strings"
	"testing"

	"picket/signatures/language"
)

func TestUnsetBits(t *testing.T) {
	text := `alert udp any any -> any any (flowbits:set,a; sid:1;)
alert udp any any -> any any (flowbits:isset,a|b; sid:2;)
alert udp any any -> any any (flowbits:isset,b; sid:3;)
alert udp any any -> any any (flowbits:isnotset,c; sid:4;)
alert udp any any -> any any (xbits:isset,a,track ip_src; sid:5;)
alert udp any any -> any any (hostbits:toggle,d,dst; sid:6;)
alert udp any any -> any any (xbits:isset,d,track ip_src; sid:7;)
`
	rules, faults := language.Parse(strings.NewReader(text), "t.rules", nil)
	_, more := Compile(rules, Options{})
	var got []string
	for _, f := range append(faults, more...) {
		got = append(got, f.Error())
	}
	want := []string{
		`t.rules:2:1: sid 2: flowbit "b" is checked and no rule in force sets it (rules that check it too: 1)`,
		`t.rules:5:1: sid 5: host bit "a" is checked and no rule in force sets it`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
