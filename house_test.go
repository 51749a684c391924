// Package picket holds the tests of the house itself; the program is in cmd/picket.
package picket

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "picket/"

// floors lists the wings from the ground up. A wing imports only itself and wings on lower floors: material
// knows where it came from, never where it goes.
var floors = [][]string{
	{"capture", "traffic", "watch"},
	{"signatures", "rules", "snmp"},
	{"incidents"},
	{"actions"},
	{"outputs"},
	{"sensor"},
	{"cmd", "bench"},
}

// closed names the doors that the floors alone would leave open, and why.
var closed = map[string]string{
	"signatures -> capture": "a judge sees decoded traffic, never the device it came from",
	"rules -> traffic":      "rules judge what watch and snmp report; packets belong to signatures",
	"outputs -> capture":    "an output tells what happened; it never touches the wire",
}

// doors are imports on one floor that are allowed, and why.
var doors = map[string]string{
	"rules -> signatures/pcre":   "one regular expression engine with a step limit for both judges; it knows nothing of signatures and may move down",
	"rules -> signatures/search": "one search for many literals for both judges; it knows nothing of signatures and may move down",
}

// rooms is the order inside traffic, from the ground up.
var rooms = []string{"packet", "app", "stream", "flow"}

func TestHouse(t *testing.T) {
	floor := map[string]int{}
	for i, wings := range floors {
		for _, w := range wings {
			floor[w] = i
		}
	}
	eachImport(t, func(path, imp string) {
		from, _, _ := strings.Cut(path, "/")
		if _, ok := floor[from]; !ok {
			t.Errorf("%s: wing %q has no floor", path, from)
		}
		to, _, _ := strings.Cut(imp, "/")
		switch why := closed[from+" -> "+to]; {
		case from == to || doors[from+" -> "+imp] != "":
		case why != "":
			t.Errorf("%s imports %s: %s", path, imp, why)
		case floor[to] >= floor[from]:
			t.Errorf("%s imports %s: an arrow must run down", path, imp)
		}
	})
}

func TestTraffic(t *testing.T) {
	level := map[string]int{}
	for i, r := range rooms {
		level[r] = i
	}
	eachImport(t, func(path, imp string) {
		from, inside := strings.CutPrefix(path, "traffic/")
		to, both := strings.CutPrefix(imp, "traffic/")
		from, _, _ = strings.Cut(from, "/")
		to, _, _ = strings.Cut(to, "/")
		if inside && both && from != to && level[to] >= level[from] {
			t.Errorf("%s imports %s: inside traffic the order is %s", path, imp, strings.Join(rooms, ", "))
		}
	})
}

// eachImport calls f for every import of one of our packages; names are without the module.
func eachImport(t *testing.T, f func(path, imp string)) {
	t.Helper()
	eachFile(t, parser.ImportsOnly, func(path string, file *ast.File) {
		for _, spec := range file.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			if to, ours := strings.CutPrefix(name, module); ours {
				f(path, to)
			}
		}
	})
}

// TestEveryPackageIsDocumented insists on a package comment.
func TestEveryPackageIsDocumented(t *testing.T) {
	documented := map[string]bool{}
	eachFile(t, parser.ParseComments|parser.PackageClauseOnly, func(path string, file *ast.File) {
		dir := filepath.Dir(path)
		if !strings.HasSuffix(path, "_test.go") {
			documented[dir] = documented[dir] || file.Doc != nil
		}
	})
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package in %s has no package comment", dir)
		}
	}
}

// TestNoDrawers keeps drawers out of the house: a thing lives with its user or gets a name of its own.
func TestNoDrawers(t *testing.T) {
	drawers := map[string]bool{"utils": true, "util": true, "common": true, "types": true, "helpers": true, "pkg": true, "internal": true}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && drawers[d.Name()] {
			t.Errorf("%s is a drawer", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func eachFile(t *testing.T, mode parser.Mode, f func(path string, file *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || !strings.Contains(path, "/") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, mode)
		if err != nil {
			return err
		}
		f(path, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
