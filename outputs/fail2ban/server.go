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
	// StopJails stops all jails and lifts their bans; picket itself goes on.
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

// Serve answers on l until ctx ends, and waits for the clients then.
func Serve(ctx context.Context, l net.Listener, h Host) error {
	var clients sync.WaitGroup
	defer clients.Wait()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	slots := make(chan struct{}, maxClients)
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("fail2ban's socket: %w", err)
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			conn.Close()
			return nil
		}
		clients.Go(func() {
			defer func() { <-slots }()
			serveClient(ctx, conn, h)
		})
	}
}

// serveClient answers one client, command by command, until it goes.
func serveClient(ctx context.Context, conn net.Conn, h Host) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	a := answerer{host: h}
	r := bufio.NewReader(conn)
	for {
		conn.SetReadDeadline(time.Now().Add(readTimeout))
		message, err := readMessage(r)
		if err != nil || string(message) == closeCommand {
			return
		}
		conn.SetWriteDeadline(time.Now().Add(readTimeout))
		if _, err := conn.Write(append(a.reply(ctx, message), endCommand...)); err != nil {
			return
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
