package signatures

import (
	"slices"

	"picket/signatures/language"
	"picket/traffic/app"
)

// Signature is one compiled rule. It never changes.
type Signature struct {
	language.Pos
	SID, GID, Rev uint32
	Msg           string
	Raw           string // the rule as written
	Action        Action
	NoAlert       bool // matches have their effect without an alert
	Class         Class
	Priority      int // of the rule, its class, or 3
	References    []Reference
	Metadata      []Pair // in the rule's order
	Target        Target
	Type          Type

	order       orderKey
	id          uint32 // place in the order of judgement
	header      header
	need        need
	sizes       sizes // of the payload, as far as dsize says
	flags       uint8 // of TCP, without which it can't match
	dirs        dirMask
	protos      uint64 // bits of app.Proto; 0: the rule does not speak of an application protocol
	anyApp      bool   // some application test is there: the rule is judged with transactions
	inspect     payloadMode
	streamAlone bool // flow:only_stream: a payload that is no part of a stream does not count for one
	tests       []packetTest
	payload     chain
	buffers     []packetBuffer
	frames      []frameInspection
	tx          []txInspection
	bothWays    bool // "=>": the transaction's two directions together
	grows       bool // the fast pattern is looked for in a growing buffer: once found, the rule is remembered
	post        []func(v *view)
	limits      limits
	tags        []tagRule
	replaces    bool
	fast        fastPattern
	names       uint8 // number of byte variables
	fileStore   bool
	sums        fileSum // hashes of files that the rule compares
	ofFiles     int     // conditions on files: all must hold for the same one
	hook        *hook
}

// Pair is one key with its value.
type Pair struct{ Key, Value string }

// Reference is one reference option: kind ("cve") and what follows.
type Reference struct{ Kind, ID string }

// Class is a line of classification.config.
type Class struct {
	Name, Description string
	Priority          int
}

// Target says which side of the alert was attacked.
type Target uint8

// The option target.
const (
	NoTarget Target = iota
	TargetSource
	TargetDestination
)

// Action is what a rule asks for.
type Action uint8

// The actions, in the order in which rules are judged: the first four win over those behind them.
const (
	Pass Action = iota
	Drop
	Reject
	RejectDst
	RejectBoth
	Alerting
	Config
)

var actionNames = map[string]Action{
	"pass": Pass, "drop": Drop, "reject": Reject, "rejectsrc": Reject, "rejectdst": RejectDst,
	"rejectboth": RejectBoth, "alert": Alerting, "config": Config,
}

func (a Action) String() string {
	return [...]string{"pass", "drop", "reject", "rejectdst", "rejectboth", "alert", "config"}[a]
}

// rank is the action's place in an order; actions that the order does not name come last.
func (a Action) rank(order []Action) uint8 {
	if a == RejectDst || a == RejectBoth {
		a = Reject
	}
	if i := slices.Index(order, a); i >= 0 {
		return uint8(i)
	}
	return uint8(len(order)) + uint8(a)
}

// ActionByName finds a rule's action by the word that rules and action-order use.
func ActionByName(name string) (Action, bool) {
	a, ok := actionNames[name]
	return a, ok
}

// Type says what a rule has to look at (Suricata's SIG_TYPE, docs "Rule types"). It decides whether its action holds
// for the packet or for the flow.
type Type uint8

// The types.
const (
	TypeIPOnly Type = iota // header alone: once per flow and direction
	// TypeLikeIPOnly is a header alone with negated addresses: judged on each packet, what it decides holds for the flow.
	TypeLikeIPOnly
	TypeDecode // decoder events
	TypePacket
	TypePacketStream // packet, or bytes of the stream
	TypeStream
	TypeProtoOnly // the protocol alone
	TypeApp       // header names an application protocol
	TypeTx        // looks into transactions
)

// need is what must be true of a packet for a rule to be worth a look.
type need uint16

const (
	needPayload need = 1 << iota
	needNoPayload
	needFlow
	needSYNorRST // flags of a connection's begin or end: SYN, FIN, RST
	needEvent
	needReal // not a pseudo packet
	needNoFlow
)

// sizes are bounds, in bytes, both included.
type sizes struct{ least, most uint16 }

// dirMask holds the directions that a rule is limited to.
type dirMask uint8

const (
	dirServer dirMask = 1 << app.ToServer
	dirClient dirMask = 1 << app.ToClient
	dirBoth           = dirServer | dirClient
)

// payloadMode says where payload contents are looked for.
type payloadMode uint8

const (
	inPacket payloadMode = 1 << iota
	inStream
	anyPlace = inPacket | inStream
)

// packetTest is one condition on the packet, its flow or their state.
type packetTest struct {
	name string
	test func(v *view) bool
	// text is the keyword with its value, where many rules share them and it is worth trying the test before a search.
	text string
}

// packetBuffer is a chain over a packet's header buffer.
type packetBuffer struct {
	buffer *Buffer
	xform  pipeline
	chain  chain
}

// txInspection is one condition on a transaction: a chain over a buffer, a test, or (stream) the payload.
type txInspection struct {
	name   string
	points []Point
	xform  pipeline
	chain  chain
	test   func(v *view) bool
	file   func(f *app.File) bool // the test on one file, where it is one of files
	stream bool
	absent absence
}

// absence is what the keyword absent asks of a buffer.
type absence uint8

const (
	mustBeThere absence = iota
	mustBeAbsent
	absentOrElse
)

// hook ties a rule to one progress value of a protocol: "http1:request_headers".
type hook struct {
	proto    app.Proto
	dir      app.Direction
	progress app.Progress
}
