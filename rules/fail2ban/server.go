package fail2ban

import "fmt"

// ReadServer reads fail2ban.conf alone: where the socket and the database are.
func ReadServer(dir string) (Server, error) {
	s, err := newLibrary(dir).readServer()
	if err != nil {
		return s, fmt.Errorf("read fail2ban.conf in %s: %w", dir, err)
	}
	return s, nil
}

// SplitShell cuts a text into words as a shell would: quotes hold words together.
func SplitShell(text string) []string { return splitShell(text) }
