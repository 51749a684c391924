package ldap

import (
	"bytes"
	"errors"
	"strings"

	"picket/traffic/app/ber"
)

// Op is the kind of a message: the application tag of its protocolOp (RFC 4511 §4.2).
type Op uint8

// The operations.
const (
	BindRequest          Op = 0
	BindResponse         Op = 1
	UnbindRequest        Op = 2
	SearchRequest        Op = 3
	SearchResultEntry    Op = 4
	SearchResultDone     Op = 5
	ModifyRequest        Op = 6
	ModifyResponse       Op = 7
	AddRequest           Op = 8
	AddResponse          Op = 9
	DelRequest           Op = 10
	DelResponse          Op = 11
	ModDNRequest         Op = 12
	ModDNResponse        Op = 13
	CompareRequest       Op = 14
	CompareResponse      Op = 15
	AbandonRequest       Op = 16
	SearchReference      Op = 19
	ExtendedRequest      Op = 23
	ExtendedResponse     Op = 24
	IntermediateResponse Op = 25
)

var opNames = map[Op]string{
	BindRequest: "bind_request", BindResponse: "bind_response", UnbindRequest: "unbind_request", SearchRequest: "search_request",
	SearchResultEntry: "search_result_entry", SearchResultDone: "search_result_done", ModifyRequest: "modify_request",
	ModifyResponse: "modify_response", AddRequest: "add_request", AddResponse: "add_response", DelRequest: "del_request",
	DelResponse: "del_response", ModDNRequest: "mod_dn_request", ModDNResponse: "mod_dn_response",
	CompareRequest: "compare_request", CompareResponse: "compare_response", AbandonRequest: "abandon_request",
	SearchReference: "search_result_reference", ExtendedRequest: "extended_request", ExtendedResponse: "extended_response",
	IntermediateResponse: "intermediate_response",
}

// String is the operation's name.
func (o Op) String() string {
	if n, ok := opNames[o]; ok {
		return n
	}
	return "unknown"
}

// OpByName returns the operation with a name.
func OpByName(name string) (Op, bool) {
	for o, n := range opNames {
		if n == name {
			return o, true
		}
	}
	return 0, false
}

// request tells whether a client sends the operation.
func (o Op) request() bool {
	switch o {
	case BindRequest, UnbindRequest, SearchRequest, ModifyRequest, AddRequest, DelRequest, ModDNRequest, CompareRequest,
		AbandonRequest, ExtendedRequest:
		return true
	}
	return false
}

// Message is one LDAPMessage. Slices lie in a copy of it; which fields are valid the operation says.
type Message struct {
	ID int64
	Op Op

	DN     []byte // base object, entry, object, name of a bind; of results the matched DN
	Result Result // of responses with a result

	Version    int64  // bind
	SASL       bool   // bind: Mechanism is valid
	Mechanism  []byte // bind
	Creds      []byte // bind request and response: SASL credentials, nil for none
	Scope      int64  // search
	Deref      int64
	SizeLimit  int64
	TimeLimit  int64
	TypesOnly  bool
	Present    []byte      // search: the attribute of a filter that asks for its presence; nil for other filters
	Wanted     [][]byte    // search: attributes
	Attributes []Attribute // add, search result entry; of a modify its changes
	NewRDN     []byte      // mod_dn
	DeleteOld  bool
	Superior   []byte // mod_dn; nil for none
	Value      []byte // compare, extended, intermediate; nil for none
	Name       []byte // extended, intermediate: OID; compare: attribute; nil for none
	AbandonID  int64
	Controls   []Control
}

// Attribute is an attribute with its values, or a change of it.
type Attribute struct {
	Operation int64 // of a change: 0 add, 1 delete, 2 replace
	Type      []byte
	Values    [][]byte
}

// Control is a control of a message (RFC 4511 §4.1.11).
type Control struct {
	Type     []byte
	Critical bool
	Value    []byte // nil for none
}

// Result is an LDAPResult without its DN.
type Result struct {
	Code    uint32
	Message []byte
}

