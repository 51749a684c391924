package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// session is one labelled request: an attack when the Core Rule Set expects to see something in it.
type session struct {
	client endpoint
	family string
	attack bool
}

// attackServer is the server of the capture of web attacks.
const attackServer = "10.0.0.80"

// webAttacks takes the requests of the OWASP Core Rule Set's tests to our own rules and to ET Open: in how many of
// the attacks something is found, and in how many of the harmless requests. Only told, for want of a peer: signatures for
// named malware and exploits are not a filter for web applications.
func webAttacks(t *trial) {
	sessions := t.sessions(t.input(attackLabels))
	home := []string{"--set", "vars.address-groups.HOME_NET=" + attackServer, "--set", "vars.address-groups.EXTERNAL_NET=any"}
	for _, p := range []pass{{"picket's own rules", nil}, {"ET Open", []string{"-S", t.ruleFile()}}} {
		dir := t.folder()
		t.picket(slices.Concat([]string{"read", "-r", t.input(attackCapture), "-l", dir, "-k", "none"}, home, alertsOnly, p.args)...)
		seen := map[endpoint]bool{}
		for _, a := range t.alerts(dir) {
			seen[endpoint{a.Src, a.SrcPort}], seen[endpoint{a.Dst, a.DstPort}] = true, true
		}
		t.attackRows(p.name, sessions, seen)
	}
}

// sessions reads the labels: client_ip client_port crs_rule family test_id stage expect_ids no_expect_ids ...
func (t *trial) sessions(path string) []session {
	var list []session
	for _, l := range t.table(path) {
		port, _ := strconv.Atoi(l[1])
		list = append(list, session{endpoint{l[0], port}, l[3], l[6] != ""})
	}
	return list
}

// tally counts the sessions of a kind and those in which something was found.
type tally struct{ found, all int }

func (n *tally) add(found bool) {
	n.all++
	if found {
		n.found++
	}
}

func (n tally) String() string {
	return fmt.Sprintf("%d of %d (%.1f %%)", n.found, n.all, 100*float64(n.found)/float64(max(n.all, 1)))
}

func (t *trial) attackRows(name string, sessions []session, seen map[endpoint]bool) {
	var attacks, harmless tally
	families := map[string]*tally{}
	for _, s := range sessions {
		if !s.attack {
			harmless.add(seen[s.client])
			continue
		}
		attacks.add(seen[s.client])
		if families[s.family] == nil {
			families[s.family] = &tally{}
		}
		families[s.family].add(seen[s.client])
	}
	t.row("attacks found by "+name, "%s", attacks)
	t.row("harmless requests suspected by "+name, "%s", harmless)
	var parts []string
	for family, n := range families {
		parts = append(parts, fmt.Sprintf("%s %d/%d", family, n.found, n.all))
	}
	slices.Sort(parts)
	t.note("%s: %s", name, strings.Join(parts, ", "))
}
