package signatures

import (
	"fmt"
	"strconv"
	"strings"

	"picket/traffic/app"
	"picket/traffic/app/dnp3"
)

// dnp3Keywords are the DNP3 keywords of Suricata 8 ("DNP3 Keywords" in its manual). A transaction is a request or an
// answer, judged when its fragment is whole.
func dnp3Keywords() []Keyword {
	return []Keyword{
		{Name: "dnp3_func", Aliases: []string{"dnp3.func"}, Parse: parseDNP3Function},
		{Name: "dnp3_ind", Aliases: []string{"dnp3.ind"}, Parse: parseDNP3Indications},
		{Name: "dnp3_obj", Aliases: []string{"dnp3.obj"}, Parse: parseDNP3Object},
		buffer(Buffer{Name: "dnp3_data", Aliases: []string{"dnp3.data"}, Points: append(
			at(app.ToServer, app.Done, dnp3Data, app.DNP3), at(app.ToClient, app.Done, dnp3Data, app.DNP3)...)}),
	}
}

func dnp3Data(v *view) []byte {
	if t, ok := v.Tx.Data.(*dnp3.Transaction); ok {
		return t.Data
	}
	return nil
}

// testDNP3 adds a condition on requests, answers or both.
func (b *builder) testDNP3(name string, test func(t *dnp3.Transaction) bool, dirs ...app.Direction) error {
	var points []Point
	for _, d := range dirs {
		points = append(points, when(d, app.Done, app.DNP3)...)
	}
	return b.testTx(name, points, func(v *view) bool {
		t, ok := v.Tx.Data.(*dnp3.Transaction)
		return ok && test(t)
	})
}

func parseDNP3Function(b *builder, arg string) error {
	arg = strings.TrimSpace(arg)
	code, ok := dnp3.FunctionByName(strings.ToLower(arg))
	if !ok {
		n, err := strconv.ParseUint(arg, 10, 8)
		if err != nil {
			return fmt.Errorf("dnp3_func: %q is no function", arg)
		}
		code = byte(n)
	}
	return b.testDNP3("dnp3_func", func(t *dnp3.Transaction) bool { return t.Function == code }, app.ToServer, app.ToClient)
}

// parseDNP3Indications reads a list of indications, all of which must be set, or the number of their bits.
func parseDNP3Indications(b *builder, arg string) error {
	var want uint16
	for word := range strings.FieldsFuncSeq(arg, func(r rune) bool { return r == ',' || r == ' ' }) {
		bits, err := dnp3Indication(word)
		if err != nil {
			return err
		}
		want |= bits
	}
	if want == 0 {
		return fmt.Errorf("dnp3_ind: %q names no indication", arg)
	}
	return b.testDNP3("dnp3_ind", func(t *dnp3.Transaction) bool { return t.IIN&want == want }, app.ToClient)
}

func dnp3Indication(word string) (uint16, error) {
	for _, i := range dnp3.Indications() {
		if strings.EqualFold(i.Name, word) {
			return i.Bit, nil
		}
	}
	n, err := strconv.ParseUint(word, 0, 16)
	if err != nil {
		return 0, fmt.Errorf("dnp3_ind: %q is no indication", word)
	}
	return uint16(n), nil
}

// parseDNP3Object reads "group,variation".
func parseDNP3Object(b *builder, arg string) error {
	g, v, ok := strings.Cut(arg, ",")
	group, errGroup := strconv.ParseUint(strings.TrimSpace(g), 10, 8)
	variation, errVariation := strconv.ParseUint(strings.TrimSpace(v), 10, 8)
	if !ok || errGroup != nil || errVariation != nil {
		return fmt.Errorf("dnp3_obj: %q is not a group and a variation, each up to 255", arg)
	}
	return b.testDNP3("dnp3_obj", func(t *dnp3.Transaction) bool {
		for i := range t.Objects {
			if o := &t.Objects[i]; uint64(o.Group) == group && uint64(o.Variation) == variation {
				return true
			}
		}
		return false
	}, app.ToServer, app.ToClient)
}
