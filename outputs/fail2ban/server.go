package fail2ban

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"picket/outputs/fail2ban/pickle"
	"picket/rules"
)

// Host is the running picket as fail2ban's clients see it: the jails, and how all of them are stopped.
type Host interface {
	rules.Warden
	// BanLog returns the log in fail2ban's words: its path, or STDERR if there is none, and the level that it begins at.
	BanLog() (path, level string)
	// StopJails stops all jails and lifts their bans; picket itself goes on. Serve ends then.
	StopJails(ctx context.Context) error
}

// The ends of messages on the socket (fail2ban/protocol.py).
const (
	endCommand   = "<F2B_END_COMMAND>"
	closeCommand = "<F2B_CLOSE_COMMAND>"
)

// The bounds of the socket.
const (
	maxClients  = 64
	readTimeout = 60 * time.Second // a client that says nothing for so long is let go
	askTimeout  = 60 * time.Second // for one command
)

// ErrTaken is the cause when somebody else answers on the socket.
var ErrTaken = errors.New("a fail2ban server answers there")

// ErrStopped is how Serve ends when a client has stopped all jails.
var ErrStopped = errors.New("a client has stopped the jails")

// Listen opens the socket, in the place of one that nobody answers on. The error is ErrTaken when a server is alive.
func Listen(path string) (net.Listener, error) {
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return nil, fmt.Errorf("open fail2ban's socket %s: %w (stop fail2ban, or set logs.fail2ban-socket to another path or off)", path, ErrTaken)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open fail2ban's socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("open fail2ban's socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open fail2ban's socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("open fail2ban's socket: %w", err)
	}
	return l, nil
}

// Serve answers on l until ctx ends (nil) or a client stops all jails (ErrStopped), and waits for the clients then. l is
// closed, and its socket is gone.
func Serve(ctx context.Context, l net.Listener, h Host) error {
	var clients sync.WaitGroup
	defer clients.Wait()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	slots := make(chan struct{}, maxClients)
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() == nil {
				return fmt.Errorf("fail2ban's socket: %w", err)
			}
			return stopped(ctx)
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			conn.Close()
			return stopped(ctx)
		}
		clients.Go(func() {
			defer func() { <-slots }()
			if serveClient(ctx, conn, h) {
				end(ErrStopped)
			}
		})
	}
}

// stopped is ErrStopped if that was why ctx has ended.
func stopped(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), ErrStopped) {
		return ErrStopped
	}
	return nil
}

// serveClient answers one client, command by command, until it goes. last tells that it has stopped all jails.
func serveClient(ctx context.Context, conn net.Conn, h Host) (last bool) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	a := answerer{host: h}
	r := bufio.NewReader(conn)
	for {
		conn.SetReadDeadline(time.Now().Add(readTimeout))
		message, err := readMessage(r)
		if err != nil || string(message) == closeCommand {
			return false
		}
		conn.SetWriteDeadline(time.Now().Add(readTimeout))
		answer, last := a.reply(ctx, message)
		if _, err := conn.Write(append(answer, endCommand...)); err != nil || last {
			return last
		}
	}
}

// readMessage reads up to the end mark, which it takes off.
func readMessage(r *bufio.Reader) ([]byte, error) {
	var message []byte
	for {
		part, err := r.ReadSlice('>')
		if message = append(message, part...); len(message) > pickle.MaxSize+len(endCommand) {
			return nil, fmt.Errorf("a message of more than %d bytes", pickle.MaxSize)
		}
		if whole, ended := bytes.CutSuffix(message, []byte(endCommand)); ended {
			return whole, nil
		}
		if err != nil && err != bufio.ErrBufferFull {
			return nil, io.ErrUnexpectedEOF
		}
	}
}
