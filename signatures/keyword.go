package signatures

import (
	"fmt"
	"slices"

	"picket/signatures/language"
	"picket/traffic/app"
)

// Keyword is one line of the table of all rule keywords: a name and what it does to the rule that is being built.
// Exactly one of Buffer and Parse is set.
type Keyword struct {
	Name    string
	Aliases []string
	// Buffer makes the keyword a sticky buffer. Its own names count, Name may be left empty.
	Buffer *Buffer
	// Arg says whether a value must, may or must not stand behind the name.
	Arg Arg
	// Parse reads the value and adds matches or actions to the rule. Its error becomes a fault of the rule.
	Parse func(b *builder, arg string) error
}

// Arg says whether a keyword has a value.
type Arg uint8

// A value is needed, may stand there, or must not.
const (
	Needed Arg = iota
	Optional
	None
)

// keywordTable is the table of all keywords. A new keyword is an entry in one of its slices; a new protocol is
// one file keywords_<protocol>.go and one line here.
func keywordTable() []Keyword {
	return slices.Concat(
		metaKeywords(),
		payloadKeywords(),
		flowKeywords(),
		bitKeywords(),
		stateKeywords(),
		headerKeywords(),
		fileKeywords(),
		httpKeywords(),
		http2Keywords(),
		quicKeywords(),
		dnp3Keywords(),
		enipKeywords(),
		modbusKeywords(),
		dnsKeywords(),
		tlsKeywords(),
		sshKeywords(),
		smtpKeywords(),
		ftpKeywords(),
		dcerpcKeywords(),
		smbKeywords(),
		nfsKeywords(),
		mqttKeywords(),
		sipKeywords(),
		pgsqlKeywords(),
		rfbKeywords(),
		websocketKeywords(),
		ldapKeywords(),
		krb5Keywords(),
		snmpKeywords(),
		dhcpKeywords(),
		ntpKeywords(),
		ikeKeywords(),
		transformKeywords(),
		reputationKeywords(),
	)
}

// lookup is the table by every name that a rule can use.
type lookup struct {
	keywords  map[string]*Keyword
	modifiers map[string]*Buffer // content modifiers: http_uri
	buffers   map[string]*Buffer
	sided     map[sidedKey]*Buffer
}

// sidedKey is a buffer in one of its directions.
type sidedKey struct {
	buffer *Buffer
	side   dirMask
}

// sidedBuffer is a buffer cut to a direction; 0 leaves it as it is.
func (l *lookup) sidedBuffer(b *Buffer, side dirMask) *Buffer {
	if side == 0 {
		return b
	}
	k := sidedKey{b, side}
	if l.sided[k] == nil {
		cut := *b
		cut.Points = sided(b.Points, side)
		l.sided[k] = &cut
	}
	return l.sided[k]
}

// sided returns the points of one direction.
func sided(points []Point, side dirMask) []Point {
	var out []Point
	for _, p := range points {
		if side&(1<<p.Dir) != 0 {
			out = append(out, p)
		}
	}
	return out
}

func newLookup() *lookup {
	l := &lookup{map[string]*Keyword{}, map[string]*Buffer{}, map[string]*Buffer{}, map[sidedKey]*Buffer{}}
	table := keywordTable()
	for i := range table {
		k := &table[i]
		names := append([]string{k.Name}, k.Aliases...)
		if b := k.Buffer; b != nil {
			names = append(append(names, b.Name), b.Aliases...)
			l.buffers[b.Name] = b
			if b.Modifier != "" {
				l.modifiers[b.Modifier] = b
			}
		}
		for _, n := range names {
			if n != "" {
				l.keywords[n] = k
			}
		}
	}
	return l
}

// number makes a keyword that compares a number of a transaction: get returns it, false when it is not there.
func number(name string, bits int, points []Point, get func(v *view) (uint64, bool)) Keyword {
	return Keyword{Name: name, Parse: func(b *builder, arg string) error {
		n, err := language.ParseNumber(arg, bits)
		if err != nil {
			return err
		}
		return b.testTx(name, points, func(v *view) bool {
			have, ok := get(v)
			return ok && n.Match(have)
		})
	}}
}

// numberOrName is number for values that have names.
func numberOrName(name string, bits int, points []Point, names func(string) (uint64, bool), get func(v *view) (uint64, bool)) Keyword {
	return Keyword{Name: name, Parse: func(b *builder, arg string) error {
		n, err := language.ParseNumberOrName(arg, bits, names)
		if err != nil {
			return err
		}
		return b.testTx(name, points, func(v *view) bool {
			have, ok := get(v)
			return ok && n.Match(have)
		})
	}}
}

// numbers is number for values that may be there several times: one that compares is enough.
func numbers(name string, bits int, points []Point, get func(v *view, i int) (uint64, bool)) Keyword {
	return Keyword{Name: name, Parse: func(b *builder, arg string) error {
		n, err := language.ParseNumber(arg, bits)
		if err != nil {
			return err
		}
		return b.testTx(name, points, func(v *view) bool {
			for i := 0; ; i++ {
				if have, ok := get(v, i); !ok || n.Match(have) {
					return ok
				}
			}
		})
	}}
}

// buffer makes a sticky buffer's entry.
func buffer(b Buffer) Keyword { return Keyword{Name: b.Name, Buffer: &b, Arg: None} }

// when makes the points of a test: several protocols, one direction, one progress.
func when(dir app.Direction, progress app.Progress, protos ...app.Proto) []Point {
	return at(dir, progress, nil, protos...)
}

// errUnsupported refuses by name what picket does not do.
func errUnsupported(what string) func(*builder, string) error {
	return func(*builder, string) error { return fmt.Errorf("%s is not supported", what) }
}
