package smb

import (
	"picket/traffic/app/dcerpc"
	"picket/traffic/app/order"
)

// Transaction is a request with its answer, or a file's transfer. Slices belong to the transaction. At most one of its
// pointers is set.
type Transaction struct {
	Version uint8  // 1 or 2 (also for SMB 3)
	Command uint16 // of that version
	// Session and Tree name the context that the request stood in.
	Session uint64
	Tree    uint32
	Status  Status
	// Connection is shared by all of a connection's transactions.
	Connection *Connection

	Negotiate *Negotiate
	Setup     *Setup
	Connect   *Connect
	Create    *Create
	File      *File
	Rename    *Rename
	Info      *Info
	Control   *Control
	Pipe      *Pipe

	key key
}

// Connection is what a connection's peers have agreed on.
type Connection struct {
	Dialect     uint16 // of SMB 2; 0: not known
	DialectName []byte // of SMB 1; nil: not known
	MaxRead     uint32
	MaxWrite    uint32
	Binding     dcerpc.Binding
}

// Status is the server's verdict.
type Status struct {
	Known bool
	DOS   bool // Class and Code are valid, not NT
	NT    uint32
	Class uint8
	Code  uint16
}

// Negotiate is the choice of a dialect.
type Negotiate struct {
	Dialects   [][]byte // names of SMB 1
	Dialects2  []uint16 // numbers of SMB 2
	ClientGUID []byte   // nil: none
	ServerGUID []byte
}

// Setup is a login.
type Setup struct {
	NTLMSSP           *NTLMSSP
	Ticket            *Ticket
	Request, Response *Host
}

// NTLMSSP is who logs in (MS-NLMP, AUTHENTICATE_MESSAGE).
type NTLMSSP struct {
	Domain, User, Host []byte
	Version            string // "" when it is not told
}

// Ticket is what a Kerberos ticket says in the clear (RFC 4120).
type Ticket struct {
	Realm  []byte
	SNames [][]byte
}

// Host is how a peer of SMB 1 names itself.
type Host struct{ OS, LM []byte }

// Connect is the use of a share.
type Connect struct {
	Share             []byte
	Pipe              bool
	Type              uint8  // SMB 2: 1 disk, 2 pipe, 3 printer
	Request, Response []byte // SMB 1: the service
	hasRequest        bool
	hasResponse       bool
}

// Services returns SMB 1's service as asked for and as given; false where it was not told.
func (c *Connect) Services() (request, response []byte, asked, told bool) {
	return c.Request, c.Response, c.hasRequest, c.hasResponse
}

// Create is the opening of a file, a directory or a pipe.
type Create struct {
	Name                                []byte
	Disposition                         uint32
	DeleteOnClose, Directory            bool
	Created, Accessed, Written, Changed uint32 // seconds since 1970
	Size                                uint64
	FUID                                []byte
}

// File is a file's transfer in one direction.
type File struct {
	Name, Share, FUID []byte
	track             *order.Tracker
}

// Rename gives a file another name.
type Rename struct{ From, To, FUID []byte }

// Info sets a file's properties.
type Info struct {
	Name          []byte
	DeleteOnClose bool
	Sub, Level    uint16
	FUID          []byte
}

// Control is an IOCTL or FSCTL.
type Control struct{ Function uint32 }

// Pipe is a DCE/RPC call in a named pipe.
type Pipe struct {
	RPC      dcerpc.Call
	Asked    bool // the request was seen
	Answered bool
	fuid     string
}

// Call returns the DCE/RPC call that the transaction carries, nil when it has none.
func (t *Transaction) Call() *dcerpc.Call {
	if t.Pipe == nil {
		return nil
	}
	return &t.Pipe.RPC
}

// LittleEndian tells the byte order of the DCE/RPC call.
func (t *Transaction) LittleEndian() bool { return t.Pipe == nil || t.Pipe.RPC.Little }

// kind of a transaction, so that an answer finds its request.
type kind uint8

const (
	generic kind = iota
	negotiation
	setup
	connect
	creation
	transfer
	renaming
	setting
	control
	piped
)

// key is what a request and its answer have in common.
type key struct {
	kind    kind
	command uint16
	session uint64
	tree    uint32
	message uint64
}
