package actions

import (
	"fmt"
	"net/netip"
	"os"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Systems are autonomous systems that must not be banned, found by an MMDB database (GeoLite2-ASN and its kind).
type Systems struct {
	reader  *maxminddb.Reader
	numbers map[uint32]bool
}

// OpenSystems reads the database at path, a dozen megabytes, for these numbers.
func OpenSystems(path string, numbers []uint32) (*Systems, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("open the database of autonomous systems: %w", err)
	}
	reader, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("open the database of autonomous systems %s: %w (an MMDB file with autonomous_system_number is wanted)", path, err)
	}
	s := &Systems{reader: reader, numbers: map[uint32]bool{}}
	for _, n := range numbers {
		s.numbers[n] = true
	}
	return s, nil
}

// asRecord is the part of a record that is read.
type asRecord struct {
	Number uint32 `maxminddb:"autonomous_system_number"`
}

// maxNetworks bounds the walk over one prefix; one that holds more is protected: it can't be told that nobody is hit.
const maxNetworks = 4096

// protects finds a network of a listed system in a prefix. Networks that cannot be read protect nobody.
func (s *Systems) protects(p netip.Prefix) (netip.Prefix, string) {
	if s == nil || len(s.numbers) == 0 {
		return netip.Prefix{}, ""
	}
	if p.IsSingleIP() {
		return s.listed(s.reader.Lookup(p.Addr()))
	}
	seen := 0
	for found := range s.reader.NetworksWithin(p) {
		if seen++; seen > maxNetworks {
			return p, fmt.Sprintf("so wide that not all its networks could be held against the allowed autonomous systems (%d)", maxNetworks)
		}
		if network, why := s.listed(found); why != "" {
			return network, why
		}
	}
	return netip.Prefix{}, ""
}

func (s *Systems) listed(found maxminddb.Result) (netip.Prefix, string) {
	var record asRecord
	if found.Decode(&record) != nil || !s.numbers[record.Number] {
		return netip.Prefix{}, ""
	}
	return found.Prefix(), fmt.Sprintf("in AS%d, on the allow list", record.Number)
}
