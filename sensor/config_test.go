package sensor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"picket/sensor"
	"picket/sensor/strict"
)

// Each testdata/*.bad.yaml ends in a comment with the messages that it must give, in the order of the file.
const wanted = "# must say:\n"

func TestBadConfigurations(t *testing.T) {
	for _, file := range files(t, "testdata/*.bad.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, comment, found := strings.Cut(string(text), wanted)
			if !found {
				t.Errorf("the file does not end in %q", wanted)
			}
			want := strings.Split(strings.TrimSpace(comment), "\n")
			for i, line := range want {
				want[i] = strings.TrimPrefix(line, "# ")
			}
			_, err = sensor.ParseConfig("picket.yaml", text)
			if diff := cmp.Diff(want, strings.Split(fmt.Sprint(err), "\n")); diff != "" {
				t.Errorf("messages (-want +got)\n%s", diff)
			}
		})
	}
}

func TestTenFaultsAreTenMessages(t *testing.T) {
	text, err := os.ReadFile("testdata/ten-faults.bad.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = sensor.ParseConfig("picket.yaml", text)
	faults, ok := err.(strict.Faults)
	if !ok || len(faults) != 10 {
		t.Fatalf("%d faults, want 10:\n%v", len(faults), err)
	}
	for _, f := range faults {
		if f.Line == 0 || f.Col == 0 {
			t.Errorf("without its place: %v", f)
		}
	}
}

func TestGoodConfigurations(t *testing.T) {
	for _, file := range files(t, "testdata/*.good.yaml") {
		c, err := sensor.LoadConfig(file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		// What check prints can be read back and means the same.
		again, err := sensor.ParseConfig("printed.yaml", []byte(c.Text()))
		if err != nil {
			t.Errorf("%s as printed: %v\n%s", file, err, c.Text())
			continue
		}
		if diff := cmp.Diff(c.Text(), again.Text()); diff != "" {
			t.Errorf("%s: read, printed and read again (-first +second)\n%s", file, diff)
		}
	}
}

func TestDefaultConfigurationIsValid(t *testing.T) {
	if faults := sensor.Default().Validate(); len(faults) > 0 {
		t.Error(faults)
	}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil || len(list) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(list), err)
	}
	return list
}
