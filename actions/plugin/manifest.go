package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Manifest is a plugin's JSON file.
type Manifest struct {
	Name        string  `json:"name"`
	Author      string  `json:"author"`
	Textkey     string  `json:"textkey"` // its name in policies: lower case, digits, _ and .
	Description string  `json:"description"`
	Command     Command `json:"command"`
	Shell       bool    `json:"shell,omitempty"`    // run the command by /bin/sh -c
	Protocol    string  `json:"protocol,omitempty"` // "json": it reads and answers JSON; "text" (default): its output is text
	User        string  `json:"user,omitempty"`     // who runs it; empty: the configured user
	// MaxRuntime is how long it may run; MaxFrequency is the time that must lie between two runs; WallAnnounceDelay
	// makes picket announce the run with a wall message and wait so long before it.
	MaxRuntime        Seconds           `json:"max_runtime,omitempty"`
	MaxFrequency      Seconds           `json:"max_frequency,omitempty"`
	WallAnnounceDelay Seconds           `json:"wall_announce_delay,omitempty"`
	SudoRequirements  []string          `json:"sudo_requirements,omitempty"` // full command lines that it runs by sudo
	Memory            uint64            `json:"memory_mib,omitempty"`        // of address space; 0: 512
	Files             uint64            `json:"open_files,omitempty"`        // 0: 64
	Processes         uint64            `json:"processes,omitempty"`         // of its user, all in all; 0: 256
	Environment       map[string]string `json:"environment,omitempty"`

	dir  string // where the file is: the working directory
	path string
}

// Runtime is how long the plugin may run.
func (m *Manifest) Runtime() time.Duration {
	if m.MaxRuntime > 0 {
		return time.Duration(m.MaxRuntime)
	}
	return defaultRuntime
}

// Command is a list of words, or a string of words divided by spaces ("" quotes nothing: use a list for odd names).
type Command []string

// UnmarshalJSON takes both forms.
func (c *Command) UnmarshalJSON(b []byte) error {
	var line string
	if json.Unmarshal(b, &line) == nil {
		*c = strings.Fields(line)
		return nil
	}
	return json.Unmarshal(b, (*[]string)(c))
}

// Seconds is a time span, as a number of seconds or as "30s", "5m".
type Seconds time.Duration

// UnmarshalJSON takes both forms.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	var n float64
	if json.Unmarshal(b, &n) == nil {
		if n < 0 || n > 365*24*3600 {
			return fmt.Errorf("%g seconds are no time span", n)
		}
		*s = Seconds(n * float64(time.Second))
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return errors.New("a time span is a number of seconds or text such as \"30s\"")
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not a time span (write 30s, 5m, 1h)", text)
	}
	*s = Seconds(d)
	return nil
}

// MarshalJSON writes seconds.
func (s Seconds) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

const (
	maxManifest    = 256 << 10
	defaultRuntime = time.Minute
	maxRuntime     = time.Hour
	maxAnnounce    = time.Hour
	defaultMemory  = 512 // MiB
	defaultFiles   = 64
	defaultProcs   = 256
	maxPlugins     = 1024
)

// textkey is what a plugin may be called.
var textkey = regexp.MustCompile(`^[a-z0-9_.]{1,128}$`)

// Read reads and checks one plugin's file. The error holds every fault, each with the file's name.
func Read(path string) (*Manifest, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read plugin: %w", err)
	}
	return parse(path, text)
}

func parse(path string, text []byte) (*Manifest, error) {
	if len(text) > maxManifest {
		return nil, fmt.Errorf("read plugin %s: %d bytes are no manifest (at most %d)", path, len(text), maxManifest)
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("read plugin %s: %w", path, err)
	}
	m := &Manifest{path: path, dir: filepath.Dir(whole)}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("read plugin %s%s: %w", path, place(text, d.InputOffset(), err), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read plugin %s%s: something follows the plugin's object", path, place(text, d.InputOffset(), nil))
	}
	return m, m.check()
}

// place is ":line:column" of a fault.
func place(text []byte, at int64, err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind):
		at = kind.Offset
	}
	before := text[:min(int(at), len(text))]
	line := bytes.Count(before, []byte{'\n'}) + 1
	return fmt.Sprintf(":%d:%d", line, len(before)-bytes.LastIndexByte(before, '\n'))
}

// check finds what is wrong with values of the right kind.
func (m *Manifest) check() error {
	var faults []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("plugin %s: "+format, append([]any{m.path}, args...)...))
		}
	}
	wrong(m.Name == "", "name is missing")
	wrong(!textkey.MatchString(m.Textkey), "textkey %q: lower case letters, digits, _ and . are wanted, at most 128", m.Textkey)
	wrong(len(m.Command) == 0, "command is missing")
	wrong(m.Protocol != "" && m.Protocol != "text" && m.Protocol != "json", "protocol %q is neither text nor json", m.Protocol)
	wrong(time.Duration(m.MaxRuntime) > maxRuntime, "max_runtime is more than %s", maxRuntime)
	wrong(time.Duration(m.WallAnnounceDelay) > maxAnnounce, "wall_announce_delay is more than %s", maxAnnounce)
	for _, line := range m.SudoRequirements {
		wrong(!strings.HasPrefix(line, "/"), "sudo_requirements: %q is no full command line: it begins with the program's whole path", line)
	}
	if len(m.Command) > 0 && !m.Shell {
		_, err := m.program()
		wrong(err != nil, "%v", err)
	}
	return errors.Join(faults...)
}

// program finds the command's file: a name with a slash is looked up from the plugin's folder.
func (m *Manifest) program() (string, error) {
	name := m.Command[0]
	if !strings.Contains(name, "/") {
		for _, dir := range strings.Split(searchPath, ":") {
			if path := filepath.Join(dir, name); executable(path) == nil {
				return path, nil
			}
		}
		return "", fmt.Errorf("command %q is not found in %s", name, searchPath)
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(m.dir, name)
	}
	return name, executable(name)
}

func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("command: %w", err)
	}
	if info.IsDir() || info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("command %s is not executable (chmod +x)", path)
	}
	return nil
}

// searchPath is the plugins' PATH, whatever picket's own is.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Load reads all plugins of a folder: *.json in it and in each folder of it. Plugins with faults are left
// out and told in faults; of two with one textkey the later is.
func Load(dir string) (list []*Manifest, faults []error) {
	files, _ := filepath.Glob(filepath.Join(dir, "*.json")) // the pattern is right
	folders, _ := filepath.Glob(filepath.Join(dir, "[^.]*", "*.json"))
	seen := map[string]string{}
	for _, path := range append(files, folders...) {
		if len(list) == maxPlugins {
			return list, append(faults, fmt.Errorf("read plugins: %s holds more than %d", dir, maxPlugins))
		}
		m, err := Read(path)
		switch {
		case err != nil:
			faults = append(faults, err)
		case seen[m.Textkey] != "":
			faults = append(faults, fmt.Errorf("plugin %s: textkey %s is taken by %s", path, m.Textkey, seen[m.Textkey]))
		default:
			seen[m.Textkey] = path
			list = append(list, m)
		}
	}
	return list, faults
}
