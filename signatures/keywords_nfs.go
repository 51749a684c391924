package signatures

import (
	"picket/traffic/app"
	"picket/traffic/app/nfs"
)

// nfsKeywords are the NFS keywords of Suricata 8 ("NFS Keywords" in its manual).
func nfsKeywords() []Keyword {
	both := append(when(app.ToServer, 0, app.NFS), when(app.ToClient, 0, app.NFS)...)
	version := number("nfs.version", 32, both, func(v *view) (uint64, bool) {
		c, ok := v.Tx.Data.(*nfs.Call)
		if !ok {
			return 0, false
		}
		return uint64(c.Version), true
	})
	version.Aliases = []string{"nfs_version"}
	return []Keyword{version, number("nfs_procedure", 32, both, func(v *view) (uint64, bool) {
		c, ok := v.Tx.Data.(*nfs.Call)
		if !ok {
			return 0, false
		}
		return uint64(c.Procedure), true
	})}
}
