package eve

import (
	"sort"
	"strings"
)

// name begins a member whose name comes from outside: a rule's metadata key, a variable's name.
func (j *JSON) name(k string) {
	appendText(j, "", k)
	j.buf = append(j.buf, ':')
}

// vars writes "metadata":{...}: flowbits, flow variables, packet variables, flowints.
func (l *Logger) vars(v *Vars) {
	if l.cfg.Metadata {
		l.writeVars(v)
	}
}

func (l *Logger) writeVars(v *Vars) {
	if v == nil || len(v.Flowbits)+len(v.FlowNames)+len(v.PktNames)+len(v.FlowInts)+len(v.Entropies) == 0 {
		return
	}
	j := &l.json
	mark := j.Len()
	j.Object("metadata")
	inner := j.Len()
	j.bits("flowbits", v.Flowbits, "")
	j.pairs("pktvars", v.PktNames, v.PktValues)
	j.pairs("flowvars", v.FlowNames, v.FlowValues)
	if len(v.FlowInts) > 0 {
		j.Object("flowints")
		for _, n := range v.FlowInts {
			j.name(n.Name)
			j.Uint("", uint64(n.Value))
		}
		j.EndObject()
	}
	if len(v.Entropies) > 0 {
		j.Object("entropy")
		for _, e := range v.Entropies {
			j.Float(e.Buffer, e.Value)
		}
		j.EndObject()
	}
	if j.Len() == inner {
		j.Truncate(mark)
	} else {
		j.EndObject()
	}
	l.traffic(v.Flowbits)
}

// Metadata writes a record of a packet that has variables of its own.
func (l *Logger) Metadata(at *Moment) {
	if !l.cfg.Enabled("metadata") {
		return
	}
	l.head("metadata", at.Packet, at.Flow, AsPacket, at.Time)
	if !l.cfg.Metadata && l.Vars != nil { // otherwise the head has them
		l.writeVars(l.Vars())
	}
	l.finish()
}

// The flowbits that say what a flow is: they stand in an object of their own.
const (
	trafficID    = "traffic/id/"
	trafficLabel = "traffic/label/"
)

// bits writes an array of the flowbits with a prefix, without it; "" chooses those that have no meaning of their own.
func (j *JSON) bits(key string, names []string, prefix string) {
	mark := j.Len()
	j.Array(key)
	n := 0
	for _, b := range names {
		special := strings.HasPrefix(b, trafficID) || strings.HasPrefix(b, trafficLabel)
		if prefix == "" && special || !strings.HasPrefix(b, prefix) {
			continue
		}
		j.Str("", b[len(prefix):])
		n++
	}
	if n == 0 {
		j.Truncate(mark)
		return
	}
	j.EndArray()
}

// traffic writes "traffic":{"id":[...],"label":[...]}.
func (l *Logger) traffic(flowbits []string) {
	j := &l.json
	mark := j.Len()
	j.Object("traffic")
	inner := j.Len()
	j.bits("id", flowbits, trafficID)
	j.bits("label", flowbits, trafficLabel)
	if j.Len() == inner {
		j.Truncate(mark)
		return
	}
	j.EndObject()
}

// pairs writes an array of objects with one member each.
func (j *JSON) pairs(key string, names []string, values [][]byte) {
	if len(names) == 0 {
		return
	}
	j.Array(key)
	for i, n := range names {
		j.Object("")
		j.name(n)
		j.Text("", values[i])
		j.EndObject()
	}
	j.EndArray()
}

// Count is one counter of a stats record; its name's dots make objects: "flow.memuse".
type Count struct {
	Name  string
	Value uint64
}

// Stats writes a stats record. The counters are sorted in place.
func (l *Logger) Stats(now int64, uptime uint64, counts []Count) {
	if !l.cfg.Enabled("stats") {
		return
	}
	sort.Slice(counts, func(i, k int) bool { return counts[i].Name < counts[k].Name })
	j := &l.json
	j.Reset()
	j.Object("")
	j.Time("timestamp", now)
	j.Str("event_type", "stats")
	j.Object("stats")
	j.Uint("uptime", uptime)
	tree(j, counts, 0)
	j.EndObject()
	l.finish()
}

// tree writes sorted counters that share their first skip bytes. A name that is also a prefix of others
// ("tcp" and "tcp.syn") would stand twice; its own value is then left out.
func tree(j *JSON, counts []Count, skip int) {
	for len(counts) > 0 {
		part, _, inner := strings.Cut(counts[0].Name[skip:], ".")
		if !inner {
			if len(counts) == 1 || !strings.HasPrefix(counts[1].Name[skip:], part+".") {
				j.name(part)
				j.Uint("", counts[0].Value)
			}
			counts = counts[1:]
			continue
		}
		prefix := counts[0].Name[:skip+len(part)+1]
		n := 1
		for n < len(counts) && strings.HasPrefix(counts[n].Name, prefix) {
			n++
		}
		j.name(part)
		j.Object("")
		tree(j, counts[:n], len(prefix))
		j.EndObject()
		counts = counts[n:]
	}
}
