package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"picket/rules"
)

const (
	defaultTimeout = 60 * time.Second // fail2ban's
	maxOutput      = 4096             // bytes of what a command says that are kept
)

// execute runs a command by /bin/sh in a process group of its own, which is killed as a whole when the time is over. The
// error tells the exit code and what the command said.
func execute(c command, timeout time.Duration) error {
	ctx, stop := context.WithTimeout(context.Background(), timeout)
	defer stop()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", c.text)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // children that outlive the shell may hold its output open
	var said limited
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("timed out after %s", timeout)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("returned %d: %s", exit.ExitCode(), strings.TrimSpace(said.String()))
	}
	return err
}

// limited keeps the beginning of what is written.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	l.Buffer.Write(p[:min(len(p), maxOutput-l.Len())])
	return len(p), nil
}

// Ask runs one command about a party, its tags replaced, and tells whether it ended with 0 in time.
func Ask(text string, t *rules.Ticket, timeout time.Duration) bool {
	a := &action{name: "ignorecommand", properties: map[string]string{"ask": text}}
	c, err := a.compose("ask", familyOf(t), (&Runner{}).values(t))
	return err == nil && c.text != "" && execute(c, timeout) == nil
}

// Fill replaces the tags of a text that is no command, such as the key of a cache.
func Fill(text string, t *rules.Ticket) string {
	values := (&Runner{}).values(t)
	return tag.ReplaceAllStringFunc(text, func(found string) string {
		if value, ok := values(found[1 : len(found)-1]); ok {
			return value
		}
		return found
	})
}
