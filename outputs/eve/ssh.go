package eve

import (
	"picket/traffic/app"
	"picket/traffic/app/ssh"
)

// appendSSH writes both peers' banners and fingerprints as rust/src/ssh/logger.rs does.
func appendSSH(j *JSON, tx *app.Transaction, _ *Context) bool {
	s, ok := tx.Data.(*ssh.Session)
	if !ok || len(s.Client.Proto) == 0 && len(s.Server.Proto) == 0 {
		return false
	}
	j.Object("ssh")
	sshSide(j, "client", &s.Client)
	sshSide(j, "server", &s.Server)
	j.EndObject()
	return true
}

// sshReady has a record wait for the fingerprints of both sides, if they are asked for.
func sshReady(tx *app.Transaction) bool {
	s, ok := tx.Data.(*ssh.Session)
	return !ok || !s.Fingerprints || tx.Progress[app.ToServer] >= ssh.KexDone && tx.Progress[app.ToClient] >= ssh.KexDone
}

func sshSide(j *JSON, key string, s *ssh.Side) {
	if len(s.Proto) == 0 {
		return
	}
	j.Object(key)
	j.Text("proto_version", s.Proto)
	if len(s.Software) > 0 {
		j.Text("software_version", s.Software)
	}
	if s.HASSH != "" {
		j.Object("hassh")
		j.Str("hash", s.HASSH)
		j.Text("string", s.Offer)
		j.EndObject()
	}
	j.EndObject()
}
