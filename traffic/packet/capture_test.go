package packet

import (
	"encoding/binary"
	"os"
	"testing"
)

// readPcap reads a classic pcap file of either byte order. It serves the tests only; package capture has the real
// reader.
func readPcap(t testing.TB, path string) []Input {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("needs the shared corpus: %v", err)
	}
	var order binary.ByteOrder = binary.LittleEndian
	nano := int64(1000)
	switch binary.LittleEndian.Uint32(b) {
	case 0xa1b2c3d4:
	case 0xa1b23c4d:
		nano = 1
	case 0xd4c3b2a1:
		order = binary.BigEndian
	default:
		t.Fatalf("%s: no pcap", path)
	}
	link := LinkType(order.Uint32(b[20:]))
	var in []Input
	for b = b[24:]; len(b) >= 16; {
		n := int(order.Uint32(b[8:]))
		if n > len(b)-16 {
			break
		}
		in = append(in, Input{
			Data: b[16 : 16+n], Num: uint64(len(in) + 1), WireLen: order.Uint32(b[12:]), Link: link,
			Time: int64(order.Uint32(b))*1e9 + int64(order.Uint32(b[4:]))*nano,
		})
		b = b[16+n:]
	}
	return in
}

const mixedPcap = "../../../shared/corpora/pcap/mixed-small.pcap"

// BenchmarkDecode decodes the mixed capture from memory: "hot" its first thousand frames, which stay in the cache,
// "cold" all of it. Compare two versions with: go test -bench Decode -count 10 | benchstat.
func BenchmarkDecode(b *testing.B) {
	all := readPcap(b, mixedPcap)
	for _, c := range []struct {
		name string
		in   []Input
		sums bool
	}{
		{"hot", all[:1000], false}, {"cold", all, false}, {"hot-checksums", all[:1000], true}, {"cold-checksums", all, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			cfg := Default()
			cfg.Checksums = c.sums
			d := NewDecoder(cfg)
			i := 0
			for b.Loop() {
				d.Decode(c.in[i])
				if i++; i == len(c.in) {
					i = 0
				}
			}
		})
	}
}

func TestDecodeMixed(t *testing.T) {
	d := NewDecoder(Default())
	for _, in := range readPcap(t, mixedPcap) {
		d.Decode(in)
	}
	stats := d.Stats()
	stats.Each(func(name string, n uint64) {
		if n > 0 {
			t.Logf("%s %d", name, n)
		}
	})
}

func BenchmarkSum(b *testing.B) {
	data := make([]byte, 1460)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		sum(data)
	}
}
