package dates

import (
	"unicode"
	"unicode/utf8"

	"picket/signatures/pcre"
)

// Places are compared from line to line in characters, as fail2ban does, and used in bytes.

// characters returns how many characters lie before a byte offset.
func characters(line []byte, offset int) int {
	if head := line[:offset]; !pcre.IsASCII(head) {
		return utf8.RuneCount(head)
	}
	return offset
}

// offset returns where in a line so many characters end, in bytes; beyond its end if it has fewer.
func offset(line []byte, characters int) int {
	if characters > len(line) || pcre.IsASCII(line[:characters]) {
		return characters
	}
	at := 0
	for ; characters > 0 && at < len(line); characters-- {
		_, size := utf8.DecodeRune(line[at:])
		at += size
	}
	return at + characters
}

// charAt returns the character at an offset, none where there is no such place.
func charAt(line []byte, offset int) rune {
	if offset < 0 || offset >= len(line) {
		return none
	}
	r, _ := utf8.DecodeRune(line[offset:])
	return r
}

// charBefore returns the character that ends at an offset, none where there is no such place.
func charBefore(line []byte, offset int) rune {
	if offset <= 0 || offset > len(line) {
		return none
	}
	r, _ := utf8.DecodeLastRune(line[:offset])
	return r
}

// isWord tells whether Python calls a character alphanumeric.
func isWord(r rune) bool { return r >= 0 && (unicode.IsLetter(r) || unicode.IsNumber(r)) }
