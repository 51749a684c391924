package signatures

import (
	"bytes"
	"testing"
)

func TestASN1(t *testing.T) {
	long := append([]byte{9, 0x82, 1, 44}, make([]byte, 300)...) // REAL of 300 bytes
	for _, tt := range []struct {
		name, options string
		payload       []byte
		want          bool
	}{
		{"bits", "bitstring_overflow", []byte{3, 2, 9, 0xff}, true},
		{"good bits", "bitstring_overflow", []byte{3, 2, 7, 0xff}, false},
		{"bits in a sequence", "bitstring_overflow", []byte{0x30, 4, 3, 2, 9, 0xff}, true},
		{"bits in an indefinite sequence", "bitstring_overflow", []byte{0x30, 0x80, 3, 2, 9, 0xff, 0, 0}, true},
		{"bits in a sequence that is cut", "bitstring_overflow", []byte{0x30, 5, 3, 2, 9, 0xff}, false},
		{"second element", "bitstring_overflow", []byte{5, 0, 3, 1, 1}, true},
		{"double", "double_overflow", long, true},
		{"long enough", "oversize_length 299", long, true},
		{"not long enough", "oversize_length 300", long, false},
		{"elsewhere", "oversize_length 299, absolute_offset 2", append([]byte("ab"), long...), true},
		{"one too far", "oversize_length 299, absolute_offset 3", append([]byte("ab"), long...), false},
		{"beyond the end", "oversize_length 1, absolute_offset 300", []byte("ab"), false},
		{"deep", "bitstring_overflow", append(bytes.Repeat([]byte{0x30, 0x80}, 60), 3, 1, 1), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, faults := compileText("alert udp any any -> any any (asn1:" + tt.options + "; sid:1;)\n")
			if len(faults) > 0 {
				t.Fatal(faults)
			}
			in := inspectorOf(e)
			in.Inspect(udp(string(tt.payload)), nil, nil)
			if got := len(in.Alerts) == 1; got != tt.want {
				t.Errorf("match %v, want %v", got, tt.want)
			}
		})
	}
}

func TestASN1Relative(t *testing.T) {
	e, faults := compileText(`alert udp any any -> any any (content:"|03 01|"; asn1:bitstring_overflow, relative_offset -2; sid:1;)` + "\n")
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	in := inspectorOf(e)
	if in.Inspect(udp("zz\x03\x01\x05"), nil, nil); len(in.Alerts) != 1 {
		t.Error("the element before the end of the content does not match")
	}
	if in.Inspect(udp("zz\x03\x01\x00"), nil, nil); len(in.Alerts) != 0 {
		t.Error("an empty bit string matches")
	}
}

func FuzzASN1(f *testing.F) {
	f.Add([]byte{0x30, 0x80, 3, 2, 9, 0xff, 0, 0})
	f.Add([]byte{0x3f, 0xff, 0x7f, 0x84, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		a := asn1Check{oversize: 100, bits: true, double: true}
		a.found(b)
		if e, ok := readElement(b); ok && e.head+e.size > len(b) {
			t.Errorf("element of %d + %d bytes in %d", e.head, e.size, len(b))
		}
	})
}
