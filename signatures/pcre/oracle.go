//go:build pcre2test

package pcre

// The system's PCRE2 as the oracle of oracle_test.go, which cannot use cgo itself. It needs gcc and libpcre2-8.so.0, no headers:
//
//	go test -tags pcre2test ./signatures/pcre

/*
#cgo LDFLAGS: -l:libpcre2-8.so.0
#include <stddef.h>
#include <stdint.h>
void *pcre2_compile_8(const void *, size_t, uint32_t, int *, size_t *, void *);
void *pcre2_match_data_create_from_pattern_8(void *, void *);
void *pcre2_match_context_create_8(void *);
int pcre2_set_match_limit_8(void *, uint32_t);
int pcre2_match_8(void *, const void *, size_t, size_t, uint32_t, void *, void *);
int pcre2_get_error_message_8(int, void *, size_t);
size_t *pcre2_get_ovector_pointer_8(void *);
void pcre2_code_free_8(void *);
void pcre2_match_data_free_8(void *);
void pcre2_match_context_free_8(void *);
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// pcre2Flags are PCRE2's bits for ours, from pcre2.h.
var pcre2Flags = map[Flags]C.uint32_t{
	Caseless: 0x8, DollarEndOnly: 0x10, DotAll: 0x20, Extended: 0x80, Multiline: 0x400, Ungreedy: 0x40000, Anchored: 0x80000000,
}

type oracle struct{ code, data, context unsafe.Pointer }

func newOracle(pattern string, flags Flags) (*oracle, error) {
	var opts C.uint32_t
	for f, bit := range pcre2Flags {
		if flags&f != 0 {
			opts |= bit
		}
	}
	var code C.int
	var offset C.size_t
	text := []byte(pattern + "\x00")
	re := C.pcre2_compile_8(unsafe.Pointer(&text[0]), C.size_t(len(pattern)), opts, &code, &offset, nil)
	if re == nil {
		var message [200]byte
		C.pcre2_get_error_message_8(code, unsafe.Pointer(&message[0]), C.size_t(len(message)))
		return nil, fmt.Errorf("%s at %d", C.GoString((*C.char)(unsafe.Pointer(&message[0]))), offset)
	}
	o := &oracle{re, C.pcre2_match_data_create_from_pattern_8(re, nil), C.pcre2_match_context_create_8(nil)}
	C.pcre2_set_match_limit_8(o.context, 300_000)
	return o, nil
}

// match returns the spans of the match and its groups; nil for none. known is false at PCRE2's own limit.
func (o *oracle) match(subject []byte, start int) (spans [][2]int, known bool) {
	b := append(subject[:len(subject):len(subject)], 0)
	rc := C.pcre2_match_8(o.code, unsafe.Pointer(&b[0]), C.size_t(len(subject)), C.size_t(start), 0, o.data, o.context)
	if rc < 0 {
		return nil, rc == -1
	}
	v := unsafe.Slice(C.pcre2_get_ovector_pointer_8(o.data), 2*rc)
	for i := 0; i < len(v); i += 2 {
		spans = append(spans, [2]int{int(v[i]), int(v[i+1])})
	}
	return spans, true
}

func (o *oracle) close() {
	C.pcre2_match_context_free_8(o.context)
	C.pcre2_match_data_free_8(o.data)
	C.pcre2_code_free_8(o.code)
}
