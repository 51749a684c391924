//go:build ignore

// Command pairs_gen writes pairs.bin, the byte-pair model of package search, from the Go distribution itself:
// sources, HTML, certificates, images and one ELF binary. It holds text, headers, protocols and zero runs in a mix that
// is close enough: training on half of the very traffic that was measured brought no more (../shared/matching.md §2.5).
//
//	go run pairs_gen.go $(go env GOROOT)
package main

import (
	"io/fs"
	"log"
	"math"
	"os"
	"path/filepath"
)

const perFile = 64 << 10 // no single file dominates

func fold(c byte) byte { return c | c&0x40>>1 }

func main() {
	var pairs [256][256]float64
	var bytes [256]float64
	count := func(path string) {
		b, err := os.ReadFile(path)
		if err != nil {
			return
		}
		b = b[:min(len(b), perFile)]
		for i, c := range b {
			bytes[fold(c)]++
			if i > 0 {
				pairs[fold(b[i-1])][fold(c)]++
			}
		}
	}
	files := map[string]int{}
	_ = filepath.WalkDir(os.Args[1], func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		ext := filepath.Ext(path)
		if files[ext]++; files[ext] <= 400 { // Go source would drown the rest
			count(path)
		}
		return nil
	})
	bits := func(n, of, classes float64) byte { // -log2 of the smoothed share, in eighths of a bit
		return byte(min(255, math.Round(-8*math.Log2((n+0.5)/(of+0.5*classes)))))
	}
	total := 0.0
	for _, n := range bytes {
		total += n
	}
	out := make([]byte, 0, 257*256)
	for c := range 256 {
		out = append(out, bits(bytes[c], total, 192))
	}
	for a := range 256 {
		row := 0.0
		for _, n := range pairs[a] {
			row += n
		}
		for b := range 256 {
			out = append(out, bits(pairs[a][b], row, 192))
		}
	}
	if err := os.WriteFile("pairs.bin", out, 0o644); err != nil {
		log.Fatal(err)
	}
}
