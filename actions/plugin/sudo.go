package plugin

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// SudoMissing tells which of a plugin's sudo_requirements its user may not run without a password. It asks sudo itself,
// which knows all of sudoers; picket must be root for that.
func (r *Runner) SudoMissing(ctx context.Context, m *Manifest) (missing []string, err error) {
	if len(m.SudoRequirements) == 0 {
		return nil, nil
	}
	sudo, err := exec.LookPath("sudo")
	if err != nil {
		return m.SudoRequirements, errors.New("sudo is not installed on this host")
	}
	account, err := (&doer{m, r}).account()
	if err != nil {
		return nil, err
	}
	for _, line := range m.SudoRequirements {
		words := strings.Fields(line)
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := exec.CommandContext(ctx, sudo, append([]string{"-n", "-U", account.Username, "-l", "--"}, words...)...).Run()
		cancel()
		if err != nil {
			missing = append(missing, line)
		}
	}
	return missing, nil
}

// SudoersLine is what an administrator can add for a command that is missing.
func (r *Runner) SudoersLine(m *Manifest, command string) string {
	name := m.User
	if name == "" {
		name = r.User
	}
	return fmt.Sprintf("%s ALL=(root) NOPASSWD: %s", name, command)
}
