package process

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// held is a process held by a pidfd (pidfd_open(2)): signals through it cannot reach another one.
type held struct {
	proc
	fd int
}

// hold opens processes. One whose start time does not fit any more has gone, and its number is another's.
func hold(list []proc) (open []held) {
	for _, p := range list {
		fd, err := unix.PidfdOpen(p.PID, 0)
		if err != nil {
			continue
		}
		if now, err := read(p.PID); err != nil || now.Start != p.Start {
			unix.Close(fd)
			continue
		}
		open = append(open, held{p, fd})
	}
	return open
}

func release(open []held) {
	for _, h := range open {
		unix.Close(h.fd)
	}
}

func (h held) signal(sig syscall.Signal) error {
	err := unix.PidfdSendSignal(h.fd, sig, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil // gone: what was wanted
	}
	return err
}

// pollEvery bounds one wait, so that the end of ctx is noticed.
const pollEvery = 100 * time.Millisecond

// await waits until all have exited or the time is over, and returns who has not.
func await(ctx context.Context, open []held, within time.Duration) []held {
	until := time.Now().Add(within)
	for len(open) > 0 && ctx.Err() == nil {
		left := time.Until(until)
		if left <= 0 {
			break
		}
		fds := make([]unix.PollFd, len(open))
		for i, h := range open {
			fds[i] = unix.PollFd{Fd: int32(h.fd), Events: unix.POLLIN}
		}
		if _, err := unix.Poll(fds, int(min(left, pollEvery).Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			break
		}
		var still []held
		for i, h := range open {
			if fds[i].Revents&unix.POLLIN == 0 {
				still = append(still, h)
			}
		}
		open = still
	}
	return open
}

func uidOf(info os.FileInfo) uint32 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Uid
	}
	return 0
}
