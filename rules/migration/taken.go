package migration

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// takenName is the file in picket's state-dir that remembers the take-over.
const takenName = "fail2ban-taken-over.json"

// Taken is what the file holds.
type Taken struct {
	On       time.Time `json:"on"`
	Database string    `json:"database"`
	Bans     int       `json:"bans"`
	Known    int       `json:"known"`
}

// TakenOn tells whether and when fail2ban's database was taken over.
func TakenOn(stateDir string) (time.Time, bool) {
	text, err := os.ReadFile(filepath.Join(stateDir, takenName))
	if err != nil {
		return time.Time{}, false
	}
	var t Taken
	if err := json.Unmarshal(text, &t); err != nil {
		return time.Time{}, true // it was there: that counts
	}
	return t.On, true
}

// Remember writes down that the database was taken over; it is not read again.
func Remember(stateDir string, t Taken) error {
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	file := filepath.Join(stateDir, takenName)
	if err := errors.Join(os.MkdirAll(stateDir, 0o700), os.WriteFile(file, append(text, '\n'), 0o600)); err != nil {
		return fmt.Errorf("remember that fail2ban's database was taken over: %w (is state-dir right, and may picket write there?)", err)
	}
	return nil
}
