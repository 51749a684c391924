package smtp

import "bytes"

// Bounds of the search for URLs in one mail.
const (
	maxURLs    = 512
	maxURL     = 2048
	maxURLLine = 8192 // bytes of decoded text that wait for their line's end
)

// urls finds URLs in decoded text, which comes in pieces that need not end with a line.
type urls struct {
	set  *settings
	line []byte
	list [][]byte
}

// feed takes the next piece of a text. What stands behind its last line end waits for more.
func (u *urls) feed(text []byte) {
	if u.set.noURLs || len(text) == 0 {
		return
	}
	end := bytes.LastIndexByte(text, '\n') + 1
	if end > 0 {
		u.line = append(u.line, text[:end]...)
		u.flush()
	}
	u.line = append(u.line, text[end:]...)
	if len(u.line) > maxURLLine {
		u.flush()
	}
}

// flush searches what waits: the text ends here.
func (u *urls) flush() {
	for _, scheme := range u.set.schemes {
		u.search(u.line, []byte(scheme))
	}
	u.line = u.line[:0]
}

func (u *urls) search(text, scheme []byte) {
	for len(u.list) < maxURLs {
		at := indexFold(text, scheme)
		if at < 0 {
			return
		}
		url := text[at:]
		if end := bytes.IndexAny(url, " \t\r\n\"'<>]"); end >= 0 {
			url = url[:end]
		}
		text = text[at+len(url):]
		if !u.set.urlScheme {
			url = url[len(scheme):]
		}
		u.list = append(u.list, bytes.Clone(url[:min(len(url), maxURL)]))
	}
}

// indexFold is bytes.Index for a needle in lower case, whatever the case of the text.
func indexFold(text, needle []byte) int {
	for from := 0; ; {
		// A scheme's colon is found faster than letters in either case.
		i := bytes.IndexByte(text[from:], ':')
		if i < 0 {
			return -1
		}
		begin := from + i - (len(needle) - len("://"))
		if begin >= 0 && is(text[begin:], string(needle)) {
			return begin
		}
		from += i + 1
	}
}
