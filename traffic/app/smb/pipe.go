package smb

import (
	"picket/traffic/app"
	"picket/traffic/app/dcerpc"
)

// assumed is the name of a pipe whose opening was not seen and that carries DCE/RPC.
const assumed = "suricata::dcerpc"

// services names the pipes that carry DCE/RPC.
func isRPC(name []byte) bool {
	if len(name) > 1 && name[0] == '\\' {
		name = name[1:]
	}
	switch string(name) {
	case "svcctl", "srvsvc", "atsvc", "lsarpc", "samr", "spoolss", "winreg", assumed:
		return true
	}
	return false
}

// looksLikeRPC tells whether content begins with a PDU.
func looksLikeRPC(b []byte) bool {
	h, ok := dcerpc.ParseHeader(b)
	return ok && h.Type <= dcerpc.RTS && h.Minor == 0
}

// pdu is what a record brings of a pipe.
type pdu struct {
	version uint8
	command uint16
	session uint64
	tree    uint32
	fuid    string
	status  Status
}

// rpc works on content of a pipe; false: it is no PDU.
func (p *parser) rpc(dir app.Direction, from *pdu, b []byte) bool {
	h, ok := dcerpc.ParseHeader(b)
	if !ok {
		return false
	}
	body := b[dcerpc.HeaderSize:min(len(b), h.Length)]
	tx, t := p.findCall(dir, from.fuid, h.CallID)
	if tx == nil {
		t = &Transaction{Version: from.version, Command: from.command, Session: from.session, Tree: from.tree,
			Pipe: &Pipe{RPC: dcerpc.Call{ID: h.CallID, Binding: &p.conn.Binding}, fuid: from.fuid}}
		tx = p.add(t, key{kind: piped})
	}
	if dir == app.ToServer {
		t.Pipe.Asked = true
	} else {
		t.Pipe.Answered, t.Status = true, from.status
	}
	if t.Pipe.RPC.Add(dir, &h, body) {
		tx.Progress[dir] = app.Done
		if dir == app.ToClient {
			tx.Progress[app.ToServer] = app.Done
		}
	}
	return true
}

// findCall returns the newest call of a pipe that waits for this direction.
func (p *parser) findCall(dir app.Direction, fuid string, id uint32) (*app.Transaction, *Transaction) {
	seen := 0
	for i := len(p.txs.Open) - 1; i >= 0 && seen < maxPipeCalls; i-- {
		tx := p.txs.Open[i]
		t, ok := tx.Data.(*Transaction)
		if !ok || t.Pipe == nil {
			continue
		}
		seen++
		if t.Pipe.RPC.ID == id && t.Pipe.fuid == fuid && tx.Progress[dir] < app.Done {
			return tx, t
		}
	}
	return nil, nil
}

// carries tells whether a file is a pipe with DCE/RPC. Where the share's connection was not seen, the content tells.
func (p *parser) carries(k treeKey, fuid string, b []byte) (pipe, rpc bool) {
	share, known := p.trees[k]
	pipe = share.pipe
	if pipe || !known {
		rpc = isRPC(p.names[fuid])
	}
	if !known && looksLikeRPC(b) {
		remember(p.trees, k, tree{[]byte(assumed), true})
		if !rpc {
			remember(p.names, fuid, []byte(assumed))
		}
		return true, true
	}
	return pipe, rpc
}
