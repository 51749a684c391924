package nfs

import (
	"strconv"

	"picket/traffic/app/order"
)

// Call is a call with its reply, or a file's transfer. Slices belong to the call.
type Call struct {
	XID       uint32
	Version   uint32
	Procedure uint32 // of version 4: the operation that matters most
	Name      []byte
	Handle    []byte
	To        []byte // the new name, of a rename
	Auth      Auth
	Accepted  uint32 // how the reply was accepted (RFC 5531 §9); 0: well
	Rejected  bool
	Status    uint32
	// File says that the call is a transfer; First and Last that the file's beginning and end were seen.
	File, First, Last bool
	LastXID           uint32
	Chunks            int
	track             *order.Tracker
}

// Auth is who calls (RFC 5531 §8, Appendix A).
type Auth struct {
	Flavor   uint32
	Machine  []byte
	UID, GID uint32
}

// Flavors of authentication.
const (
	AuthNull = 0
	AuthUnix = 1
	authGSS  = 6
)

// Name returns the flavor's name as EVE writes it.
func (a *Auth) Name() string {
	switch a.Flavor {
	case AuthNull:
		return "NULL"
	case AuthUnix:
		return "UNIX"
	case authGSS:
		return "GSS"
	}
	return strconv.Itoa(int(a.Flavor))
}

// Procedures of version 3 (RFC 1813 §3.3).
const (
	getAttr3     = 1
	lookup3      = 3
	read3        = 6
	write3       = 7
	create3      = 8
	mkdir3       = 9
	symlink3     = 10
	mknod3       = 11
	remove3      = 12
	rmdir3       = 13
	rename3      = 14
	readDir3     = 16
	readDirPlus3 = 17
	commit3      = 21
)

// Procedures of version 2 (RFC 1094 §2.2).
const (
	getAttr2 = 1
	lookup2  = 4
	read2    = 6
	create2  = 9
	remove2  = 10
	rename2  = 11
	mkdir2   = 14
	rmdir2   = 15
)

var names2 = [...]string{"NULL", "GETATTR", "SETATTR", "ROOT", "LOOKUP", "READLINK", "READ", "WRITECACHE", "WRITE", "CREATE", "REMOVE",
	"RENAME", "LINK", "SYMLINK", "MKDIR", "RMDIR", "READDIR", "STATFS"}

var names3 = [...]string{"NULL", "GETATTR", "SETATTR", "LOOKUP", "ACCESS", "READLINK", "READ", "WRITE", "CREATE", "MKDIR", "SYMLINK",
	"MKNOD", "REMOVE", "RMDIR", "RENAME", "LINK", "READDIR", "READDIRPLUS", "FSSTAT", "FSINFO", "PATHCONF", "COMMIT"}

var names4 = [...]string{1: "COMPOUND", 3: "ACCESS", 4: "CLOSE", 5: "COMMIT", 6: "CREATE", 7: "DELEGPURGE", 8: "DELEGRETURN",
	9: "GETATTR", 10: "GETFH", 11: "LINK", 12: "LOCK", 13: "LOCKT", 14: "LOCKU", 15: "LOOKUP", 16: "LOOKUPP", 17: "NVERIFY", 18: "OPEN",
	19: "OPENATTR", 20: "OPEN_CONFIRM", 21: "OPEN_DOWNGRADE", 22: "PUTFH", 23: "PUTPUBFH", 24: "PUTROOTFH", 25: "READ", 26: "READDIR",
	27: "READLINK", 28: "REMOVE", 29: "RENAME", 30: "RENEW", 31: "RESTOREFH", 32: "SAVEFH", 33: "SECINFO", 34: "SETATTR",
	35: "SETCLIENTID", 36: "SETCLIENTID_CONFIRM", 37: "VERIFY", 38: "WRITE", 39: "RELEASE_LOCKOWNER", 42: "EXCHANGE_ID",
	43: "CREATE_SESSION", 44: "DESTROY_SESSION", 50: "LAYOUTRETURN", 51: "LAYOUTGET", 53: "SEQUENCE", 57: "DESTROY_CLIENTID",
	58: "RECLAIM_COMPLETE"}

// ProcedureName returns the procedure's name as EVE writes it.
func (c *Call) ProcedureName() string {
	table := names3[:]
	switch c.Version {
	case 2:
		table = names2[:]
	case 4:
		table = names4[:]
	}
	if n := c.Procedure; uint64(n) < uint64(len(table)) && table[n] != "" {
		return table[n]
	}
	return strconv.Itoa(int(c.Procedure))
}

// Reads and Writes tell the direction of a transfer.
func (c *Call) Reads() bool { return c.ProcedureName() == "READ" }

// Writes tells whether the call brings content to the server.
func (c *Call) Writes() bool { return c.ProcedureName() == "WRITE" }

// StatusName returns the reply's status as EVE writes it.
func (c *Call) StatusName() string {
	if name, ok := statusNames[c.Status]; ok {
		return name
	}
	return strconv.Itoa(int(c.Status))
}

var statusNames = map[uint32]string{0: "OK", 1: "ERR_PERM", 2: "ERR_NOENT", 5: "ERR_IO", 6: "ERR_NXIO", 13: "ERR_ACCES", 17: "ERR_EXIST",
	18: "ERR_XDEV", 19: "ERR_NODEV", 20: "ERR_NOTDIR", 21: "ERR_ISDIR", 22: "ERR_INVAL", 27: "ERR_FBIG", 28: "ERR_NOSPC", 30: "ERR_ROFS",
	31: "ERR_MLINK", 63: "ERR_NAMETOOLONG", 66: "ERR_NOTEMPTY", 69: "ERR_DQUOT", 70: "ERR_STALE", 71: "ERR_REMOTE", 10001: "ERR_BADHANDLE",
	10002: "ERR_NOT_SYNC", 10003: "ERR_BAD_COOKIE", 10004: "ERR_NOTSUPP", 10005: "ERR_TOOSMALL", 10006: "ERR_SERVERFAULT",
	10007: "ERR_BADTYPE", 10008: "ERR_JUKEBOX"}

// AcceptName returns how the server took the call, as EVE writes it.
func (c *Call) AcceptName() string {
	if c.Rejected {
		return "DENIED"
	}
	return "ACCEPTED"
}
