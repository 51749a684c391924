package eve

import (
	"picket/traffic/app"
	"picket/traffic/packet"
)

// File writes a fileinfo record when a file is over; each file is written once.
func (l *Logger) File(file *app.File, tx *app.Transaction, dir app.Direction, at *Moment) {
	if file.Logged || file.State == app.FileOpen {
		return
	}
	file.Logged = true
	if !l.cfg.Enabled("fileinfo") {
		return
	}
	o := FromClient
	if dir == app.ToClient {
		o = FromServer
	}
	l.head("fileinfo", at.Packet, at.Flow, o, at.Time)
	l.txMembers(tx, at, false)
	appProto(&l.json, at.conn())
	l.json.Object("fileinfo")
	fileFields(&l.json, file, tx)
	l.json.EndObject()
	l.finish()
}

// txFiles writes the files of an alert's transaction in the direction of its packet.
func (l *Logger) txFiles(tx *app.Transaction, p *packet.Packet) {
	if p == nil || len(tx.Files[p.Dir]) == 0 {
		return
	}
	l.json.Array("files")
	for _, f := range tx.Files[p.Dir] {
		l.json.Object("")
		fileFields(&l.json, f, tx)
		l.json.EndObject()
	}
	l.json.EndArray()
}

// fileFields writes a file as Suricata orders it (output-json.c, EveFileInfo).
func fileFields(j *JSON, f *app.File, tx *app.Transaction) {
	j.Text("filename", f.Name)
	j.Bool("gaps", f.Gaps)
	j.Str("state", f.State.String())
	var sum [64]byte
	if f.State == app.FileClosed {
		if f.MD5 != nil {
			j.Hex("md5", f.MD5.Sum(sum[:0]))
		}
		if f.SHA1 != nil {
			j.Hex("sha1", f.SHA1.Sum(sum[:0]))
		}
	}
	if f.SHA256 != nil { // Suricata writes this one for truncated files too
		j.Hex("sha256", f.SHA256.Sum(sum[:0]))
	}
	j.Bool("stored", f.Stored)
	if f.Stored {
		j.Uint("file_id", uint64(f.ID))
	}
	j.Uint("size", f.Size)
	if f.End > 0 {
		j.Uint("start", f.Start)
		j.Uint("end", f.End)
	}
	j.Uint("tx_id", tx.ID)
}
