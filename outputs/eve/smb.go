package eve

import (
	"fmt"
	"strings"

	"picket/traffic/app"
	"picket/traffic/app/dcerpc"
	"picket/traffic/app/smb"
)

// appendSMB writes a request and its answer as rust/src/smb/log.rs does.
func appendSMB(j *JSON, tx *app.Transaction, c *Context) bool {
	t, ok := tx.Data.(*smb.Transaction)
	if !ok || !c.Alert && !smbWanted(t, c.Cfg) {
		return false
	}
	j.Object("smb")
	j.Uint("id", tx.ID+1)
	j.Str("dialect", t.Connection.DialectText())
	j.Str("command", t.CommandName())
	if name, code, ok := t.Status.Text(); ok {
		j.Str("status", name)
		j.Str("status_code", code)
	}
	j.Uint("session_id", t.Session)
	j.Uint("tree_id", uint64(t.Tree))
	smbDetails(j, t)
	j.EndObject()
	return true
}

// smbWanted tells whether transactions of this kind are logged: all, or those that the setting types names.
func smbWanted(t *smb.Transaction, cfg *Config) bool {
	some := false
	for key, value := range cfg.Settings {
		if rest, ok := strings.CutPrefix(key, "smb.types"); ok {
			some = true
			if value == smbKind(t) || strings.TrimPrefix(rest, ".") == smbKind(t) {
				return true
			}
		}
	}
	return !some
}

func smbKind(t *smb.Transaction) string {
	switch {
	case t.Setup != nil:
		return "session_setup"
	case t.Create != nil:
		return "create"
	case t.Negotiate != nil:
		return "negotiate"
	case t.Connect != nil:
		return "tree_connect"
	case t.File != nil:
		return "file"
	case t.Rename != nil:
		return "rename"
	case t.Pipe != nil:
		return "dcerpc"
	case t.Control != nil:
		return "ioctl"
	case t.Info != nil:
		return "set_file_path_info"
	}
	return "generic"
}

func smbDetails(j *JSON, t *smb.Transaction) {
	switch {
	case t.Setup != nil:
		smbSetup(j, t.Setup)
	case t.Create != nil:
		smbCreate(j, t.Create)
	case t.Negotiate != nil:
		smbNegotiate(j, t)
	case t.Connect != nil:
		smbConnect(j, t)
	case t.File != nil:
		j.Text("filename", t.File.Name)
		j.Text("share", t.File.Share)
		j.Str("fuid", fuid(t.File.FUID))
	case t.Rename != nil:
		smbRename(j, t)
	case t.Pipe != nil:
		smbPipe(j, t)
	case t.Control != nil:
		j.Str("function", smb.FunctionName(t.Control.Function))
	case t.Info != nil:
		smbInfo(j, t.Info)
	}
}

func smbSetup(j *JSON, s *smb.Setup) {
	if n := s.NTLMSSP; n != nil {
		j.Object("ntlmssp")
		j.Text("domain", n.Domain)
		j.Text("user", n.User)
		j.Text("host", n.Host)
		if n.Version != "" {
			j.Str("version", n.Version)
		}
		j.EndObject()
	}
	if k := s.Ticket; k != nil {
		j.Object("kerberos")
		j.Text("realm", k.Realm)
		j.Array("snames")
		for _, name := range k.SNames {
			j.Text("", name)
		}
		j.EndArray()
		j.EndObject()
	}
	for i, h := range [...]*smb.Host{s.Request, s.Response} {
		if h != nil {
			j.Object([...]string{"request", "response"}[i])
			j.Text("native_os", h.OS)
			j.Text("native_lm", h.LM)
			j.EndObject()
		}
	}
}

func smbCreate(j *JSON, c *smb.Create) {
	key := "filename"
	if c.Directory && len(c.Name) > 0 {
		key = "directory"
	}
	shareRoot(j, key, c.Name)
	dispositions := [...]string{"FILE_SUPERSEDE", "FILE_OPEN", "FILE_CREATE", "FILE_OPEN_IF", "FILE_OVERWRITE", "FILE_OVERWRITE_IF"}
	if c.Disposition < uint32(len(dispositions)) {
		j.Str("disposition", dispositions[c.Disposition])
	} else {
		j.Str("disposition", "UNKNOWN")
	}
	smbAccess(j, c.DeleteOnClose)
	j.Uint("created", uint64(c.Created))
	j.Uint("accessed", uint64(c.Accessed))
	j.Uint("modified", uint64(c.Written))
	j.Uint("changed", uint64(c.Changed))
	j.Uint("size", c.Size)
	j.Str("fuid", fuid(c.FUID))
}

func shareRoot(j *JSON, key string, name []byte) {
	if len(name) == 0 {
		name = []byte("<share_root>")
	}
	j.Text(key, name)
}

