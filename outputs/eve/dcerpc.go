package eve

import (
	"picket/traffic/app"
	"picket/traffic/app/dcerpc"
)

// appendDCERPC writes a call as rust/src/dcerpc/log.rs does.
func appendDCERPC(j *JSON, tx *app.Transaction, _ *Context) bool {
	c, ok := tx.Data.(*dcerpc.Call)
	if !ok {
		return false
	}
	j.Object("dcerpc")
	dceRequest(j, c)
	dceResponse(j, c)
	if c.Datagram {
		j.Str("activityuuid", c.Activity.String())
		j.Uint("seqnum", uint64(c.Sequence))
		j.Str("rpc_version", "4.0")
	} else {
		j.Uint("call_id", uint64(c.ID))
		j.Str("rpc_version", dceVersion(c))
	}
	j.EndObject()
	return true
}

func dceVersion(c *dcerpc.Call) string {
	return string([]byte{'0' + c.Major%10, '.', '0' + c.Minor%10})
}

func dceRequest(j *JSON, c *dcerpc.Call) {
	s := &c.Sides[app.ToServer]
	if !s.Done {
		j.Str("request", "REQUEST_LOST")
		return
	}
	j.Str("request", s.Type.String())
	switch s.Type {
	case dcerpc.Request:
		j.Object("req")
		j.Uint("opnum", uint64(c.Opnum))
		dceSide(j, s)
		dceInterfaces(j, c, false)
	case dcerpc.Bind, dcerpc.AlterContext:
		j.Array("interfaces")
		for i := range c.Binding.Interfaces {
			it := &c.Binding.Interfaces[i]
			j.Object("")
			j.Str("uuid", it.UUID.String())
			j.Str("version", it.Version())
			j.Uint("ack_result", uint64(it.Result))
			j.EndObject()
		}
		j.EndArray()
	}
}

// dceSide writes the size of a direction and ends its object.
func dceSide(j *JSON, s *dcerpc.Side) {
	j.Uint("frag_cnt", uint64(s.Fragments))
	j.Uint("stub_data_size", uint64(len(s.Stub)))
	j.EndObject()
}

func dceResponse(j *JSON, c *dcerpc.Call) {
	s := &c.Sides[app.ToClient]
	if !s.Done {
		j.Str("response", "UNREPLIED")
		return
	}
	j.Str("response", s.Type.String())
	if s.Type == dcerpc.Response {
		j.Object("res")
		dceSide(j, s)
	}
}
