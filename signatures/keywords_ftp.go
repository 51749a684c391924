package signatures

import (
	"fmt"

	"picket/traffic/app"
	"picket/traffic/app/ftp"
	"picket/traffic/packet"
)

// ftpKeywords are the keywords of FTP and its data connections ("FTP/FTP-DATA Keywords" in Suricata's manual).
func ftpKeywords() []Keyword {
	all := []Keyword{
		number("ftp.dynamic_port", 16, ftpBoth(), func(v *view) (uint64, bool) {
			e := ftpExchange(v)
			return uint64(portOf(e)), e != nil && e.Port != 0
		}),
		{Name: "ftp.mode", Parse: parseFTPMode},
		{Name: "ftp.reply_received", Parse: parseFTPReplied},
		{Name: "ftpbounce", Arg: None, Parse: parseFTPBounce},
		{Name: "ftpdata_command", Parse: parseFTPDataCommand},
	}
	for _, b := range []Buffer{
		{Name: "ftp.command", Points: at(app.ToServer, 0, func(v *view) []byte {
			if e := ftpExchange(v); e != nil && e.Command != "" {
				return v.text(e.Command)
			}
			return nil
		}, app.FTP)},
		{Name: "ftp.command_data", Points: at(app.ToServer, 0, func(v *view) []byte {
			if e := ftpExchange(v); e != nil && e.Command != "" {
				return e.Argument()
			}
			return nil
		}, app.FTP)},
		{Name: "ftp.reply", Points: ftpReplies(func(r *ftp.Reply) []byte { return r.Text })},
		{Name: "ftp.completion_code", Points: ftpReplies(func(r *ftp.Reply) []byte { return r.Code })},
	} {
		all = append(all, buffer(b))
	}
	return all
}

func ftpExchange(v *view) *ftp.Exchange {
	e, _ := v.Tx.Data.(*ftp.Exchange)
	return e
}

func portOf(e *ftp.Exchange) uint16 {
	if e == nil {
		return 0
	}
	return e.Port
}

func ftpBoth() []Point {
	return append(when(app.ToServer, 0, app.FTP), when(app.ToClient, 0, app.FTP)...)
}

// ftpReplies makes the points of something that each line of an answer may have.
func ftpReplies(get func(*ftp.Reply) []byte) []Point {
	return each(app.ToClient, 0, func(v *view, i int) ([]byte, bool) {
		e := ftpExchange(v)
		if e == nil || i >= len(e.Replies) {
			return nil, false
		}
		return get(&e.Replies[i]), true
	}, app.FTP)
}

func parseFTPMode(b *builder, arg string) error {
	if arg != "active" && arg != "passive" {
		return fmt.Errorf("%q is neither active nor passive", arg)
	}
	return b.testTx("ftp.mode", ftpBoth(), func(v *view) bool {
		e := ftpExchange(v)
		return e != nil && e.Port != 0 && e.Active == (arg == "active")
	})
}

func parseFTPReplied(b *builder, arg string) error {
	var want bool
	switch arg {
	case "yes", "true", "1", "on":
		want = true
	case "no", "false", "0", "off":
	default:
		return fmt.Errorf("%q is neither yes nor no", arg)
	}
	return b.testTx("ftp.reply_received", when(app.ToClient, app.Done, app.FTP), func(v *view) bool {
		e := ftpExchange(v)
		return e != nil && e.Request != nil && e.Answered == want
	})
}

// parseFTPBounce finds a PORT command whose address is not the client's own.
func parseFTPBounce(b *builder, _ string) error {
	return b.testTx("ftpbounce", when(app.ToServer, 0, app.FTP), func(v *view) bool {
		e := ftpExchange(v)
		if e == nil || v.Flow == nil || v.Flow.Family != 4 {
			return false
		}
		addr, ok := e.BounceAddress()
		return ok && packet.AddrFrom4(addr) != v.Flow.Client
	})
}

func parseFTPDataCommand(b *builder, arg string) error {
	want := map[string]string{"retr": "RETR", "stor": "STOR"}[arg]
	if want == "" {
		return fmt.Errorf("%q is neither retr nor stor", arg)
	}
	dir := app.ToServer // of the file between user and server; which of the two has called does not matter
	if arg == "retr" {
		dir = app.ToClient
	}
	return b.testTx("ftpdata_command", when(dir, 0, app.FTPData), func(v *view) bool {
		t, ok := v.Tx.Data.(*ftp.Transfer)
		return ok && t.Command == want
	})
}
