package dataset

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestKinds(t *testing.T) {
	for _, tt := range []struct {
		kind       Kind
		text       string
		in, absent []byte
	}{
		{String, "dGVzdA==\n# comment\n\n", []byte("test"), []byte("dGVzdA==")},
		{MD5, "098f6bcd4621d373cade4e832627b4f6\n", []byte("\x09\x8f\x6b\xcd\x46\x21\xd3\x73\xca\xde\x4e\x83\x26\x27\xb4\xf6"), []byte("test")},
		{IPv4, "192.0.2.1\n", []byte{192, 0, 2, 1}, []byte{192, 0, 2, 2}},
		{IP, "192.0.2.1\n2001:db8::1\n", []byte{192, 0, 2, 1}, make([]byte, 16)},
	} {
		s, err := New(Spec{Kind: tt.kind}, []byte(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		if !s.Has(tt.in) || s.Has(tt.absent) {
			t.Errorf("kind %d: has %v %v, want true false", tt.kind, s.Has(tt.in), s.Has(tt.absent))
		}
		var out bytes.Buffer
		if err := s.Write(&out); err != nil {
			t.Fatal(err)
		}
		if again, err := New(Spec{Kind: tt.kind}, out.Bytes()); err != nil || !again.Has(tt.in) {
			t.Errorf("kind %d: what was written can't be read: %v", tt.kind, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		spec Spec
		text string
	}{
		{Spec{Kind: String}, "%%%\n"},
		{Spec{Kind: MD5}, "098f\n"},
		{Spec{Kind: IPv4}, "2001:db8::1\n"},
		{Spec{Kind: String}, "dGVzdA==,5\n"},
		{Spec{Kind: String, Reputation: true}, "dGVzdA==\n"},
		{Spec{Kind: String, Reputation: true}, "dGVzdA==,65536\n"},
		{Spec{Kind: String, JSON: JSON{Format: "json", ValueKey: "a"}}, `[{"a":1}]`},
		{Spec{Kind: String, JSON: JSON{Format: "json", ValueKey: "a"}}, `{"a":"x"}`},
	} {
		if _, err := New(tt.spec, []byte(tt.text)); err == nil {
			t.Errorf("%q was read", tt.text)
		}
	}
	if _, err := New(Spec{Kind: String, Memcap: 104064, HashSize: 1}, []byte("dGVzdA==\n")); !errors.Is(err, ErrMemcap) {
		t.Errorf("got %v, want %v", err, ErrMemcap)
	}
}

func TestJSON(t *testing.T) {
	const text = `{"list": [{"who": {"name": "x"}, "n": 1}]}`
	s, err := New(Spec{Kind: String, JSON: JSON{Format: "json", ValueKey: "who.name", ArrayKey: "list"}}, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := s.Context([]byte("x")); !ok || string(got) != `{"who":{"name":"x"},"n":1}` {
		t.Errorf("context %s", got)
	}
	s, err = New(Spec{Kind: String, JSON: JSON{Format: "ndjson", ValueKey: "who.name", RemoveKey: true}}, []byte(`{"who":{"name":"x"},"n":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := s.Context([]byte("x")); string(got) != `{"n":1,"who":{}}` {
		t.Errorf("context %s", got)
	}
}

func TestAddIsBounded(t *testing.T) {
	s, _ := New(Spec{Kind: String, Memcap: 200 << 10, HashSize: 1}, nil)
	if !s.Add([]byte("a")) || s.Add([]byte("a")) || !s.Remove([]byte("a")) || s.Remove([]byte("a")) {
		t.Error("add and remove must tell whether something changed")
	}
	for i := range 1000 {
		s.Add([]byte(strings.Repeat("x", 1000+i)))
	}
	if s.Refused() == 0 || s.used(0) > s.Memcap {
		t.Errorf("%d refused, %d of %d bytes used", s.Refused(), s.used(0), s.Memcap)
	}
}
