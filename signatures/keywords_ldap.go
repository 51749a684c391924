package signatures

import (
	"fmt"
	"strconv"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/app/ldap"
)

// ldapKeywords are the LDAP keywords of Suricata 8 ("LDAP Keywords" in its manual).
func ldapKeywords() []Keyword {
	return []Keyword{
		numberOrName("ldap.request.operation", 8, when(app.ToServer, 0, app.LDAP), ldapOp, func(v *view) (uint64, bool) {
			if t := ldapTx(v); t != nil && t.Request != nil {
				return uint64(t.Request.Op), true
			}
			return 0, false
		}),
		{Name: "ldap.responses.operation", Parse: ldapResponses("ldap.responses.operation", 8, ldapOp, func(m *ldap.Message) (uint64, bool) {
			return uint64(m.Op), true
		})},
		{Name: "ldap.responses.result_code", Parse: ldapResponses("ldap.responses.result_code", 32, ldapResult, ldapCode)},
		number("ldap.responses.count", 32, when(app.ToClient, 0, app.LDAP), func(v *view) (uint64, bool) {
			if t := ldapTx(v); t != nil {
				return uint64(len(t.Responses)), true
			}
			return 0, false
		}),
		buffer(Buffer{Name: "ldap.request.dn", Points: at(app.ToServer, 0, ldapRequestDN, app.LDAP)}),
		buffer(Buffer{Name: "ldap.request.attribute_type", Points: each(app.ToServer, 0, ldapRequestAttribute, app.LDAP)}),
		buffer(Buffer{Name: "ldap.responses.dn", Points: each(app.ToClient, 0, ldapResponse(func(m *ldap.Message) []byte { return m.DN }), app.LDAP)}),
		buffer(Buffer{Name: "ldap.responses.message", Points: each(app.ToClient, 0, ldapResponse(func(m *ldap.Message) []byte { return m.Result.Message }), app.LDAP)}),
		buffer(Buffer{Name: "ldap.responses.attribute_type", Points: each(app.ToClient, 0, ldapResponseAttribute, app.LDAP)}),
	}
}

func ldapTx(v *view) *ldap.Transaction {
	t, _ := v.Tx.Data.(*ldap.Transaction)
	return t
}

func ldapOp(name string) (uint64, bool) {
	o, ok := ldap.OpByName(name)
	return uint64(o), ok
}

func ldapResult(name string) (uint64, bool) {
	c, ok := ldap.ResultByName(name)
	return uint64(c), ok
}

// ldapCode returns a response's result code, if it has a result.
func ldapCode(m *ldap.Message) (uint64, bool) {
	switch m.Op {
	case ldap.SearchResultEntry, ldap.SearchReference, ldap.IntermediateResponse:
		return 0, false
	}
	return uint64(m.Result.Code), true
}

// ldapResponses reads "number or name[,any|all|index]": which of the responses must compare. A negative index
// counts from the last.
func ldapResponses(name string, bits int, names func(string) (uint64, bool), get func(*ldap.Message) (uint64, bool)) func(*builder, string) error {
	return func(b *builder, arg string) error {
		text, which, _ := strings.Cut(arg, ",")
		n, err := language.ParseNumberOrName(text, bits, names)
		if err != nil {
			return err
		}
		fits := func(m *ldap.Message) bool {
			have, ok := get(m)
			return ok && n.Match(have)
		}
		pick, err := ldapPick(strings.TrimSpace(which), fits)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return b.testTx(name, when(app.ToClient, 0, app.LDAP), func(v *view) bool {
			t := ldapTx(v)
			return t != nil && pick(t.Responses)
		})
	}
}

// ldapPick makes the test of a list of responses.
func ldapPick(which string, fits func(*ldap.Message) bool) (func([]*ldap.Message) bool, error) {
	switch which {
	case "", "any":
		return func(list []*ldap.Message) bool {
			for _, m := range list {
				if fits(m) {
					return true
				}
			}
			return false
		}, nil
	case "all":
		return func(list []*ldap.Message) bool {
			for _, m := range list {
				if !fits(m) {
					return false
				}
			}
			return len(list) > 0
		}, nil
	}
	at, err := strconv.ParseInt(which, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%q is neither any, all nor an index", which)
	}
	return func(list []*ldap.Message) bool {
		i := int(at)
		if i < 0 {
			i += len(list)
		}
		return i >= 0 && i < len(list) && fits(list[i])
	}, nil
}

func ldapRequestDN(v *view) []byte {
	t := ldapTx(v)
	if t == nil || t.Request == nil {
		return nil
	}
	return t.Request.DN
}

// ldapRequestAttribute numbers the attributes that a request names.
func ldapRequestAttribute(v *view, i int) ([]byte, bool) {
	t := ldapTx(v)
	if t == nil || t.Request == nil {
		return nil, false
	}
	m := t.Request
	switch {
	case m.Op == ldap.CompareRequest && i == 0:
		return m.Name, true
	case i < len(m.Wanted):
		return m.Wanted[i], true
	case i < len(m.Attributes):
		return m.Attributes[i].Type, true
	}
	return nil, false
}

// ldapResponse numbers the responses in which something is.
func ldapResponse(get func(*ldap.Message) []byte) func(*view, int) ([]byte, bool) {
	return func(v *view, i int) ([]byte, bool) {
		t := ldapTx(v)
		if t == nil || i >= len(t.Responses) {
			return nil, false
		}
		return get(t.Responses[i]), true
	}
}

// ldapResponseAttribute numbers the attributes of all entries that were found.
func ldapResponseAttribute(v *view, i int) ([]byte, bool) {
	t := ldapTx(v)
	if t == nil {
		return nil, false
	}
	for _, m := range t.Responses {
		if i < len(m.Attributes) {
			return m.Attributes[i].Type, true
		}
		i -= len(m.Attributes)
	}
	return nil, false
}
