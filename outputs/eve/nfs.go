package eve

import (
	"hash/crc32"
	"strconv"

	"picket/traffic/app"
	"picket/traffic/app/nfs"
)

// appendNFS writes a call and its reply as rust/src/nfs/log.rs does. Queries for attributes are not logged: there are
// too many of them.
func appendNFS(j *JSON, tx *app.Transaction, c *Context) bool {
	n, ok := tx.Data.(*nfs.Call)
	if !ok || !c.Alert && n.Version <= 3 && n.ProcedureName() == "GETATTR" {
		return false
	}
	appendRPC(j, n)
	j.Object("nfs")
	j.Uint("version", uint64(n.Version))
	j.Str("procedure", n.ProcedureName())
	j.Text("filename", n.Name)
	if len(n.Handle) > 0 {
		j.Str("hhash", strconv.FormatUint(uint64(crc32.ChecksumIEEE(n.Handle)), 16))
	}
	j.Uint("id", tx.ID+1)
	j.Bool("file_tx", n.File)
	j.Str("type", "response")
	j.Str("status", n.StatusName())
	switch {
	case n.Reads():
		nfsTransfer(j, "read", n)
	case n.Writes():
		nfsTransfer(j, "write", n)
	case n.To != nil:
		j.Object("rename")
		j.Text("from", n.Name)
		j.Text("to", n.To)
		j.EndObject()
	}
	j.EndObject()
	return true
}

// appendRPC writes who has called, and how the call was taken.
func appendRPC(j *JSON, n *nfs.Call) {
	j.Object("rpc")
	j.Uint("xid", uint64(n.XID))
	j.Str("status", n.AcceptName())
	j.Str("auth_type", n.Auth.Name())
	if n.Auth.Flavor == nfs.AuthUnix {
		j.Object("creds")
		j.Text("machine_name", n.Auth.Machine)
		j.Uint("uid", uint64(n.Auth.UID))
		j.Uint("gid", uint64(n.Auth.GID))
		j.EndObject()
	}
	j.EndObject()
}

func nfsTransfer(j *JSON, key string, n *nfs.Call) {
	j.Object(key)
	j.Bool("first", n.First)
	j.Bool("last", n.Last)
	if n.File {
		j.Uint("last_xid", uint64(n.LastXID))
		j.Uint("chunks", uint64(n.Chunks))
	}
	j.EndObject()
}
