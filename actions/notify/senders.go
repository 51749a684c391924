package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/syslog"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"picket/incidents"
)

// sender delivers messages of one receiver. send is called by one goroutine at a time.
type sender interface {
	send(ctx context.Context, m *Message) error
}

// permanent is an error that trying again does not help.
type permanent struct{ error }

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

// mailer sends through an SMTP server.
type mailer struct{ *Mail }

func (s *mailer) send(ctx context.Context, m *Message) error {
	msg := mail.NewMsg()
	if err := errors.Join(msg.From(s.From), msg.To(s.To...)); err != nil {
		return permanent{fmt.Errorf("mail: %w", err)}
	}
	msg.Subject(m.Title)
	msg.SetDate()
	msg.SetMessageIDWithValue(m.ID + "@picket." + m.Host)
	if m.Incident != nil { // the mails of one incident are one thread
		thread := fmt.Sprintf("<incident-%d@picket.%s>", m.Incident.ID, m.Host)
		msg.SetGenHeader(mail.HeaderReferences, thread)
		msg.SetGenHeader(mail.HeaderInReplyTo, thread)
	}
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	if m.Measure != nil && m.Measure.Output.Type == "text/html" {
		msg.AddAlternativeString(mail.TypeTextHTML, m.Measure.Output.Text)
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("mail through %s: %w", s.Host, err)
	}
	return nil
}

func (s *mailer) client() (*mail.Client, error) {
	port := s.Port
	if port == 0 {
		port = 587
	}
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(sendWithin)}
	switch s.TLS {
	case "implicit":
		options = append(options, mail.WithSSL())
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.CAFile != "" {
		roots, err := os.ReadFile(s.CAFile)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(roots) {
			return nil, fmt.Errorf("mail: read certificates from %s: %w", s.CAFile, errors.Join(err, errors.New("no certificate")))
		}
		options = append(options, mail.WithTLSConfig(&tls.Config{RootCAs: pool, ServerName: s.Host, MinVersion: tls.VersionTLS12}))
	}
	if s.User != "" {
		password, err := s.Password.Value()
		if err != nil {
			return nil, err
		}
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.User), mail.WithPassword(password))
	}
	return mail.NewClient(s.Host, options...)
}

// maxAnswer bounds what is read of a server's answer.
const maxAnswer = 64 << 10

// post sends JSON and returns the answer. Answers that say "never" are permanent.
func post(ctx context.Context, url string, body any, headers map[string]string) ([]byte, error) {
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
	resp, err := http.DefaultClient.Do(req)
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
	err = fmt.Errorf("the server answers %s: %.200s", resp.Status, answer)
	if resp.StatusCode/100 == 4 && resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusRequestTimeout {
		return nil, permanent{err}
	}
	return nil, err
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
	if m.Kind == "resolved" {
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

func (s *logger) send(_ context.Context, m *Message) error {
	w, err := syslog.Dial(s.Network, s.Address, facilities[s.Facility]|priorities[m.Severity], "picket")
	if err != nil {
		return fmt.Errorf("syslog: %w", err)
	}
	line := m.Title + ": " + strings.Join(strings.Fields(m.Text), " ")
	_, err = w.Write([]byte(line[:min(len(line), 2000)]))
	if err = errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("syslog: %w", err)
	}
	return nil
}

type waller struct{}

func (waller) send(ctx context.Context, m *Message) error {
	c := exec.CommandContext(ctx, "wall", "--timeout", "2")
	c.Stdin = strings.NewReader(m.Title + "\n" + m.Text)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("wall: %w: %.200s", err, out)
	}
	return nil
}
