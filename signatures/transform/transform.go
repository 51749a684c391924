package transform

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"picket/signatures/pcre"
)

// Transform is one step, with its argument.
type Transform struct {
	id    string
	apply apply
}

// apply appends to dst what src becomes; ok is false if there is nothing to look at.
type apply func(dst, src []byte, sc *Scratch) (out []byte, ok bool)

// Scratch is one worker's memory for transforms. The zero value is ready.
type Scratch struct {
	Matcher *pcre.Matcher // for pcrexform; made at need

	gzip   *gzip.Reader
	zlib   io.ReadCloser
	source bytes.Reader
}

// kinds lists all transforms: what a rule calls them and how their argument becomes an apply.
var kinds = map[string]func(arg string) (apply, error){
	"dotprefix":            plain(dotPrefix),
	"strip_whitespace":     plain(stripWhitespace),
	"compress_whitespace":  plain(compressWhitespace),
	"to_lowercase":         plain(toLower),
	"to_uppercase":         plain(toUpper),
	"to_md5":               plain(toMD5),
	"to_sha1":              plain(toSHA1),
	"to_sha256":            plain(toSHA256),
	"url_decode":           plain(urlDecode),
	"header_lowercase":     plain(headerLower),
	"strip_pseudo_headers": plain(stripPseudoHeaders),
	"domain":               plain(domain),
	"tld":                  plain(tld),
	"xor":                  parseXor,
	"subslice":             parseSubslice,
	"from_base64":          parseBase64,
	"gunzip":               parseGunzip,
	"zlib_deflate":         parseZlib,
	"pcrexform":            parsePcrexform,
	"luaxform": func(string) (apply, error) {
		return nil, errors.New("scripts in Lua are not supported")
	},
}

// Names returns the keywords, in no particular order.
func Names() []string {
	names := make([]string, 0, len(kinds))
	for name := range kinds {
		names = append(names, name)
	}
	return names
}

// Known tells whether a keyword is a transform.
func Known(name string) bool { return kinds[name] != nil }

// Parse reads a transform. The argument comes as the rule has it, quotes removed or not; "" for none.
func Parse(name, arg string) (*Transform, error) {
	parse := kinds[name]
	if parse == nil {
		return nil, fmt.Errorf("%s: no such transform", name)
	}
	arg = strings.TrimSpace(arg)
	if inner, ok := strings.CutPrefix(arg, `"`); ok {
		arg = strings.TrimSuffix(inner, `"`)
	}
	a, err := parse(arg)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Transform{id: name + ":" + arg, apply: a}, nil
}

// ID is the same for transforms that always do the same: their results can be shared.
func (t *Transform) ID() string { return t.id }

// Apply appends to dst what src becomes, and returns it all. An empty src stays empty, whatever the transform. ok is
// false if the transform failed, which no content may match. src and dst must not overlap. It does not allocate once
// dst and the scratch have grown, except once in domain and tld (publicsuffix asks netip whether it is an address).
func (t *Transform) Apply(dst, src []byte, sc *Scratch) (out []byte, ok bool) {
	if len(src) == 0 {
		return dst, true
	}
	return t.apply(dst, src, sc)
}

// plain is for transforms that take no argument and cannot fail.
func plain(f func(dst, src []byte) []byte) func(arg string) (apply, error) {
	return func(arg string) (apply, error) {
		if arg != "" {
			return nil, fmt.Errorf("takes no argument, has %q", arg)
		}
		return func(dst, src []byte, _ *Scratch) ([]byte, bool) { return f(dst, src), true }, nil
	}
}
