package pickle

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// status is what a server answers.
var status = Tuple{int64(0), List{Tuple{"Number of jail", int64(2)}, Tuple{"Jail list", "a, b"}, Dict{{"x", nil}, {int64(7), true}},
	List{}, Tuple{}, 1.5, int64(-1 << 40), int64(-3), "ü\n'", false, Object{"exceptions", "ValueError", Tuple{"no"}}}}

func TestRoundTrip(t *testing.T) {
	b, err := Encode(status)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(any(status), got); diff != "" {
		t.Error(diff)
	}
}

// TestPython lets Python write every protocol, and read what we write.
func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here: ", err)
	}
	const value = `['set', 'sshd', True, None, -1, 255, 65536, -2**40, 1.25, (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {'a': [1, {}]}, b'\x00x', 'ü€\n"', ['set'], ValueError('a', 1)]`
	want := List{"set", "sshd", true, nil, int64(-1), int64(255), int64(65536), int64(-1 << 40), 1.25, Tuple{int64(1)},
		Tuple{int64(1), int64(2)}, Tuple{int64(1), int64(2), int64(3)}, Tuple{int64(1), int64(2), int64(3), int64(4)},
		Dict{{"a", List{int64(1), Dict{}}}}, Bytes("\x00x"), "ü€\n\"", List{"set"}}
	for _, protocol := range []string{"0", "1", "2", "3", "4", "5"} {
		b, err := exec.Command(python, "-c", "import pickle,sys; sys.stdout.buffer.write(pickle.dumps("+value+", "+protocol+"))").Output()
		if err != nil {
			t.Fatal(err)
		}
		v, err := Decode(b)
		if err != nil {
			t.Fatalf("protocol %s: %v", protocol, err)
		}
		got := v.(List)
		exception, _ := got[len(got)-1].(Object)
		if diff := cmp.Diff(Tuple{"a", int64(1)}, exception.Args); exception.Name != "ValueError" || diff != "" {
			t.Errorf("protocol %s: exception %v", protocol, exception)
		}
		list := got[:len(got)-1]
		if protocol <= "2" { // there bytes are a call of codecs.encode
			want, list = append(want[:14:14], want[15:]...), append(list[:14:14], list[15:]...)
		}
		if diff := cmp.Diff(want, list); diff != "" {
			t.Errorf("protocol %s: %s", protocol, diff)
		}
		if protocol <= "2" {
			want = append(append(append(List{}, want[:14]...), Bytes("\x00x")), want[14:]...)
		}
	}
	testPythonReads(t, python)
}

func testPythonReads(t *testing.T, python string) {
	b, err := Encode(status)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", "import pickle,sys; print(repr(pickle.loads(sys.stdin.buffer.read())))")
	cmd.Stdin = strings.NewReader(string(b))
	got, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(Repr(status), "ValueError('no',)", "ValueError('no')")
	if strings.TrimSpace(string(got)) != want {
		t.Errorf("Python reads %s, we meant %s", got, want)
	}
}

func TestRefused(t *testing.T) {
	deep := strings.Repeat("(", 10_000) + "."
	bomb := "\x80\x02]q\x00" + strings.Repeat("(h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00h\x00tq\x00", 20) + "."
	for name, data := range map[string]string{
		"marks": deep, "bomb": bomb, "cycle": "]q\x00h\x00a.", "call": "cos\nsystem\n(S'id'\ntR" + "R.",
		"long number": "\x8b\xff\xff\xff\x7f.", "persistent": "Pid\n.", "next buffer": "\x97.",
	} {
		if v, err := Decode([]byte(data)); err == nil {
			t.Errorf("%s: read as %T", name, v)
		}
	}
	if _, err := Decode([]byte("cos\nsystem\n(S'id'\ntR.")); err != nil {
		t.Errorf("a call is data: %v", err)
	}
	if _, err := Decode([]byte(deep)); !errors.Is(err, ErrRefused) {
		t.Errorf("depth: %v", err)
	}
}

func TestRepr(t *testing.T) {
	for want, v := range map[string]any{
		`'a'`: "a", `"it's"`: "it's", `'it\'s "x"'`: `it's "x"`, `'\n\t\\\x01'`: "\n\t\\\x01", `'ü'`: "ü",
		"1.0": 1.0, "1e+16": 1e16, "0.1": 0.1, "[]": List{}, "('x',)": Tuple{"x"}, "None": nil, `{'a': [1]}`: Dict{{"a", List{1}}},
		`'\udcff'`: "\xff",
	} {
		if got := Repr(v); got != want {
			t.Errorf("Repr(%v) = %s, want %s", v, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	b, _ := Encode(status)
	f.Add(b)
	f.Add([]byte("(lp0\nS'status'\np1\naV\\u00fc\np2\na."))
	f.Add([]byte("\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00]\x94(\x8c\x06status\x94e."))
	f.Add([]byte("\x80\x02]q\x00(h\x00h\x00tq\x01h\x01."))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Decode(data)
		if err != nil {
			return
		}
		Repr(v)
		if _, err := Encode(v); err != nil && !strings.Contains(err.Error(), "no Python type") {
			t.Error(err)
		}
	})
}
