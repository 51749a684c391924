package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// sighting is one signature seen in one flow.
type sighting struct {
	sid  int
	flow conversation
}

// agreement holds picket's alerts on the mixed capture against Suricata's: signatures in flows, and how often.
func agreement(t *trial) {
	theirs := t.reference(t.input(mixedAlerts))
	dir := t.folder()
	args := append([]string{"read", "-r", t.input(mixedCapture), "-S", t.ruleFile(), "-l", dir, "-k", "none"}, alertsOnly...)
	t.picket(args...)
	ours, names := map[sighting]int{}, map[int]string{}
	for _, a := range t.alerts(dir) {
		ours[sighting{a.Alert.SID, a.conversation()}]++
		names[a.Alert.SID] = a.Alert.Msg
	}
	flows, alerts := shared(ours, theirs)
	t.row("signatures in flows: recall", "%s of Suricata's", share(flows, len(theirs)))
	t.row("signatures in flows: precision", "%s of picket's", share(flows, len(ours)))
	t.row("alerts one by one: recall", "%s of Suricata's", share(alerts, total(theirs)))
	t.row("alerts one by one: precision", "%s of picket's", share(alerts, total(ours)))
	t.differences("only Suricata", theirs, ours, names)
	t.differences("only picket", ours, theirs, names)
}

// shared counts what both have: sightings, and alerts.
func shared(ours, theirs map[sighting]int) (sightings, alerts int) {
	for s, n := range ours {
		if theirs[s] > 0 {
			sightings++
			alerts += min(n, theirs[s])
		}
	}
	return sightings, alerts
}

func total(list map[sighting]int) (n int) {
	for _, times := range list {
		n += times
	}
	return n
}

func share(part, all int) string {
	return fmt.Sprintf("%.1f %%: %d of %d", 100*float64(part)/float64(max(all, 1)), part, all)
}

// reference reads Suricata's alerts: pcap_cnt sid proto src_ip src_port dest_ip dest_port app_proto tx_id.
func (t *trial) reference(path string) map[sighting]int {
	list := map[sighting]int{}
	for _, l := range t.table(path) {
		sid, _ := strconv.Atoi(l[1])
		from, _ := strconv.Atoi(l[4])
		to, _ := strconv.Atoi(l[6])
		list[sighting{sid, conversationOf(l[2], endpoint{l[3], from}, endpoint{l[5], to})}]++
	}
	return list
}

// differences notes the signatures that one found and the other did not or less often, most alerts first.
func (t *trial) differences(who string, have, lack map[sighting]int, names map[int]string) {
	flows, alerts := map[int]int{}, map[int]int{}
	for s, n := range have {
		if n > lack[s] {
			flows[s.sid]++
			alerts[s.sid] += n - lack[s]
		}
	}
	sids := slices.SortedFunc(maps.Keys(alerts), func(a, b int) int {
		return cmp.Or(alerts[b]-alerts[a], a-b)
	})
	for _, sid := range sids {
		t.note("%s: %d alerts of sid %d in %d flows %s", who, alerts[sid], sid, flows[sid], names[sid])
	}
}
