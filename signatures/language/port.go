package language

import (
	"slices"
	"strings"
)

type resolvedPorts struct {
	set PortSet
	err error
}

// ParsePorts resolves a port list as a rule header or a variable writes it: ports, ranges "lo:hi", "lo:", ":hi",
// "any", "!", brackets, variables. What would match no port is refused (detect-engine-port.c). vars may be nil
// when there are no variables. The error is a *ListError.
func ParsePorts(text string, vars *Vars) (PortSet, error) {
	if strings.EqualFold(text, "any") {
		return PortSet{Any: true}, nil
	}
	var in, not []PortRange
	w := walker{what: "port"}
	if vars != nil {
		w.vars = vars.Port
	}
	w.each = func(element string, negated bool) error {
		r, err := portRange(element)
		if negated {
			not = append(not, r)
		} else {
			in = append(in, r)
		}
		return err
	}
	if err := w.walk(text, false, 0); err != nil {
		return PortSet{}, err
	}
	if len(in) == 0 {
		in = append(in, PortRange{0, 65535})
	}
	set := PortSet{Ranges: subtract(merge(in), merge(not))}
	if len(set.Ranges) == 0 {
		return PortSet{}, listErr("", "port list %q leaves no port to match", clip(text))
	}
	set.Any = set.Ranges[0] == PortRange{0, 65535}
	return set, nil
}

// portRange reads "80", "80:90", "80:", ":90" or "any".
func portRange(element string) (PortRange, error) {
	all := PortRange{0, 65535}
	if strings.EqualFold(element, "any") {
		return all, nil
	}
	first, last, isRange := strings.Cut(element, ":")
	first, last = strings.TrimSpace(first), strings.TrimSpace(last)
	if !isRange {
		last = first
	}
	r := all
	if first != "" || !isRange {
		n, ok := decimal(first)
		if !ok || n > 65535 {
			return r, portErr(element)
		}
		r.Lo = uint16(n)
	}
	if last != "" {
		n, ok := decimal(last)
		if !ok || n > 65535 {
			return r, portErr(element)
		}
		r.Hi = uint16(n)
	}
	if isRange && first == "" && last == "" {
		return r, portErr(element)
	}
	if r.Hi < r.Lo {
		return r, listErr("write the lower port first", "port range %q ends before it begins", element)
	}
	return r, nil
}

func portErr(element string) error {
	hint := ""
	if strings.ContainsRune(element, '-') {
		hint = "a range of ports is written with a colon"
	}
	return listErr(hint, "%q is not a port", clip(element))
}

// merge sorts ranges and joins those that touch.
func merge(list []PortRange) []PortRange {
	slices.SortFunc(list, func(a, b PortRange) int { return int(a.Lo) - int(b.Lo) })
	out := list[:0]
	for _, r := range list {
		if n := len(out); n > 0 && int(r.Lo) <= int(out[n-1].Hi)+1 {
			out[n-1].Hi = max(out[n-1].Hi, r.Hi)
			continue
		}
		out = append(out, r)
	}
	return out
}

// subtract takes merged ranges out of merged ranges.
func subtract(in, not []PortRange) []PortRange {
	var out []PortRange
	for _, r := range in {
		lo := int(r.Lo)
		for _, n := range not {
			if int(n.Hi) < lo || n.Lo > r.Hi {
				continue
			}
			if int(n.Lo) > lo {
				out = append(out, PortRange{uint16(lo), n.Lo - 1})
			}
			lo = int(n.Hi) + 1
		}
		if lo <= int(r.Hi) {
			out = append(out, PortRange{uint16(lo), r.Hi})
		}
	}
	return out
}

// Contains tells whether a port is in the set.
func (s PortSet) Contains(port uint16) bool {
	return s.Any || slices.ContainsFunc(s.Ranges, func(r PortRange) bool { return r.Lo <= port && port <= r.Hi })
}
