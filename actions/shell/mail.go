package shell

import (
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"net"
	"os"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"picket/actions/notify"
	"picket/rules"
)

// SMTPScript is the one action of fail2ban in Python that picket does by itself: it mails that a jail has started, banned
// somebody, stopped.
const SMTPScript = "smtp.py"

// mailer sends what smtp.py would send, by the same parameters and with the same subjects, which people filter by.
type mailer struct {
	jail, host, user, password string
	from, fromName             string
	to                         []string
	matches                    string // the tag of the lines that a mail shows: matches, ipmatches, ipjailmatches; "" for none
}

// newMailer reads the parameters of smtp.py.
func newMailer(jail string, a *rules.Action) *mailer {
	option := func(name, standard string) string {
		if text, said := a.Option(name); said && text != "" {
			return text
		}
		return standard
	}
	m := &mailer{
		jail: jail, host: option("host", "localhost"), user: option("user", ""), password: option("password", ""),
		from: option("sender", "fail2ban"), fromName: option("sendername", "Fail2Ban"), matches: option("matches", ""),
	}
	for to := range strings.SplitSeq(option("dest", "root"), ",") {
		m.to = append(m.to, strings.TrimSpace(to))
	}
	if _, _, err := net.SplitHostPort(m.host); err != nil {
		m.host = net.JoinHostPort(m.host, "25")
	}
	return m
}

// operate mails of an operation, if it is one to be told.
func (m *mailer) operate(operation string, dynamic func(string) (string, bool), timeout time.Duration) error {
	here, _ := os.Hostname()
	tag := func(name string) string {
		text, _ := dynamic(name)
		return text
	}
	switch operation {
	case "actionstart":
		return m.send(m.jail+": started on "+here, "The jail "+m.jail+" is at work.\n", timeout)
	case "actionstop":
		return m.send(m.jail+": stopped on "+here, "The jail "+m.jail+" has stopped.\n", timeout)
	case "actionban":
		text := fmt.Sprintf("%s is banned for %s seconds by jail %s after %s failures.\n", tag("ip"), tag("bantime"), m.jail, tag("failures"))
		if m.matches != "" {
			text += "\nLines (" + m.matches + "):\n" + tag(m.matches) + "\n"
		}
		return m.send(m.jail+": banned "+tag("ip")+" from "+here, text, timeout)
	}
	return nil
}

// message is a mail as SMTP carries it. What a peer may have written can't end a header: it is encoded where it is not
// plain.
func (m *mailer) message(subject, text string) []byte {
	head := []string{
		"From: " + mime.QEncoding.Encode("utf-8", m.fromName) + " <" + m.from + ">", "To: " + strings.Join(m.to, ", "),
		"Subject: " + mime.QEncoding.Encode("utf-8", "[Fail2Ban] "+subject), "Date: " + time.Now().Format(time.RFC1123Z),
		"MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", "", "",
	}
	return []byte(strings.Join(head, "\r\n") + strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\n", "\r\n"))
}

// send delivers one mail. A password goes out only encrypted, to a server that proves its name (fail2ban sends it in the
// clear), or to this host; and no error tells it.
func (m *mailer) send(subject, text string, timeout time.Duration) error {
	conn, err := net.DialTimeout("tcp", m.host, timeout)
	if err != nil {
		return fmt.Errorf("mail: %w (host= of smtp.py says where)", err)
	}
	defer conn.Close()
	name, _, _ := net.SplitHostPort(m.host)
	err = conn.SetDeadline(time.Now().Add(timeout))
	c, bad := smtp.NewClient(conn, name)
	if err = errors.Join(err, bad); err != nil {
		return fmt.Errorf("mail through %s: %w", m.host, err)
	}
	if err := m.deliver(c, name, m.message(subject, text)); err != nil {
		return fmt.Errorf("mail through %s: %s", m.host, notify.Without(err.Error(), m.password, m.user+"\x00"+m.password))
	}
	return nil
}

func (m *mailer) deliver(c *smtp.Client, host string, message []byte) error {
	if m.user != "" && m.password != "" {
		if ok, _ := c.Extension("STARTTLS"); ok {
			if err := c.StartTLS(&tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}); err != nil {
				return err
			}
		}
		if err := c.Auth(notify.Login(host, m.user, m.password)); err != nil {
			return err
		}
	}
	if err := c.Mail("<" + m.from + ">"); err != nil {
		return err
	}
	for _, to := range m.to {
		if err := c.Rcpt("<" + to + ">"); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err = w.Write(message); err == nil {
		err = w.Close()
	}
	if err == nil {
		_ = c.Quit() // it is delivered
	}
	return err
}
