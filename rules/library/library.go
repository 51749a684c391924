// Package library is our own rules for the logs of common services, one file a service, each with sample lines: hits,
// which must be found with the right address, and misses, which must not. The test insists on both, and that every
// expression has a hit.
//
// They are meant for hosts without fail2ban, and they are the pattern for an administrator's own (docs/configuration.md). The
// addresses are taken from where the format puts them: what a client can write
// (user names, requests) never decides whose address is read.
package library

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/goccy/go-yaml"
)

//go:embed *.yaml
var files embed.FS

// Rules returns the shipped rules in the order of their names.
func Rules() ([]Rule, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, err
	}
	var all []Rule
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		r, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// maxRule bounds a rule file in bytes.
const maxRule = 1 << 20

// Parse reads a rule. Unknown keys are faults.
func Parse(text []byte) (r Rule, err error) {
	defer func() { // goccy/go-yaml v1.18.0 panics at a tag without a value (testdata/fuzz holds one)
		if recover() != nil {
			err = fmt.Errorf("read rule: the YAML can't be read (is there a tag, such as !x, without a value?)")
		}
	}()
	if len(text) > maxRule {
		return r, fmt.Errorf("read rule: %d bytes (at most %d)", len(text), maxRule)
	}
	if err := yaml.UnmarshalWithOptions(text, &r, yaml.Strict()); err != nil {
		return r, fmt.Errorf("read rule: %w", err)
	}
	return r, nil
}