// maxList bounds each list of a message; what goes beyond is passed over.
const maxList = 4096

var errMalformed = errors.New("ldap: malformed message")

// parse reads a whole message. It keeps a copy of b.
func parse(b []byte) (*Message, error) {
	r := ber.New(bytes.Clone(b))
	in := r.Enter(ber.Universal, ber.Sequence)
	m := &Message{ID: in.Int()}
	op := in.Next()
	if in.Failed() || op.Class != ber.Application || op.Tag > 255 || opNames[Op(op.Tag)] == "" {
		return nil, errMalformed
	}
	m.Op = Op(op.Tag)
	if !m.body(op.Body) {
		return nil, errMalformed
	}
	if body, ok := in.Optional(ber.Context, 0); ok {
		m.controls(body)
	}
	if in.Failed() {
		return nil, errMalformed
	}
	return m, nil
}

// body reads the operation; false: it can't be read.
func (m *Message) body(b []byte) bool {
	r := ber.New(b)
	switch m.Op {
	case BindRequest:
		m.bind(&r)
	case SearchRequest:
		m.search(&r)
	case SearchResultEntry, AddRequest:
		m.DN = r.Octets()
		m.Attributes = attributes(r.Enter(ber.Universal, ber.Sequence))
	case ModifyRequest:
		m.DN = r.Octets()
		m.changes(r.Enter(ber.Universal, ber.Sequence))
	case DelRequest:
		m.DN = b
	case ModDNRequest:
		m.DN, m.NewRDN, m.DeleteOld = r.Octets(), r.Octets(), r.Bool()
		m.Superior, _ = r.Optional(ber.Context, 0)
	case CompareRequest:
		m.DN = r.Octets()
		in := r.Enter(ber.Universal, ber.Sequence)
		m.Name, m.Value = in.Octets(), in.Octets()
	case AbandonRequest:
		m.AbandonID = ber.ParseInt(b[:min(len(b), 8)])
	case ExtendedRequest:
		m.Name = r.Expect(ber.Context, 0)
		m.Value, _ = r.Optional(ber.Context, 1)
	case IntermediateResponse:
		m.Name, _ = r.Optional(ber.Context, 0)
		m.Value, _ = r.Optional(ber.Context, 1)
	case UnbindRequest, SearchReference:
	default:
		m.result(&r)
	}
	return !r.Failed()
}

func (m *Message) bind(r *ber.Reader) {
	m.Version, m.DN = r.Int(), r.Octets()
	if body, ok := r.Optional(ber.Context, 3); ok {
		in := ber.New(body)
		m.SASL, m.Mechanism = true, in.Octets()
		m.Creds, _ = in.Optional(ber.Universal, ber.OctetString)
		return
	}
	r.Expect(ber.Context, 0)
}

func (m *Message) search(r *ber.Reader) {
	m.DN, m.Scope, m.Deref, m.SizeLimit, m.TimeLimit, m.TypesOnly = r.Octets(), r.Int(), r.Int(), r.Int(), r.Int(), r.Bool()
	if filter := r.Next(); filter.Is(ber.Context, 7) {
		m.Present = filter.Body
	}
	in := r.Enter(ber.Universal, ber.Sequence)
	for in.More() && len(m.Wanted) < maxList {
		m.Wanted = append(m.Wanted, in.Octets())
	}
}

// result reads LDAPResult and what extended and bind responses have behind it.
func (m *Message) result(r *ber.Reader) {
	m.Result.Code, m.DN, m.Result.Message = uint32(r.Int()), r.Octets(), r.Octets()
	r.Optional(ber.Context, 3) // referral
	switch m.Op {
	case BindResponse:
		m.Creds, _ = r.Optional(ber.Context, 7)
	case ExtendedResponse:
		m.Name, _ = r.Optional(ber.Context, 10)
		m.Value, _ = r.Optional(ber.Context, 11)
	}
}

