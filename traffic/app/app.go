package app

import "picket/traffic/packet"

// Direction is the side that sent the bytes.
type Direction = packet.Direction

// The two directions, so that parsers need not import packet.
const (
	ToServer = packet.ToServer
	ToClient = packet.ToClient
)

// Progress is how far one direction of a transaction has come, in the protocol's own scale (the protocol's
// package names the steps). A buffer registered at progress p may be judged when Progress ≥ p and will not
// change any more when Progress > p or the direction is complete.
type Progress uint8

// Result is what a parser says after it was given bytes.
type Result struct {
	Consumed int   // bytes eaten; the rest is handed over again, with what follows
	Need     int   // don't call again before this many bytes are there (0: any more will do)
	Err      error // the protocol is broken in this direction: no more bytes are parsed, applayer_error
	Upgrade  Proto // the connection goes on in another protocol (STARTTLS, h2c, WebSocket; AnyProto after CONNECT); 0: no
	// UpgradePort is the port at which the new protocol is looked for (CONNECT host:443); 0: the flow's own.
	UpgradePort uint16
	// Rename says that the connection is a special case of what it was taken for (DNS in HTTP/2) and goes by this
	// name from now on. The parser stays and gives its open transactions the name itself; 0: no.
	Rename Proto
	// Encrypted says that from here on the payload of both directions is ciphertext and not worth inspecting.
	Encrypted bool
	// Done says that the parser wants no more bytes of either direction.
	Done bool
	// Announce lists other flows that will come between the same two hosts (FTP's data connections).
	Announce []Announcement
}

// Announcement says of a TCP flow that is to come which protocol it will carry.
type Announcement struct {
	Proto Proto
	// Port is the server port of the flow to come; Dir the direction in which its first bytes go.
	Port uint16
	Dir  Direction
	// Data is handed to the new flow's parser, if that is a Receiver.
	Data any
}

// Receiver is a Parser that wants to know what was announced of its flow. Receive is called before any bytes.
type Receiver interface{ Receive(data any) }

// Successor is a Parser that takes over from another after an upgrade and wants to know what led to it. Succeed is
// called before any bytes.
type Successor interface{ Succeed(old Parser) }

// Refused is a Parser that wants to know that the upgrade which it asked for does not take place: it has come into its
// place by an upgrade itself, with these very bytes, and one change at a time is enough.
type Refused interface{ UpgradeRefused() }

// Pairer is a parser whose requests and answers are transactions of their own.
type Pairer interface {
	// PairUnlogged has the answer to an unlogged request go untold too.
	PairUnlogged(request *Transaction)
}

// Parser is the state of one connection's protocol. Methods are called by one goroutine.
type Parser interface {
	// Parse eats the next in-order bytes of one direction. data is valid during the call only. eof says that
	// nothing follows. For datagram protocols each call is one whole datagram and Consumed is ignored.
	Parse(dir Direction, data []byte, eof bool) Result
	// Gap says that n bytes are missing in the stream before what comes next. False: the parser can't go on.
	Gap(dir Direction, n uint32) bool
	// Transactions returns the connection's open transactions.
	Transactions() *Transactions
}

// Transaction is one request and its answer, or what the protocol has in their place.
type Transaction struct {
	ID    uint64
	Proto Proto
	// Progress counts up by direction to the protocol's Complete value.
	Progress [2]Progress
	// Skip says that a direction carries nothing of this transaction (DNS: a query has no answer in it, and
	// an answer is a transaction of its own).
	Skip [2]bool
	// Events are the protocol's event names ("invalid_content_length"), each at most once.
	Events []string
	// Files carried by the transaction, by direction.
	Files [2][]*File
	// Data is the protocol's own record: *http1.Transaction, *dns.Transaction ...
	Data any
	// Time (ns) of the packet that began it and of the last that changed it; Packet its number.
	Started, Updated int64
	// Detect belongs to signatures: what is already known of this transaction, by direction.
	Detect [2]any
	// Bits are what rules have noted on this transaction (xbits, track tx); they belong to signatures.
	Bits []string
	// Unlogged says that a rule wants no record of it (config).
	Unlogged bool
	// Guessed counts the alerts of packets that were told with this transaction; it belongs to signatures.
	Guessed uint8
	// Logged is a bit set owned by outputs.
	Logged uint32
	// Finished is set by the sensor when both directions are complete (or will never be), judged and logged.
	Finished bool
}

// AddEvent records a protocol event once.
func (t *Transaction) AddEvent(name string) {
	for _, e := range t.Events {
		if e == name {
			return
		}
	}
	t.Events = append(t.Events, name)
}

// Touch says that a transaction which is not the newest has changed, so that it is judged again.
func (t *Transaction) Touch() { t.Updated++ }

// Complete tells whether a direction will not change any more.
func (t *Transaction) Complete(dir Direction) bool {
	return t.Skip[dir] || t.Progress[dir] >= Complete(t.Proto)
}

// Done is the Progress at which every protocol's direction is complete. Steps of a protocol are below it.
const Done Progress = 250

// Complete returns the progress value that means complete; the same for all protocols.
func Complete(Proto) Progress { return Done }

// Transactions is a connection's list of open transactions, oldest first.
type Transactions struct {
	Open []*Transaction
	next uint64
}

// Add appends a new transaction and gives it its number (from 0).
func (l *Transactions) Add(p Proto, data any) *Transaction {
	t := &Transaction{ID: l.next, Proto: p, Data: data}
	l.next++
	l.Open = append(l.Open, t)
	return t
}

// Count returns how many transactions there have been.
func (l *Transactions) Count() uint64 { return l.next }

// Drop removes the transactions marked Finished.
func (l *Transactions) Drop() {
	keep := l.Open[:0]
	for _, t := range l.Open {
		if !t.Finished {
			keep = append(keep, t)
		}
	}
	clear(l.Open[len(keep):])
	l.Open = keep
}
