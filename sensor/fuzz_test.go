package sensor_test

import (
	"os"
	"path/filepath"
	"testing"

	"picket/sensor"
	"picket/sensor/strict"
)

// A configuration of any bytes is read or refused with faults that say why; what was read can be printed and read again.
func FuzzConfig(f *testing.F) {
	list, _ := filepath.Glob("testdata/*.yaml")
	for _, file := range list {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := sensor.ParseConfig("fuzz.yaml", text)
		if err != nil {
			if faults, ok := err.(strict.Faults); !ok || len(faults) == 0 || err.Error() == "" {
				t.Fatalf("a refusal without a fault: %#v", err)
			}
			return
		}
		if _, err := sensor.ParseConfig("printed.yaml", []byte(c.Text())); err != nil {
			t.Fatalf("what was read from %q is printed as\n%s\nwhich is refused: %v", text, c.Text(), err)
		}
	})
}