func smbAccess(j *JSON, deletes bool) {
	if deletes {
		j.Str("access", "delete on close")
	} else {
		j.Str("access", "normal")
	}
}

func smbNegotiate(j *JSON, t *smb.Transaction) {
	n := t.Negotiate
	j.Array("client_dialects")
	for _, d := range n.Dialects {
		j.Text("", d)
	}
	for _, d := range n.Dialects2 {
		j.Str("", smb.DialectName(d))
	}
	j.EndArray()
	if n.ClientGUID != nil {
		j.Str("client_guid", guid(n.ClientGUID))
	}
	j.Str("server_guid", guid(n.ServerGUID))
	if t.Connection.MaxRead > 0 {
		j.Uint("max_read_size", uint64(t.Connection.MaxRead))
	}
	if t.Connection.MaxWrite > 0 {
		j.Uint("max_write_size", uint64(t.Connection.MaxWrite))
	}
}

func smbConnect(j *JSON, t *smb.Transaction) {
	c := t.Connect
	if c.Pipe {
		j.Text("named_pipe", c.Share)
	} else {
		j.Text("share", c.Share)
	}
	if t.Version == 1 {
		j.Object("service")
		request, response, asked, told := c.Services()
		if asked {
			j.Text("request", request)
		}
		if told {
			j.Text("response", response)
		}
		j.EndObject()
		return
	}
	types := [...]string{1: "FILE", 2: "PIPE", 3: "PRINT"}
	if c.Type > 0 && int(c.Type) < len(types) {
		j.Str("share_type", types[c.Type])
	} else {
		j.Str("share_type", "UNKNOWN")
	}
}

func smbRename(j *JSON, t *smb.Transaction) {
	if t.Version == 2 {
		j.Object("set_info")
		j.Str("class", "FILE_INFO")
		j.Str("info_level", "SMB2_FILE_RENAME_INFO")
		j.EndObject()
	}
	j.Object("rename")
	j.Text("from", t.Rename.From)
	j.Text("to", t.Rename.To)
	j.EndObject()
	j.Str("fuid", fuid(t.Rename.FUID))
}

func smbInfo(j *JSON, i *smb.Info) {
	shareRoot(j, "filename", i.Name)
	smbAccess(j, i.DeleteOnClose)
	switch i.Sub {
	case 8:
		j.Str("subcmd", "SET_FILE_INFO")
	case 6:
		j.Str("subcmd", "SET_PATH_INFO")
	}
	if i.Level == 1013 {
		j.Str("level_of_interest", "Set Disposition Information")
	}
	j.Str("fuid", fuid(i.FUID))
}

func smbPipe(j *JSON, t *smb.Transaction) {
	c := &t.Pipe.RPC
	request, response := &c.Sides[app.ToServer], &c.Sides[app.ToClient]
	j.Object("dcerpc")
	if request.Seen {
		j.Str("request", request.Type.String())
	} else {
		j.Str("request", "REQUEST_LOST")
	}
	if response.Seen {
		j.Str("response", response.Type.String())
	} else {
		j.Str("response", "UNREPLIED")
	}
	if request.Seen && request.Type == dcerpc.Request {
		j.Uint("opnum", uint64(c.Opnum))
		j.Object("req")
		dceSide(j, request)
		dceInterfaces(j, c, false)
	} else if request.Seen && request.Type == dcerpc.Bind {
		dceInterfaces(j, c, true)
	}
	if response.Seen && response.Type == dcerpc.Response {
		j.Object("res")
		dceSide(j, response)
	}
	j.Uint("call_id", uint64(c.ID))
	j.EndObject()
}

// dceInterfaces writes those of the call's context, or all that were bound, with the server's answer.
func dceInterfaces(j *JSON, c *dcerpc.Call, all bool) {
	open := all
	if all {
		j.Array("interfaces")
	}
	for i := range c.Binding.Interfaces {
		it := &c.Binding.Interfaces[i]
		if !all && it.Context != c.Context {
			continue
		}
		if !open {
			j.Array("interfaces")
			open = true
		}
		j.Object("")
		j.Str("uuid", it.UUID.String())
		j.Str("version", it.Version())
		if all && it.Acked {
			j.Uint("ack_result", uint64(it.Result))
			j.Uint("ack_reason", 0) // Suricata does not take the reason over
		}
		j.EndObject()
	}
	if open {
		j.EndArray()
	}
}

// fuid writes a file's name within its connection: a GUID, or SMB 1's FID.
func fuid(b []byte) string {
	switch len(b) {
	case 16:
		return guid(b)
	case 2, 6:
		return fmt.Sprintf("%02x%02x", b[1], b[0])
	}
	return ""
}

// guid writes a GUID whose first three numbers are little-endian; "" when it is none. Suricata turns the fourth
// number round as well, and all of the rest of a file's.
func guid(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	return fmt.Sprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[9], b[8], b[11], b[10], b[15], b[14], b[13], b[12])
}
