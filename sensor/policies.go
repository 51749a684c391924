package sensor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"picket/actions/measure"
	"picket/actions/policy"
	"picket/incidents"
	"picket/sensor/strict"
)

const (
	maxPolicyFile  = 4 << 20 // bytes
	maxPolicyFiles = 1000
)

// policySource is one place where policies are written, and how its faults are told.
type policySource struct {
	policy.Source
	path   string
	prefix string // of its keys
	places strict.Places
}

// policySources are the policies of bans.policies, those of the section policies, and those of the files that it names.
func (c *Config) policySources() ([]policySource, strict.Faults) {
	list := []policySource{
		{Source: policy.Source{Name: "bans.policies", Config: &policy.Config{List: c.Bans.asPolicies()}}, path: c.path, prefix: "bans.policies"},
		{Source: policy.Source{Name: "policies", Config: &c.Policies}, path: c.path, prefix: "policies.", places: c.places},
	}
	var faults strict.Faults
	for i, pattern := range c.Policies.Files {
		paths, err := filepath.Glob(c.beside(pattern))
		if err != nil || len(paths) > maxPolicyFiles {
			faults = append(faults, c.places.Fault(c.path, fmt.Sprintf("policies.files[%d]", i),
				fmt.Sprintf("%q is no file name pattern, or names more than %d files", pattern, maxPolicyFiles), "[ and ] must match"))
			continue
		}
		for _, path := range paths {
			src, f := readPolicies(path)
			list, faults = append(list, src), append(faults, f...)
		}
	}
	return list, faults
}

// readPolicies reads one file of policies.
func readPolicies(path string) (policySource, strict.Faults) {
	src := policySource{Source: policy.Source{Name: path, Config: &policy.Config{}}, path: path}
	text, err := readBounded(path, maxPolicyFile)
	if err != nil {
		return src, strict.Faults{{File: path, Cause: err.Error(), Hint: "name regular files in policies.files"}}
	}
	var faults strict.Faults
	src.places, faults = strict.Decode(path, text, src.Config)
	if len(src.Config.Files) > 0 {
		faults = append(faults, strict.Fault{File: path, Key: "files", Cause: "a file of policies names no other files", Hint: "name them in picket's configuration"})
	}
	return src, faults
}

// readBounded reads a regular file that is not too long.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errors.New("it is no regular file"))
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it is longer than %d bytes", most)
	}
	return text, err
}

// asPolicies are the short policies of bans as what they stand for.
func (c *BansConfig) asPolicies() []policy.Policy {
	var list []policy.Policy
	for i := range c.Policies {
		p := &c.Policies[i]
		out := policy.Policy{Name: fmt.Sprintf("bans.policies[%d]", i), Match: policy.Match{Kind: []string{string(incidents.Alert)}, Classtype: p.Classtype}}
		for _, sid := range p.SID {
			out.Match.SID = append(out.Match.SID, strconv.FormatUint(uint64(sid), 10))
		}
		if p.Severity > 0 {
			out.Match.Severity = incidents.OfPriority(int(p.Severity))
		}
		ban := policy.Measure{Do: "ban", For: policy.Span(p.For), With: map[string]string{}}
		for key, bits := range map[string]uint8{"prefix4": p.V4Prefix, "prefix6": p.V6Prefix} {
			if bits > 0 {
				ban.With[key] = strconv.Itoa(int(bits))
			}
		}
		out.Default = []policy.Measure{ban}
		list = append(list, out)
	}
	return list
}

// compilePolicies makes one set of all policies. Faults name the file and the place.
func (c *Config) compilePolicies(doers measure.Doers, memory *policy.Memory) (*policy.Set, strict.Faults) {
	list, faults := c.policySources()
	host, err := os.Hostname()
	if err != nil {
		faults = append(faults, strict.Fault{File: c.path, Key: "policies", Cause: "this host's name, which templates ask for, is not known: " + err.Error()})
	}
	sources := make([]policy.Source, len(list))
	for i := range list {
		sources[i] = list[i].Source
	}
	set, wrong := policy.Compile(sources, policy.Options{Doers: doers, Host: host, Memory: memory, World: policy.ThisHost{}})
	for _, f := range wrong {
		src := &list[f.Source]
		faults = append(faults, src.places.Fault(src.path, src.prefix+f.Key, f.Cause, f.Hint))
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return set, nil
}

// policies checks the policies of a configuration. What could not be read is told already.
func (v *validation) policies() {
	if len(v.c.Policies.List)+len(v.c.Policies.Files)+len(v.c.Policies.Zones)+len(v.c.Policies.Templates) == 0 {
		return
	}
	_, faults := v.c.compilePolicies(v.c.doersToCheck(), policy.NewMemory())
	for _, f := range faults {
		if f.File != v.c.path || !v.told[f.Key] {
			v.faults = append(v.faults, f)
		}
	}
}

// PolicyCheck is what picket policy check tells.
type PolicyCheck struct {
	Policies int               `json:"policies"`
	Unable   map[string]string `json:"unable,omitempty"` // measures that the policies use and this host cannot do, and why
}

// CheckPolicies checks the policies of a configuration, with a file of more of them, or none ("").
func CheckPolicies(c *Config, file string) (PolicyCheck, error) {
	with := *c
	if file != "" {
		abs, err := filepath.Abs(file)
		if err != nil {
			return PolicyCheck{}, err
		}
		if _, err := os.Stat(abs); err != nil {
			return PolicyCheck{}, fmt.Errorf("read policies: %w", err)
		}
		with.Policies.Files = append(append([]string{}, c.Policies.Files...), globQuote(abs))
	}
	doers := with.doersToCheck()
	set, faults := with.compilePolicies(doers, policy.NewMemory())
	if len(faults) > 0 {
		return PolicyCheck{}, faults
	}
	out := PolicyCheck{Policies: set.Len(), Unable: map[string]string{}}
	for name, err := range set.Unable(doers) {
		out.Unable[name] = err.Error()
	}
	return out, nil
}

// globQuote makes a pattern that names one file.
func globQuote(path string) string {
	var out []byte
	for i := range len(path) {
		switch path[i] {
		case '*', '?', '[', '\\':
			out = append(out, '\\')
		}
		out = append(out, path[i])
	}
	return string(out)
}
