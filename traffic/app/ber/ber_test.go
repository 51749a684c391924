package ber

import "testing"

func TestReader(t *testing.T) {
	b := []byte("\x30\x0c\x02\x02\xff\x01\x04\x02ab\x01\x01\xff\x05")
	if n, err := Size(b); n != 14 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := Size(b[:3]); n != 14 || err != ErrShort {
		t.Fatal(n, err)
	}
	r := New(b)
	in := r.Enter(Universal, Sequence)
	if in.Int() != -255 || string(in.Octets()) != "ab" || !in.Bool() || in.Failed() || !in.More() {
		t.Error("wrong element")
	}
	if in.Octets(); !in.Failed() || in.More() {
		t.Error("half an element was read")
	}
	if _, err := Size([]byte("\x30\x80")); err != ErrMalformed {
		t.Error("an indefinite length was accepted")
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("\x30\x0c\x02\x02\xff\x01\x04\x02ab\x01\x01\xff\x05"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := Size(b); err == nil && n > len(b) {
			t.Fatal(n)
		}
		r := New(b)
		for r.More() {
			r.Peek()
			r.Next()
		}
	})
}
