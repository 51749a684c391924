package notify

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/syslog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"picket/incidents"
)

// sender delivers messages of one receiver. send is called by one goroutine at a time.
type sender interface {
	send(ctx context.Context, m *Message) error
}

// permanent is an error that trying again does not help: this message will never be taken.
type permanent struct{ error }

// unready is a receiver's wish to be left alone for a while.
type unready struct {
	error
	wait time.Duration
}

func newSender(r *Receiver, t *threads) sender {
	switch {
	case r.Mail != nil:
		return &mailer{r.Mail}
	case r.Slack != nil:
		return &slacker{r.Slack, t}
	case r.Webhook != nil:
		return &hook{r.Webhook}
	case r.Alertmanager != nil:
		return &alertmanager{r.Alertmanager}
	case r.Syslog != nil:
		return &logger{r.Syslog}
	}
	return waller{}
}

// Without takes secrets, plain and in base64, out of a text that somebody else has a part in, and its control
// characters: a server may answer with what it was sent.
func Without(text string, secrets ...string) string {
	for _, s := range secrets {
		if s == "" {
			continue
		}
		for _, form := range []string{s, base64.StdEncoding.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString([]byte("\x00" + s))} {
			text = strings.ReplaceAll(text, form, "[secret]")
		}
	}
	return incidents.Printable(text)
}

// maxAnswer bounds what is read of a server's answer.
const maxAnswer = 64 << 10

// refusals are the answers that mean the message itself: it would be refused again. All others may end: a wrong key is
// put right, a server comes back.
var refusals = []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}

// post sends JSON and returns the answer. It follows no redirection: that would carry headers with keys to somebody else.
// secrets are what no error may show, beside the headers.
func post(ctx context.Context, url string, body any, headers map[string]string, secrets ...string) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, permanent{err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return nil, permanent{withoutURL(err)}
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "picket")
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode/100 == 2:
		return answer, nil
	}
	for _, v := range headers {
		_, word, _ := strings.Cut(v, " ") // of "Bearer …"
		secrets = append(secrets, v, word)
	}
	err = fmt.Errorf("the server answers %s: %.200s", resp.Status, Without(string(answer), append(secrets, url)...))
	if slices.Contains(refusals, resp.StatusCode) {
		return nil, permanent{err}
	}
	return nil, &unready{err, retryAfter(resp.Header.Get("Retry-After"), time.Now())}
}

// retryAfter reads the header Retry-After (RFC 9110, 10.2.3): seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return at.Sub(now)
	}
	return 0
}

// withoutURL takes the URL out of net/http's error: a webhook's URL is a secret.
func withoutURL(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

type hook struct{ *Webhook }

func (s *hook) send(ctx context.Context, m *Message) error {
	headers := map[string]string{}
	for name, secret := range s.Headers {
		value, err := secret.Value()
		if err != nil {
			return err
		}
		headers[name] = value
	}
	if _, err := post(ctx, s.URL, m, headers); err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	return nil
}

type alertmanager struct{ *Alertmanager }

// alert is an alert of Alertmanager's API v2 (its openapi.yaml, postableAlert).
type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt,omitzero"`
	EndsAt      time.Time         `json:"endsAt,omitzero"`
}

func (s *alertmanager) send(ctx context.Context, m *Message) error {
	if m.Incident == nil {
		return nil // it knows alerts only, no measures
	}
	i := m.Incident
	a := alert{
		Labels: map[string]string{
			"alertname": "PicketIncident", "incident": strconv.FormatInt(int64(i.ID), 10), "severity": i.Severity.String(), "instance": m.Host,
		},
		Annotations: map[string]string{"summary": m.Title, "description": m.Text},
		StartsAt:    i.Opened,
	}
	if m.Kind == "resolved" || m.Kind == "test" {
		a.EndsAt = i.Closed
	}
	for k, v := range s.Labels {
		a.Labels[k] = v
	}
	headers := map[string]string{}
	if s.User != "" {
		password, err := s.Pass.Value()
		if err != nil {
			return err
		}
		req := http.Request{Header: http.Header{}}
		req.SetBasicAuth(s.User, password)
		headers["Authorization"] = req.Header.Get("Authorization")
	}
	if _, err := post(ctx, strings.TrimRight(s.URL, "/")+"/api/v2/alerts", []alert{a}, headers); err != nil {
		return fmt.Errorf("alertmanager: %w", err)
	}
	return nil
}

type logger struct{ *Syslog }

// facilities by name (RFC 5424, table 1).
var facilities = map[string]syslog.Priority{
	"": syslog.LOG_DAEMON, "daemon": syslog.LOG_DAEMON, "auth": syslog.LOG_AUTH, "authpriv": syslog.LOG_AUTHPRIV, "user": syslog.LOG_USER,
	"local0": syslog.LOG_LOCAL0, "local1": syslog.LOG_LOCAL1, "local2": syslog.LOG_LOCAL2, "local3": syslog.LOG_LOCAL3,
	"local4": syslog.LOG_LOCAL4, "local5": syslog.LOG_LOCAL5, "local6": syslog.LOG_LOCAL6, "local7": syslog.LOG_LOCAL7,
}

var priorities = map[incidents.Severity]syslog.Priority{
	incidents.Info: syslog.LOG_INFO, incidents.Low: syslog.LOG_NOTICE, incidents.Medium: syslog.LOG_WARNING,
	incidents.High: syslog.LOG_ERR, incidents.Critical: syslog.LOG_CRIT,
}

func (s *logger) send(ctx context.Context, m *Message) error {
	line := m.Title + ": " + strings.Join(strings.Fields(m.Text), " ")
	line = incidents.Printable(line[:min(len(line), 2000)])
	priority := facilities[s.Facility] | priorities[m.Severity]
	var err error
	if s.Network == "" {
		err = s.local(priority, line)
	} else {
		err = s.remote(ctx, fmt.Sprintf("<%d>%s %s picket[%d]: %s\n", priority, m.Time.Format(time.RFC3339), m.Host, os.Getpid(), line))
	}
	if err != nil {
		return fmt.Errorf("syslog: %w", err)
	}
	return nil
}

func (s *logger) local(priority syslog.Priority, line string) error {
	w, err := syslog.New(priority, "picket")
	if err != nil {
		return err
	}
	_, err = w.Write([]byte(line))
	return errors.Join(err, w.Close())
}

// remote writes one line within the time that ctx gives; the syslog package's own dialer knows no bound.
func (s *logger) remote(ctx context.Context, line string) error {
	c, err := new(net.Dialer).DialContext(ctx, s.Network, s.Address)
	if err != nil {
		return err
	}
	if end, ok := ctx.Deadline(); ok {
		err = c.SetWriteDeadline(end)
	}
	if err == nil {
		_, err = c.Write([]byte(line))
	}
	return errors.Join(err, c.Close())
}

type waller struct{}

func (waller) send(ctx context.Context, m *Message) error { return Wall(ctx, m.Title+"\n"+m.Text) }

// Wall writes a message to all terminals of this host. A terminal that does not read holds it up for two seconds.
func Wall(ctx context.Context, text string) error {
	c := exec.CommandContext(ctx, "wall", "--timeout", "2")
	c.Stdin = strings.NewReader(text)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("wall: %w: %.200s", err, out)
	}
	return nil
}
