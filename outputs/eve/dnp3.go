package eve

import (
	"picket/traffic/app"
	"picket/traffic/app/dnp3"
)

// appendDNP3 writes a request or an answer as output-json-dnp3.c does; alerts have it under a name of its own.
func appendDNP3(j *JSON, tx *app.Transaction, c *Context) bool {
	t, ok := tx.Data.(*dnp3.Transaction)
	if !ok {
		return false
	}
	j.Object("dnp3")
	if c.Alert {
		j.Object(map[bool]string{true: "request", false: "response"}[t.Request])
	}
	switch {
	case t.Request:
		j.Str("type", "request")
	case t.Function == dnp3.FunctionUnsolicited:
		j.Str("type", "unsolicited_response")
	default:
		j.Str("type", "response")
	}
	j.Object("control")
	j.Bool("dir", t.Link.Control&dnp3.LinkDir != 0)
	j.Bool("pri", t.Link.Control&dnp3.LinkPri != 0)
	j.Bool("fcb", t.Link.Control&dnp3.LinkFCB != 0)
	j.Bool("fcv", t.Link.Control&dnp3.LinkFCV != 0)
	j.Uint("function_code", uint64(t.Link.Function()))
	j.EndObject()
	j.Uint("src", uint64(t.Link.Src))
	j.Uint("dst", uint64(t.Link.Dst))
	dnp3Application(j, t)
	if !t.Request {
		dnp3Indications(j, t.IIN)
	}
	if c.Alert {
		j.EndObject()
	}
	j.EndObject()
	return true
}

func dnp3Application(j *JSON, t *dnp3.Transaction) {
	j.Object("application")
	j.Object("control")
	j.Bool("con", t.Control&dnp3.ControlCON != 0)
	j.Bool("fir", t.Control&dnp3.ControlFIR != 0)
	j.Bool("fin", t.Control&dnp3.ControlFIN != 0)
	j.Bool("uns", t.Control&dnp3.ControlUNS != 0)
	j.Uint("sequence", uint64(t.Control&15))
	j.EndObject()
	j.Uint("function_code", uint64(t.Function))
	if len(t.Objects) > 0 {
		j.Array("objects")
		for i := range t.Objects {
			dnp3Object(j, &t.Objects[i])
		}
		j.EndArray()
	}
	j.Bool("complete", t.Complete)
	j.EndObject()
}

func dnp3Object(j *JSON, o *dnp3.Object) {
	j.Object("")
	for _, m := range [...]struct {
		key   string
		value uint32
	}{
		{"group", uint32(o.Group)}, {"variation", uint32(o.Variation)}, {"qualifier", uint32(o.Qualifier)},
		{"prefix_code", uint32(o.Prefix)}, {"range_code", uint32(o.Range)}, {"start", o.Start}, {"stop", o.Stop},
		{"count", o.Count},
	} {
		j.Uint(m.key, uint64(m.value))
	}
	points := false
	o.Each(func(p *dnp3.Point) {
		if !points {
			j.Array("points")
			points = true
		}
		dnp3Point(j, p)
	})
	if points {
		j.EndArray()
	}
	j.EndObject()
}

func dnp3Point(j *JSON, p *dnp3.Point) {
	j.Object("")
	j.Uint("prefix", uint64(p.Prefix))
	j.Uint("index", uint64(p.Index))
	if p.Sized {
		j.Uint("size", uint64(p.Prefix))
	}
	for i := range p.Values {
		switch v := &p.Values[i]; v.Kind {
		case dnp3.Fraction:
			j.Float(v.Name, v.Float)
		case dnp3.Text:
			j.Text(v.Name, v.Text)
		default:
			j.Int(v.Name, v.Int)
		}
	}
	j.EndObject()
}

func dnp3Indications(j *JSON, iin uint16) {
	j.Object("iin")
	if iin != 0 {
		j.Array("indicators")
		for _, i := range dnp3.Indications() {
			if iin&i.Bit != 0 {
				j.Str("", i.Name)
			}
		}
		j.EndArray()
	}
	j.EndObject()
}
