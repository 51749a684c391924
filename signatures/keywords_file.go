package signatures

import (
	"errors"
	"fmt"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
)

// fileProtos are the protocols whose transactions carry files.
var fileProtos = []app.Proto{app.HTTP1, app.HTTP2, app.DoH2, app.SMTP, app.FTPData, app.SMB, app.NFS}

// fileKeywords look at files that transactions carry (docs.suricata.io, "File Keywords").
func fileKeywords() []Keyword {
	return []Keyword{
		buffer(Buffer{Name: "file.name", Aliases: []string{"file_name"}, Points: ofFile(
			func(f *app.File) []byte { return f.Name },
			filePoints(func(v *view, i int) ([]byte, bool) {
				f, ok := file(v, i)
				if !ok {
					return nil, false
				}
				return f.Name, true
			}),
		)}),
		{Name: "filename", Parse: fileContent("file.name", false)},
		{Name: "fileext", Parse: fileContent("file.name", true)},
		{Name: "filesize", Parse: parseFilesize},
		{Name: "filestore", Arg: Optional, Parse: parseFilestore},
		{Name: "filemagic", Parse: errUnsupported("filemagic (libmagic's texts: test file.data with content instead)")},
		{Name: "file.magic", Parse: errUnsupported("file.magic (libmagic's texts: test file.data with content instead)"), Arg: Optional},
		{Name: "filemd5", Parse: fileHash("filemd5", 16, func(f *app.File) []byte { return hashSum(f.MD5) })},
		{Name: "filesha1", Parse: fileHash("filesha1", 20, func(f *app.File) []byte { return hashSum(f.SHA1) })},
		{Name: "filesha256", Parse: fileHash("filesha256", 32, func(f *app.File) []byte { return hashSum(f.SHA256) })},
	}
}

// filePoints are the points of something that is asked of each file.
func filePoints(get func(v *view, i int) ([]byte, bool)) []Point {
	var points []Point
	for _, dir := range [...]app.Direction{app.ToServer, app.ToClient} {
		points = append(points, late(each(dir, 0, get, fileProtos...))...)
	}
	return points
}

// file returns the i-th file of the direction.
func file(v *view, i int) (*app.File, bool) {
	files := v.Tx.Files[v.Dir]
	if i >= len(files) {
		return nil, false
	}
	return files[i], true
}

// testFile adds a condition that one of the transaction's files must meet.
func (b *builder) testFile(name string, t func(f *app.File) bool) error {
	points := late(append(when(app.ToServer, 0, fileProtos...), when(app.ToClient, 0, fileProtos...)...))
	err := b.testTx(name, points, func(v *view) bool {
		for i := 0; ; i++ {
			f, ok := file(v, i)
			if !ok || t(f) {
				return ok
			}
		}
	})
	if err == nil {
		b.Signature.tx[len(b.Signature.tx)-1].file = t
	}
	return err
}

// ofFile adds to points how to get the buffer of one file.
func ofFile(get func(f *app.File) []byte, points []Point) []Point {
	for i := range points {
		if points[i].Each != nil {
			points[i].File = get
		}
	}
	return points
}

// fileContent reads the older filename and fileext: a content in the name; ext: at its end, behind a dot.
func fileContent(buf string, ext bool) func(*builder, string) error {
	return func(b *builder, arg string) error {
		parsed, err := language.ParseContent(arg)
		if err != nil {
			return err
		}
		c := &content{bytes: parsed.Bytes, negated: parsed.Negated, nocase: true, endsWith: ext}
		if ext {
			c.bytes = append([]byte{'.'}, c.bytes...)
		}
		for i, x := range c.bytes {
			c.bytes[i] = lower(x)
		}
		target := b.look.buffers[buf]
		if err := b.limitTo("filename", target.Points); err != nil {
			return err
		}
		b.ipOnly = false
		l := b.listOf(target)
		l.items = append(l.items, &placed{item: c, content: c})
		return nil
	}
}

func parseFilesize(b *builder, arg string) error {
	n, err := language.ParseNumber(arg, 64)
	if err != nil {
		return err
	}
	return b.testFile("filesize", func(f *app.File) bool {
		if f.State == app.FileClosed {
			return n.Match(f.Size)
		}
		// what is still open or was cut has at least this size
		return (n.Op == language.Greater || n.Op == language.GreaterEqual) && n.Match(f.Size)
	})
}

// filestoreWords are filestore's options: sides, and how much is stored, of which we store what is there.
var filestoreWords = map[string]dirMask{
	"request": dirServer, "to_server": dirServer, "response": dirClient, "to_client": dirClient, "both": dirBoth,
	"file": 0, "tx": 0, "ssn": 0, "flow": 0,
}

func parseFilestore(b *builder, arg string) error {
	sides := dirMask(0) // 0: the one that matches
	for i, a := range language.SplitArgs(arg) {
		side, known := filestoreWords[strings.ToLower(a)]
		if !known || i > 1 {
			return fmt.Errorf("unknown option %q", a)
		}
		sides |= side
	}
	b.fileStore = true
	if err := b.after(func(v *view) {
		if v.Tx == nil {
			return
		}
		for dir, files := range v.Tx.Files {
			if sides&(1<<dir) == 0 && (sides != 0 || app.Direction(dir) != v.Dir) {
				continue
			}
			if t := httpTx(v); t != nil {
				t.Store(app.Direction(dir))
			}
			for _, f := range files {
				f.Stored = true
			}
		}
	}); err != nil {
		return err
	}
	return b.testFile("filestore", func(f *app.File) bool { return true })
}

type summer interface{ Sum([]byte) []byte }

func hashSum(h summer) []byte {
	if h == nil {
		return nil
	}
	return h.Sum(nil)
}

// fileHash reads a list of hashes from a file: one in hexadecimal at the begin of each line.
func fileHash(name string, size int, get func(*app.File) []byte) func(*builder, string) error {
	return func(b *builder, arg string) error {
		path, negated := strings.CutPrefix(arg, "!")
		if b.opt.ReadFile == nil {
			return errors.New("no lists can be read here")
		}
		text, err := b.opt.ReadFile(strings.TrimSpace(path))
		if err != nil {
			return err
		}
		set, err := readHashes(text, size)
		if err != nil {
			return err
		}
		b.needSum(size)
		return b.testFile(name, func(f *app.File) bool {
			if f.State != app.FileClosed {
				return false
			}
			sum := get(f)
			return sum != nil && set[string(sum)] != negated
		})
	}
}

// needSum notes which sum a rule compares, by its length in bytes.
func (b *builder) needSum(size int) {
	switch size {
	case 16:
		b.sums |= sumMD5
	case 20:
		b.sums |= sumSHA1
	case 32:
		b.sums |= sumSHA256
	}
}

// fileSum is a set of hash functions.
type fileSum uint8

const (
	sumMD5 fileSum = 1 << iota
	sumSHA1
	sumSHA256
)
