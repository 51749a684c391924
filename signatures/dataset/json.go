package dataset

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// JSON says how values lie in a JSON file (docs.suricata.io, "Dataset with JSON").
type JSON struct {
	Format     string // "json": one array; "ndjson": an object a line; "": no JSON
	ValueKey   string // where the value stands in an object, with dots for nesting
	ArrayKey   string // where the array stands; "": it is the file
	ContextKey string // under which name the object is told
	RemoveKey  bool   // the object is told without its value
}

// errNotString says what JSON values must be.
var errNotString = errors.New("failed to get value because it is not a string")

// readJSON reads objects: each has one value and is its context.
func (s *Set) readJSON(text []byte) error {
	if s.JSON.Format == "ndjson" {
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Buffer(nil, 1<<20)
		for n := 1; lines.Scan(); n++ {
			if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
				if err := s.readObject(bytes.Clone(line)); err != nil {
					return fmt.Errorf("line %d: %w", n, err)
				}
			}
		}
		return lines.Err()
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	list, err := find(text, s.JSON.ArrayKey)
	if err != nil {
		return err
	}
	var objects []json.RawMessage
	if err := json.Unmarshal(list, &objects); err != nil {
		return fmt.Errorf("no array at %q: %w", s.JSON.ArrayKey, err)
	}
	for i, o := range objects {
		if err := s.readObject(o); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	return nil
}

// find goes down to a member: "a.b.c".
func find(text []byte, path string) (json.RawMessage, error) {
	if path == "" {
		return text, nil
	}
	name, rest, _ := strings.Cut(path, ".")
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	m, ok := members[name]
	if !ok {
		return nil, fmt.Errorf("there is no %q", name)
	}
	return find(m, rest)
}

func (s *Set) readObject(text json.RawMessage) error {
	at, err := find(text, s.JSON.ValueKey)
	if err != nil {
		return err
	}
	var value string
	if json.Unmarshal(at, &value) != nil {
		return errNotString
	}
	key := value
	if s.Kind != String {
		if key, err = s.Kind.parse(value); err != nil {
			return err
		}
	}
	if s.JSON.RemoveKey {
		if text, err = without(text, s.JSON.ValueKey); err != nil {
			return err
		}
	}
	var line bytes.Buffer // a record is one line
	if err := json.Compact(&line, text); err != nil {
		return err
	}
	return s.put(key, entry{context: line.Bytes()})
}

// without takes a member out of an object.
func without(text json.RawMessage, path string) (json.RawMessage, error) {
	name, rest, nested := strings.Cut(path, ".")
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, err
	}
	if !nested {
		delete(members, name)
		return json.Marshal(members)
	}
	inner, err := without(members[name], rest)
	if err != nil {
		return nil, err
	}
	members[name] = inner
	return json.Marshal(members)
}
