package sensor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"picket/sensor/suricata"
	"picket/signatures"
	"picket/signatures/dataset"
)

// setsDir is the folder in which a running sensor keeps the sets that rules save: what the Suricata settings say, else
// the state folder.
func (c *Config) setsDir(s *suricata.Settings) string {
	if dir := s.Text("default-data-dir", ""); dir != "" {
		return s.Path(dir)
	}
	return c.StateDir
}

// saveSets writes the sets that rules want kept: below the data folder, the new file beside the old one first. The sets
// may change meanwhile; a value that comes during the writing may be in the file or not.
func saveSets(e *signatures.Engine, dataDir string) error {
	var failed error
	for _, s := range e.Sets() {
		if s.Save != "" {
			failed = errors.Join(failed, saveSet(s, dataDir))
		}
	}
	return failed
}

// saveSet finds a set's place; folders that a rule names below the data folder are made.
func saveSet(s *dataset.Set, dataDir string) error {
	name := s.Save
	if !filepath.IsAbs(name) {
		name = filepath.Join(dataDir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("save set %s: %w", s.Name, err)
		}
	}
	return writeSet(s, name)
}

func writeSet(s *dataset.Set, name string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".set-*")
	if err != nil {
		return fmt.Errorf("save set %s: %w", s.Name, err)
	}
	err = errors.Join(s.Write(f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("save set %s: %w", s.Name, err)
	}
	return nil
}
