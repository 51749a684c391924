package fail2ban

import (
	"bufio"
	"fmt"
	"net"
	"time"

	"picket/outputs/fail2ban/pickle"
)

// Client asks a server on fail2ban's socket: picket, or fail2ban itself.
type Client struct {
	conn net.Conn
	read *bufio.Reader
	// Timeout is for one command; 0 for none.
	Timeout time.Duration
}

// Dial connects to a socket.
func Dial(path string) (*Client, error) {
	conn, err := net.DialTimeout("unix", path, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn, read: bufio.NewReader(conn)}, nil
}

// Close says goodbye.
func (c *Client) Close() error {
	c.conn.Write([]byte(closeCommand + endCommand))
	return c.conn.Close()
}

// Refused is an answer of a server that is an exception.
type Refused struct{ Exception pickle.Object }

func (r *Refused) Error() string { return pickle.Text(r.Exception) }

// Ask sends a command and returns the value of its answer. The error is a *Refused if the server answered with an
// exception.
func (c *Client) Ask(command []any) (any, error) {
	b, err := pickle.Encode(command)
	if err != nil {
		return nil, err
	}
	if c.Timeout > 0 {
		c.conn.SetDeadline(time.Now().Add(c.Timeout))
	}
	if _, err := c.conn.Write(append(b, endCommand...)); err != nil {
		return nil, err
	}
	message, err := readMessage(c.read)
	if err != nil {
		return nil, err
	}
	return answerOf(message)
}

// answerOf takes (0, value) or (1, exception) apart; a text alone is about the protocol.
func answerOf(message []byte) (any, error) {
	v, err := pickle.Decode(message)
	if err != nil {
		return nil, err
	}
	pair, ok := v.(pickle.Tuple)
	if !ok || len(pair) != 2 {
		return nil, fmt.Errorf("not an answer: %s", pickle.Repr(v))
	}
	if pair[0] == int64(0) {
		return pair[1], nil
	}
	if o, ok := pair[1].(pickle.Object); ok {
		return nil, &Refused{o}
	}
	return nil, &Refused{pickle.Exception("Exception", pickle.Text(pair[1]))}
}
