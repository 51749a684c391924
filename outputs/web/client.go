package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"picket/actions"
)

// Client asks a running picket through its control socket.
type Client struct {
	path string
	http http.Client
}

// NewClient makes a client; nothing is opened before the first question.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &Client{path: path, http: http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Status asks for the status.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.do(ctx, "GET", "/v1/status", nil, &s)
}

// Reload asks for new rules and waits until they are in force.
func (c *Client) Reload(ctx context.Context) (r Reloaded, err error) {
	return r, c.do(ctx, "POST", "/v1/reload", nil, &r)
}

// Bans lists the standing bans.
func (c *Client) Bans(ctx context.Context) (l []actions.Ban, err error) {
	return l, c.do(ctx, "GET", "/v1/bans", nil, &l)
}

// Ban asks for a ban and waits for its proof.
func (c *Client) Ban(ctx context.Context, q BanRequest) (b actions.Ban, err error) {
	return b, c.do(ctx, "POST", "/v1/bans", q, &b)
}

// Unban lifts a ban.
func (c *Client) Unban(ctx context.Context, p netip.Prefix) error {
	return c.do(ctx, "DELETE", "/v1/bans/"+strings.ReplaceAll(p.String(), "/", "_"), nil, nil)
}

func (c *Client) do(ctx context.Context, method, path string, body, into any) error {
	resp, err := c.ask(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// ask sends a request. The caller closes the answer's body; an answer that is an error comes as one.
func (c *Client) ask(ctx context.Context, method, path string, body any) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://picket"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unanswered(c.path, cause(err))
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	var f failure
	if err := json.NewDecoder(resp.Body).Decode(&f); err != nil || f.Error == "" {
		return nil, fmt.Errorf("ask picket at %s: %s", c.path, resp.Status)
	}
	return nil, errors.New(f.Error)
}

// unanswered says that nobody has answered at a socket, and what may help.
func unanswered(path string, err error) error {
	remedy := "picket run starts one; --socket or the configuration names its socket"
	if errors.Is(err, os.ErrPermission) {
		remedy = "only root may ask it"
	}
	return fmt.Errorf("no picket answers at %s: %w (%s)", path, err, remedy)
}

// cause takes net/http's wrapping off: the socket's own error says it all.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
