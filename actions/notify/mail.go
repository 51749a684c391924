package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

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
	password, err := s.Password.Value()
	if err != nil {
		return err
	}
	client, err := s.client(ctx, password)
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if err == nil || msg.IsDelivered() { // what goes wrong after the server has taken it changes nothing
		return nil
	}
	told := fmt.Errorf("mail through %s: %s", s.Host, Without(err.Error(), password, s.User+"\x00"+password))
	var refused *mail.SendError
	if errors.As(err, &refused) && refused.ErrorCode()/100 == 5 && (refused.Reason == mail.ErrSMTPData || refused.Reason == mail.ErrSMTPDataClose) {
		return permanent{told} // the server wants no such mail
	}
	return told
}

// client makes a client whose connection ends with ctx: a server that hangs must not hold picket up when it stops.
func (s *mailer) client(ctx context.Context, password string) (*mail.Client, error) {
	port := s.Port
	if port == 0 {
		port = 587
	}
	secure, err := s.secure()
	if err != nil {
		return nil, err
	}
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(sendWithin), mail.WithTLSConfig(secure)}
	switch s.TLS {
	case "implicit":
		options = append(options, mail.WithSSL())
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	options = append(options, mail.WithDialContextFunc(func(_ context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { c.Close() })
		if s.TLS == "implicit" {
			return tls.Client(c, secure), nil
		}
		return c, nil
	}))
	if s.User != "" {
		options = append(options, mail.WithSMTPAuthCustom(Login(s.Host, s.User, password)))
	}
	return mail.NewClient(s.Host, options...)
}

// Login returns what logs in to an SMTP server: encrypted, or on this host.
func Login(host, user, password string) smtp.Auth {
	return &credentials{host: host, user: user, password: password}
}

// credentials log in by the first mechanism that the server offers and picket knows. (The client's own choice does not
// know that a connection which it was given is encrypted.)
type credentials struct {
	host, user, password string
	smtp.Auth
}

// Start implements smtp.Auth.
func (c *credentials) Start(server *smtp.ServerInfo) (proto string, toServer []byte, err error) {
	mechanisms := []struct {
		name string
		auth smtp.Auth
	}{
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(c.user, c.password)}, {"PLAIN", smtp.PlainAuth("", c.user, c.password, c.host, false)},
		{"LOGIN", smtp.LoginAuth(c.user, c.password, c.host, false)}, {"CRAM-MD5", smtp.CRAMMD5Auth(c.user, c.password)},
	}
	for _, m := range mechanisms {
		if slices.Contains(server.Auth, m.name) {
			c.Auth = m.auth
			return m.auth.Start(server)
		}
	}
	return "", nil, fmt.Errorf("the server offers no way to log in that picket knows: %q", server.Auth)
}

// secure is how the server proves who it is.
func (s *mailer) secure() (*tls.Config, error) {
	c := &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12}
	if s.CAFile == "" {
		return c, nil
	}
	roots, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, fmt.Errorf("mail: read certificates: %w (mail.ca-file)", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(roots) {
		return nil, fmt.Errorf("mail: %s holds no certificate in PEM (mail.ca-file)", s.CAFile)
	}
	return c, nil
}
