package signatures

import (
	"fmt"
	"strconv"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/app/krb5"
)

// krb5Keywords are the Kerberos keywords of Suricata 8 ("Kerberos Keywords" in its manual).
func krb5Keywords() []Keyword {
	both := append(when(app.ToServer, 0, app.KRB5), when(app.ToClient, 0, app.KRB5)...)
	return []Keyword{
		number("krb5_msg_type", 8, both, func(v *view) (uint64, bool) {
			if m, ok := v.Tx.Data.(*krb5.Message); ok {
				return uint64(m.Type), true
			}
			return 0, false
		}),
		{Name: "krb5_err_code", Parse: krb5Error(both)},
		{Name: "krb5.ticket_encryption", Parse: krb5Ticket(both)},
		buffer(Buffer{Name: "krb5.cname", Aliases: []string{"krb5_cname"}, Points: krb5Name(func(m *krb5.Message) [][]byte { return m.Client })}),
		buffer(Buffer{Name: "krb5.sname", Aliases: []string{"krb5_sname"}, Points: krb5Name(func(m *krb5.Message) [][]byte { return m.Server })}),
	}
}

// krb5Name makes the points of a buffer that is there once for each component of a name.
func krb5Name(get func(*krb5.Message) [][]byte) []Point {
	of := func(v *view, i int) ([]byte, bool) {
		m, ok := v.Tx.Data.(*krb5.Message)
		if !ok || i >= len(get(m)) {
			return nil, false
		}
		return get(m)[i], true
	}
	return append(each(app.ToServer, 0, of, app.KRB5), each(app.ToClient, 0, of, app.KRB5)...)
}

// krb5Error reads a signed error code.
func krb5Error(points []Point) func(*builder, string) error {
	return func(b *builder, arg string) error {
		if code, err := strconv.ParseInt(strings.TrimSpace(arg), 10, 32); err == nil {
			return b.testTx("krb5_err_code", points, func(v *view) bool {
				m, ok := v.Tx.Data.(*krb5.Message)
				return ok && m.Type == krb5.Error && m.Code == int32(code)
			})
		}
		n, err := language.ParseNumber(arg, 32)
		if err != nil {
			return err
		}
		return b.testTx("krb5_err_code", points, func(v *view) bool {
			m, ok := v.Tx.Data.(*krb5.Message)
			return ok && m.Type == krb5.Error && m.Code >= 0 && n.Match(uint64(m.Code))
		})
	}
}

// krb5Ticket reads "weak" or a list of encryption types, by name or number.
func krb5Ticket(points []Point) func(*builder, string) error {
	return func(b *builder, arg string) error {
		arg = strings.TrimSpace(arg)
		if strings.EqualFold(arg, "weak") {
			return b.testTx("krb5.ticket_encryption", points, krb5Answer(krb5.Weak))
		}
		var list []int32
		for _, word := range language.SplitArgs(arg) {
			kind, ok := krb5.EncryptionByName(word)
			if !ok {
				n, err := strconv.ParseInt(word, 10, 32)
				if err != nil {
					return fmt.Errorf("krb5.ticket_encryption: %q is no encryption type", word)
				}
				kind = int32(n)
			}
			list = append(list, kind)
		}
		if len(list) == 0 {
			return fmt.Errorf("krb5.ticket_encryption needs weak or a list of encryption types")
		}
		return b.testTx("krb5.ticket_encryption", points, krb5Answer(func(have int32) bool {
			for _, kind := range list {
				if kind == have {
					return true
				}
			}
			return false
		}))
	}
}

func krb5Answer(fits func(int32) bool) func(*view) bool {
	return func(v *view) bool {
		m, ok := v.Tx.Data.(*krb5.Message)
		return ok && m.Answered() && fits(m.TicketEncryption)
	}
}
