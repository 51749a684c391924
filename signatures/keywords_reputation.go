package signatures

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"picket/signatures/language"
	"picket/signatures/reputation"
	"picket/traffic/packet"
)

// reputationKeywords hold values against lists from files (docs.suricata.io, "Datasets", "IP Reputation Keyword").
func reputationKeywords() []Keyword {
	return []Keyword{
		{Name: "dataset", Parse: parseDataset},
		{Name: "datarep", Parse: parseDatarep},
		{Name: "iprep", Parse: parseIPRep},
	}
}

// ipRep is iprep: one side's score, either's, or both's.
type ipRep struct {
	table    *reputation.Table
	category reputation.Category
	known    bool // isset, isnotset: whether there is a score at all
	negated  bool
	number   language.Number
}

// parseIPRep reads "src,BadHosts,>,10", "any,BadHosts,isset".
func parseIPRep(b *builder, arg string) error {
	args := language.SplitArgs(arg)
	if len(args) < 3 {
		return errors.New("needs a side, a category and a comparison")
	}
	r := &ipRep{table: b.opt.Reputation}
	var ok bool
	if r.category, ok = r.table.Category(args[1]); !ok {
		return fmt.Errorf("unknown category %q (reputation-categories-file names them)", args[1])
	}
	if err := r.comparison(args[2:]); err != nil {
		return err
	}
	test, err := r.side(args[0])
	if err != nil {
		return err
	}
	return b.testPacket("iprep", func(v *view) bool { return !v.Packet.Has(packet.NoIP) && test(v.Packet) })
}

func (r *ipRep) comparison(args []string) error {
	switch args[0] {
	case "isset", "isnotset":
		if len(args) != 1 {
			return fmt.Errorf("%s takes no number", args[0])
		}
		r.known, r.negated = true, args[0] == "isnotset"
		return nil
	}
	if len(args) != 2 {
		return errors.New("needs an operator and a number")
	}
	n, err := language.ParseNumber(args[0]+args[1], 8)
	if err != nil || n.A > 127 {
		return fmt.Errorf("%s%s is not a comparison with a number up to 127", args[0], args[1])
	}
	r.number = n
	return nil
}

// holds judges one address.
func (r *ipRep) holds(a packet.Addr) bool {
	score, ok := r.table.Score(a, r.category)
	if r.known {
		return ok != r.negated
	}
	return ok && r.number.Match(uint64(score))
}

func (r *ipRep) side(name string) (func(p *packet.Packet) bool, error) {
	switch name {
	case "src":
		return func(p *packet.Packet) bool { return r.holds(p.Src) }, nil
	case "dst":
		return func(p *packet.Packet) bool { return r.holds(p.Dst) }, nil
	case "any":
		return func(p *packet.Packet) bool { return r.holds(p.Src) || r.holds(p.Dst) }, nil
	case "both":
		return func(p *packet.Packet) bool { return r.holds(p.Src) && r.holds(p.Dst) }, nil
	}
	return nil, fmt.Errorf("unknown side %q", name)
}

// readHashes reads hashes of size bytes: hexadecimal at the begin of each line, "#" begins a comment.
func readHashes(text []byte, size int) (map[string]bool, error) {
	set := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if len(line) < 2*size {
			return nil, fmt.Errorf("line %d is no hash", n)
		}
		sum, err := hex.DecodeString(line[:2*size])
		if err != nil {
			return nil, fmt.Errorf("line %d is no hash", n)
		}
		set[string(sum)] = true
	}
	return set, lines.Err()
}
