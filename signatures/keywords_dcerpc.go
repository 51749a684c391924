package signatures

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/app/dcerpc"
)

// dcerpcKeywords are the DCE/RPC keywords of Suricata 8 ("DCERPC Keywords" in its manual). They look at calls over TCP
// and UDP, and at those in SMB's pipes.
func dcerpcKeywords() []Keyword {
	stub := func(v *view) []byte {
		if c := dceCall(v); c != nil && len(c.Stub(v.Dir)) > 0 {
			return c.Stub(v.Dir)
		}
		return nil
	}
	points := append(at(app.ToServer, 0, stub, appDCERPC...), at(app.ToClient, 0, stub, appDCERPC...)...)
	return []Keyword{
		{Name: "dcerpc.iface", Aliases: []string{"dce_iface"}, Parse: parseDCEInterface},
		{Name: "dcerpc.opnum", Aliases: []string{"dce_opnum"}, Parse: parseDCEOpnum},
		buffer(Buffer{Name: "dcerpc.stub_data", Aliases: []string{"dce_stub_data"}, Points: points}),
	}
}

// dceCall returns the call that the transaction is or carries; nil when it has none.
func dceCall(v *view) *dcerpc.Call {
	switch d := v.Tx.Data.(type) {
	case *dcerpc.Call:
		return d
	case interface{ Call() *dcerpc.Call }:
		return d.Call()
	}
	return nil
}

func dceBoth() []Point {
	return append(when(app.ToServer, 0, appDCERPC...), when(app.ToClient, 0, appDCERPC...)...)
}

// parseDCEInterface reads "uuid[, version][, any_frag]", the version with an operator before it.
func parseDCEInterface(b *builder, arg string) error {
	parts := language.SplitArgs(arg)
	if len(parts) == 0 || len(parts) > 3 {
		return errors.New("dcerpc.iface needs a UUID, and may have a version and any_frag")
	}
	want, err := parseUUID(parts[0])
	if err != nil {
		return err
	}
	var version *language.Number
	anyFragment := false
	for _, part := range parts[1:] {
		if part == "any_frag" {
			anyFragment = true
			continue
		}
		n, err := parseDCEVersion(part)
		if err != nil {
			return err
		}
		version = &n
	}
	return b.testTx("dcerpc.iface", dceBoth(), func(v *view) bool {
		c := dceCall(v)
		if c == nil || !c.Called {
			return false
		}
		for i := range c.Binding.Interfaces {
			it := &c.Binding.Interfaces[i]
			if it.UUID == want && it.Acked && it.Result == 0 && (c.Datagram || it.Context == c.Context) && (anyFragment || it.First) &&
				(version == nil || version.Match(uint64(it.Major))) {
				return true
			}
		}
		return false
	})
}

func parseUUID(text string) (u dcerpc.UUID, err error) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return u, fmt.Errorf("%q is not a UUID", text)
	}
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != len(u) {
		return u, fmt.Errorf("%q is not a UUID", text)
	}
	copy(u[:], b)
	return u, nil
}

// parseDCEVersion reads "<2", ">2", "=2" or "!2".
func parseDCEVersion(text string) (language.Number, error) {
	if rest, ok := strings.CutPrefix(text, "!"); ok {
		text = "!=" + strings.TrimPrefix(rest, "=")
	}
	return language.ParseNumber(strings.TrimPrefix(text, "="), 16)
}

// parseDCEOpnum reads numbers and ranges: "0, 2-15, 22".
func parseDCEOpnum(b *builder, arg string) error {
	var ranges [][2]uint64
	for _, part := range language.SplitArgs(arg) {
		lo, hi, isRange := strings.Cut(part, "-")
		first, err := language.ParseNumber(strings.TrimSpace(lo), 16)
		if err != nil || first.Op != language.Equal {
			return fmt.Errorf("%q is not a number below 65536", part)
		}
		last := first
		if isRange {
			if last, err = language.ParseNumber(strings.TrimSpace(hi), 16); err != nil || last.Op != language.Equal || last.A < first.A {
				return fmt.Errorf("%q is not a range", part)
			}
		}
		ranges = append(ranges, [2]uint64{first.A, last.A})
	}
	if len(ranges) == 0 {
		return errors.New("dcerpc.opnum needs a number")
	}
	return b.testTx("dcerpc.opnum", dceBoth(), func(v *view) bool {
		c := dceCall(v)
		if c == nil || !c.Called {
			return false
		}
		for _, r := range ranges {
			if n := uint64(c.Opnum); r[0] <= n && n <= r[1] {
				return true
			}
		}
		return false
	})
}
