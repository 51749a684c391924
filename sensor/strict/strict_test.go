package strict

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type house struct {
	Name  string         `yaml:"name"`
	Doors int            `yaml:"doors"`
	Open  bool           `yaml:"open"`
	Wait  time.Duration  `yaml:"wait"`
	Rooms []string       `yaml:"rooms"`
	Area  map[string]int `yaml:"area"`
}

// What the file leaves out keeps its default; a single value stands for a list of one.
func TestDecode(t *testing.T) {
	got := house{Doors: 2, Open: true}
	_, faults := Decode("f.yaml", []byte("name: old\nwait: 2m\nrooms: hall\narea: {hall: 12}\nopen:\n"), &got)
	want := house{Name: "old", Doors: 2, Open: true, Wait: 2 * time.Minute, Rooms: []string{"hall"}, Area: map[string]int{"hall": 12}}
	if diff := cmp.Diff(want, got); diff != "" || len(faults) > 0 {
		t.Errorf("faults %v, (-want +got)\n%s", faults, diff)
	}
}

// All faults are told, each with its place; a fault of a value that is not in the file stands where its parent does.
func TestFaults(t *testing.T) {
	var h house
	places, faults := Decode("f.yaml", []byte("nmae: old\ndoors: many\nopen: perhaps\narea:\n  hall: x\n"), &h)
	faults = append(faults, places.Fault("f.yaml", "area.cellar", "has no size", "give one"))
	want := `read configuration: f.yaml:1:1: nmae: unknown key (did you mean name?)
read configuration: f.yaml:2:8: doors: "many" is not a whole number of at most 64 bits
read configuration: f.yaml:3:7: open: "perhaps" is neither yes nor no (write yes or no)
read configuration: f.yaml:5:9: area.hall: "x" is not a whole number of at most 64 bits
read configuration: f.yaml:5:7: area.cellar: has no size (give one)`
	if diff := cmp.Diff(want, faults.Error()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