func attributes(r ber.Reader) []Attribute {
	var list []Attribute
	for r.More() && len(list) < maxList {
		list = append(list, attribute(r.Enter(ber.Universal, ber.Sequence)))
	}
	return list
}

func attribute(r ber.Reader) Attribute {
	a := Attribute{Type: r.Octets()}
	values := r.Enter(ber.Universal, ber.Set)
	for values.More() && len(a.Values) < maxList {
		if v := values.Octets(); !values.Failed() {
			a.Values = append(a.Values, v)
		}
	}
	return a
}

func (m *Message) changes(r ber.Reader) {
	for r.More() && len(m.Attributes) < maxList {
		in := r.Enter(ber.Universal, ber.Sequence)
		op := in.Int()
		a := attribute(in.Enter(ber.Universal, ber.Sequence))
		a.Operation = op
		m.Attributes = append(m.Attributes, a)
	}
}

func (m *Message) controls(b []byte) {
	r := ber.New(b)
	for r.More() && len(m.Controls) < maxList {
		in := r.Enter(ber.Universal, ber.Sequence)
		c := Control{Type: in.Octets()}
		if body, ok := in.Optional(ber.Universal, ber.Boolean); ok {
			c.Critical = len(body) == 1 && body[0] != 0
		}
		c.Value, _ = in.Optional(ber.Universal, ber.OctetString)
		if !in.Failed() {
			m.Controls = append(m.Controls, c)
		}
	}
}

// ResultName returns the name of a result code, "" when it has none (RFC 4511 appendix A and later additions).
func ResultName(code uint32) string { return resultNames[code] }

// ResultByName returns the result code with a name.
func ResultByName(name string) (uint32, bool) {
	for code, n := range resultNames {
		if n == strings.ToLower(name) {
			return code, true
		}
	}
	return 0, false
}

var resultNames = map[uint32]string{
	0: "success", 1: "operations_error", 2: "protocol_error", 3: "time_limit_exceeded", 4: "size_limit_exceeded",
	5: "compare_false", 6: "compare_true", 7: "auth_method_not_supported", 8: "stronger_auth_required", 10: "referral",
	11: "admin_limit_exceeded", 12: "unavailable_critical_extension", 13: "confidentiality_required",
	14: "sasl_bind_in_progress", 16: "no_such_attribute", 17: "undefined_attribute_type", 18: "inappropriate_matching",
	19: "constraint_violation", 20: "attribute_or_value_exists", 21: "invalid_attribute_syntax", 32: "no_such_object",
	33: "alias_problem", 34: "invalid_dns_syntax", 35: "is_leaf", 36: "alias_dereferencing_problem",
	48: "inappropriate_authentication", 49: "invalid_credentials", 50: "insufficient_access_rights", 51: "busy",
	52: "unavailable", 53: "unwilling_to_perform", 54: "loop_detect", 60: "sort_control_missing",
	61: "offset_range_error", 64: "naming_violation", 65: "object_class_violation", 66: "not_allowed_on_non_leaf",
	67: "not_allowed_on_rdn", 68: "entry_already_exists", 69: "object_class_mods_prohibited", 70: "results_too_large",
	71: "affects_multiple_dsas", 76: "control_error", 80: "other", 81: "server_down", 82: "local_error",
	83: "encoding_error", 84: "decoding_error", 85: "timeout", 86: "auth_unknown", 87: "filter_error",
	88: "user_canceled", 89: "param_error", 90: "no_memory", 91: "connect_error", 92: "not_supported",
	93: "control_not_found", 94: "no_results_returned", 95: "more_results_to_return", 96: "client_loop",
	97: "referral_limit_exceeded", 100: "invalid_response", 101: "ambiguous_response", 112: "tls_not_supported",
	113: "intermediate_response", 114: "unknown_type", 118: "canceled", 119: "no_such_operation", 120: "too_late",
	121: "cannot_cancel", 122: "assertion_failed", 123: "authorization_denied", 4096: "e_sync_refresh_required",
	16654: "no_operation",
}
