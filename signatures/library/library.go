// Package library holds picket's own rules: few, low in noise, useful without any rule source.
//
// Their sids begin at 9000001; each file is one subject. It imports nothing of ours; package signatures compiles them.
package library

import (
	"embed"
	"io"
)

// Rules are the *.rules files.
//
//go:embed *.rules
var Rules embed.FS

// Each hands every rules file over, by name.
func Each(read func(in io.Reader, name string)) {
	entries, err := Rules.ReadDir(".")
	if err != nil {
		panic(err) // embedded: can't happen
	}
	for _, e := range entries {
		f, err := Rules.Open(e.Name())
		if err != nil {
			panic(err)
		}
		read(f, "library/"+e.Name())
		f.Close()
	}
}
