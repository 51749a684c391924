package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"picket/outputs/fail2ban/pickle"
	"picket/rules"
)

// The bounds of looking up names.
const (
	lookupTimeout = 5 * time.Second
	maxLookups    = 10_000 // names remembered
)

// ids returns whose failure a hit is: one, or as many as a name has addresses; none for a name that has none.
func (t *regexTool) ids(h *rules.Hit) []string {
	if h.Pending {
		return []string{"None"}
	}
	name, named := h.Fields.Lookup("dns")
	_, v4 := h.Fields.Lookup("ip4")
	_, v6 := h.Fields.Lookup("ip6")
	if !named || v4 || v6 || t.options.raw || t.options.usedns == "raw" {
		return []string{h.ID}
	}
	return t.lookup(name)
}

// lookup returns the addresses of a name, sorted.
func (t *regexTool) lookup(name string) []string {
	if a, err := netip.ParseAddr(name); err == nil {
		return []string{a.Unmap().String()}
	}
	if t.options.usedns == "no" {
		return nil
	}
	if known, ok := t.hosts[name]; ok {
		return known
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	addrs, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", name) // a name that is not found has no addresses
	var list []string
	for _, a := range addrs {
		list = append(list, a.Unmap().String())
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if len(t.hosts) < maxLookups {
		t.hosts[name] = list
	}
	return list
}

// print writes what --out asks for of a line's failures.
func (t *regexTool) print(trial *rules.Trial) {
	if len(trial.Ignored) > 0 || slices.ContainsFunc(trial.Hits, func(h rules.Hit) bool { return h.NoFail }) {
		return
	}
	for i := range trial.Hits {
		if trial.Hits[i].Pending {
			continue
		}
		for _, id := range t.ids(&trial.Hits[i]) {
			for _, line := range t.shown(&trial.Hits[i], id, unixTime(trial, &trial.Hits[i])) {
				fmt.Fprintln(t.out, line)
			}
		}
	}
}

// shown is a failure in the form that --out names.
func (t *regexTool) shown(h *rules.Hit, id, at string) []string {
	switch form := t.options.out; {
	case form == "id" || form == "fid":
		return []string{id}
	case form == "ip":
		return []string{address(h, id)}
	case form == "msg":
		return h.Matches
	case form == "row":
		return []string{fmt.Sprintf("[%s,\t%s,\t%s],", pickle.Quote(id), at, pickle.Repr(failureDict(h, id)))}
	case !strings.Contains(form, "<"):
		return []string{pickle.Text(valueOf(failureDict(h, id), form))}
	}
	return t.filled(h, id, at)
}

// address is whom to ban: what the line names beside an id of its own.
func address(h *rules.Hit, id string) string {
	if h.Host != "" && h.Host != h.ID && !h.Network.IsValid() {
		return h.Host
	}
	return id
}

// unixTime is a failure's time as Python has it: an int if the date names its zone.
func unixTime(t *rules.Trial, h *rules.Hit) string {
	if t.Zoned {
		return fmt.Sprint(h.Nanos / 1e9)
	}
	return pickle.Repr(float64(h.Nanos) / 1e9)
}

// failureDict is a failure's data, in the order in which fail2ban comes to know it: the groups of the line, or of the first
// one of the connection, the users of the connection, and what later lines have told.
func failureDict(h *rules.Hit, id string) pickle.Dict {
	d := pickle.Dict{}
	_, session := h.Fields.Lookup("mlfid")
	for _, g := range h.Groups {
		text, taken := h.Fields.Lookup(g.Name)
		switch {
		case session && g.Name == "mlfforget", h.Joined && !taken && (g.Name == "nofail" || g.Name == "mlfgained"):
		case taken:
			d = append(d, pickle.Pair{Key: g.Name, Value: text})
		default:
			d = append(d, pickle.Pair{Key: g.Name})
		}
	}
	if h.Joined {
		d = withUsers(d, h)
	}
	for _, f := range h.Fields {
		if !slices.ContainsFunc(d, func(p pickle.Pair) bool { return p.Key == f.Name }) {
			d = append(d, pickle.Pair{Key: f.Name, Value: f.Text})
		}
	}
	if session && !h.Joined {
		d = withUsers(d, h)
	}
	if a := address(h, id); a != id {
		d = append(d, pickle.Pair{Key: "ip", Value: a})
	}
	return d
}

// withUsers adds the users of a connection, if it has told of any.
func withUsers(d pickle.Dict, h *rules.Hit) pickle.Dict {
	if len(h.Users) == 0 {
		return d
	}
	var users pickle.Set
	for _, u := range h.Users {
		users = append(users, u)
	}
	return append(d, pickle.Pair{Key: "users", Value: users})
}

func valueOf(d pickle.Dict, key string) any {
	for _, p := range d {
		if p.Key == key {
			return p.Value
		}
	}
	return nil
}

var outTag = regexp.MustCompile(`<([^ <>]+)>`)

// filled replaces the tags of a form; <msg> gives a row for each line behind the failure.
func (t *regexTool) filled(h *rules.Hit, id, at string) []string {
	fill := func(msg string) string {
		return outTag.ReplaceAllStringFunc(t.options.out, func(tag string) string {
			if tag == "<msg>" {
				return msg
			}
			text, ok := tagText(h, id, at, tag[1:len(tag)-1])
			if !ok {
				return tag
			}
			return text
		})
	}
	if !strings.Contains(t.options.out, "<msg>") {
		return []string{fill("")}
	}
	var rows []string
	for _, m := range h.Matches {
		rows = append(rows, fill(m))
	}
	return rows
}

// tagText is the text of an action's tag, as far as a failure without a ban has one.
func tagText(h *rules.Hit, id, at, tag string) (text string, ok bool) {
	ip, _ := netip.ParseAddr(address(h, id))
	switch tag {
	case "ip":
		return address(h, id), true
	case "fid":
		return id, true
	case "family":
		switch {
		case ip.Is4():
			return "inet4", true
		case ip.Is6():
			return "inet6", true
		}
		return "None", true
	case "ip-rev":
		return reversed(ip), true
	case "time":
		return at, true
	case "failures":
		return fmt.Sprint(h.Attempts), true
	case "matches":
		return strings.Join(h.Matches, "\n"), true
	case "bancount", "restored":
		return map[string]string{"bancount": "1", "restored": "0"}[tag], true
	case "br", "sp":
		return map[string]string{"br": "\n", "sp": " "}[tag], true
	}
	if name, field := strings.CutPrefix(tag, "F-"); field && name == "ID" {
		return h.Fields.Get("fid"), true
	} else if field {
		return h.Fields.Get(strings.ToLower(name)), true
	}
	return "", false
}

// reversed is an address as names in in-addr.arpa and ip6.arpa begin, with a point behind.
func reversed(a netip.Addr) string {
	var parts []string
	if a.Is4() {
		for _, b := range a.As4() {
			parts = append(parts, fmt.Sprint(b))
		}
	} else if a.Is6() {
		for _, b := range a.As16() {
			parts = append(parts, fmt.Sprintf("%x", b>>4), fmt.Sprintf("%x", b&15))
		}
	}
	slices.Reverse(parts)
	return strings.Join(parts, ".") + "."
}
