// Package library holds picket's own rules: few, careful, low in noise, in the rule language that everybody reads.
//
// Signature identifiers begin at 9000001. Each file is one subject.
package library

import (
	"embed"
	"io"
)

//go:embed *.rules
var files embed.FS

// Each hands every rules file over, by name.
func Each(read func(in io.Reader, name string)) {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // embedded: can't happen
	}
	for _, e := range entries {
		f, err := files.Open(e.Name())
		if err != nil {
			panic(err)
		}
		read(f, "library/"+e.Name())
		f.Close()
	}
}
