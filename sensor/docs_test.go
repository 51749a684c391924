package sensor_test

import (
	"encoding"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"picket/sensor"
)

// manuals are where keys are explained: those of a section in the file named here, all others in configuration.md.
var manuals = map[string]string{"policies": "policies.md", "gate": "measures.md", "plugins": "measures.md", "notifications": "measures.md"}

// inWords are defaults that the manual tells in words.
var inWords = map[string]bool{"": true, "all": true, "Suricata's": true, "built in": true}

// documented are the keys of the manual's tables with their defaults: "| `a.b`, `c` | 0, 1 | …" tells of a.b and a.c.
func documented(t *testing.T, file string) map[string]string {
	t.Helper()
	row := regexp.MustCompile("(?m)^\\| (`[a-z][a-zA-Z0-9.`, -]*) \\| ([^|]*) ?\\|")
	keys := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(manual(t, file), -1) {
		names := strings.Split(strings.ReplaceAll(m[1], "`", ""), ", ")
		defaults := []string{strings.Trim(m[2], "` ")}
		if len(names) > 1 {
			defaults = strings.Split(defaults[0], ", ")
		}
		above := names[0][:strings.LastIndex(names[0], ".")+1]
		for i, name := range names {
			if !strings.Contains(name, ".") {
				name = above + name
			}
			keys[name] = ""
			if i < len(defaults) {
				keys[name] = defaults[i]
			}
		}
	}
	return keys
}

func manual(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// eachKey calls fixed for the keys of the configuration that stand at one place, and repeated for those that stand in
// each entry of a list or of a map.
func eachKey(at reflect.Type, path string, fixed, repeated func(path string)) {
	for i := range at.NumField() {
		f := at.Field(i)
		name := f.Tag.Get("yaml")
		if name == "" {
			continue
		}
		inner, here, entries := f.Type, strings.TrimPrefix(path+"."+name, "."), fixed
		for kind := inner.Kind(); kind == reflect.Pointer || kind == reflect.Slice || kind == reflect.Map; kind = inner.Kind() {
			if kind != reflect.Pointer {
				entries = repeated
			}
			inner = inner.Elem()
		}
		_, text := reflect.New(inner).Interface().(encoding.TextUnmarshaler)
		if inner.Kind() == reflect.Struct && !text {
			eachKey(inner, here, entries, repeated)
			if inner == f.Type {
				continue // its keys are documented
			}
		}
		fixed(here)
	}
}

// TestEveryKeyIsDocumented: each key is in the manual, and what stands there as its default is.
func TestEveryKeyIsDocumented(t *testing.T) {
	all := documented(t, "configuration.md")
	for key, otherwise := range documented(t, "measures.md") {
		if section, _, _ := strings.Cut(key, "."); manuals[section] == "measures.md" {
			all[key] = otherwise
		}
	}
	known := map[string]bool{}
	eachKey(reflect.TypeFor[sensor.Config](), "", func(key string) {
		known[key] = true
		section, _, _ := strings.Cut(key, ".")
		if file := manuals[section]; file != "" && strings.Contains(manual(t, file), last(key)) {
			return // in a text, or in an example that a test loads
		}
		if _, ok := all[key]; !ok {
			t.Errorf("key %s is in no table of docs/configuration.md", key)
		}
	}, func(key string) {
		section, _, _ := strings.Cut(key, ".")
		file := manuals[section]
		if file == "" {
			file = "configuration.md"
		}
		word := regexp.MustCompile("\\b" + regexp.QuoteMeta(last(key)) + "(`|:)")
		if !word.MatchString(manual(t, file)) {
			t.Errorf("key %s is not in docs/%s", key, file)
		}
	})
	untouched := sensor.Default().Text()
	for key, otherwise := range all {
		if known[key] && !inWords[otherwise] {
			checkDefault(t, key, otherwise, untouched)
		}
		if section, _, _ := strings.Cut(key, "."); !known[key] && !strings.Contains(key, "NAME") && section != key {
			t.Errorf("docs tell of %s, which is no key", key)
		}
	}
}

// TestExamplesOfTheManualsAreRead: each YAML text in the README and in docs/ is a configuration that loads,
// or a rule whose samples hold.
func TestExamplesOfTheManualsAreRead(t *testing.T) {
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	for _, file := range []string{"../README.md", "configuration.md", "measures.md", "policies.md"} {
		for _, m := range block.FindAllStringSubmatch(manual(t, file), -1) {
			if strings.HasPrefix(m[1], "name: ") { // a rule for logs, with its samples
				if r, err := checked(t, "logs: {rules: [DIR/rule]}", map[string]string{"rule": m[1]}); err != nil || r.Err() != nil {
					t.Errorf("%s: %v %v\n%s", file, err, r.Err(), m[1])
				}
				continue
			}
			if _, err := sensor.ParseConfig(file, []byte(m[1])); err != nil {
				t.Errorf("%s: %v\n%s", file, err, m[1])
			}
		}
	}
}

func last(key string) string { return key[strings.LastIndex(key, ".")+1:] }

// checkDefault says of a key what the manual says it is without: nothing may change.
func checkDefault(t *testing.T, key, value, untouched string) {
	t.Helper()
	words := strings.Split(key, ".")
	text := strings.Join(words, ": {") + ": " + value + strings.Repeat("}", len(words)-1) + "\n"
	c, err := sensor.ParseConfig("manual.yaml", []byte(text))
	if err != nil {
		t.Errorf("the manual's default of %s: %v", key, err)
		return
	}
	if got := c.Text(); got != untouched {
		t.Errorf("%s is not the default of %s", value, key)
	}
}
