package signatures

import (
	"bytes"
	"strings"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/app/ssh"
)

// sshKeywords are the SSH keywords of Suricata 8 ("SSH Keywords" in its manual).
func sshKeywords() []Keyword {
	all := []Keyword{
		{Name: "ssh.protoversion", Parse: sshText("ssh.protoversion", func(s *ssh.Side, want string) bool {
			if want == "2_compat" {
				return string(s.Proto) == "2.0" || string(s.Proto) == "2" || string(s.Proto) == "1.99"
			}
			return string(s.Proto) == want
		})},
		{Name: "ssh.softwareversion", Parse: sshText("ssh.softwareversion", func(s *ssh.Side, want string) bool {
			return bytes.Contains(s.Software, []byte(want))
		})},
	}
	for _, b := range []Buffer{
		{Name: "ssh.proto", Aliases: []string{"ssh_proto"}, Points: sshBoth(func(_ *view, s *ssh.Side) []byte { return s.Proto })},
		{Name: "ssh.software", Aliases: []string{"ssh_software"}, Points: sshBoth(func(_ *view, s *ssh.Side) []byte { return s.Software })},
		{Name: "ssh.hassh", Aliases: []string{"ssh_hassh"}, Content: hexDigest(32), Points: sshAt(app.ToServer, ssh.KexDone, sshHash)},
		{Name: "ssh.hassh.string", Points: sshAt(app.ToServer, ssh.KexDone, sshOffer)},
		{Name: "ssh.hassh.server", Content: hexDigest(32), Points: sshAt(app.ToClient, ssh.KexDone, sshHash)},
		{Name: "ssh.hassh.server.string", Points: sshAt(app.ToClient, ssh.KexDone, sshOffer)},
	} {
		all = append(all, buffer(b))
	}
	return all
}

func sshHash(v *view, s *ssh.Side) []byte  { return v.text(s.HASSH) }
func sshOffer(_ *view, s *ssh.Side) []byte { return s.Offer }

// sshSide returns the peer that sends in the direction under inspection; nil when the transaction is none of SSH.
func sshSide(v *view) *ssh.Side {
	s, ok := v.Tx.Data.(*ssh.Session)
	switch {
	case !ok:
		return nil
	case v.Dir == app.ToServer:
		return &s.Client
	}
	return &s.Server
}

func sshAt(dir app.Direction, p app.Progress, get func(*view, *ssh.Side) []byte) []Point {
	return at(dir, p, func(v *view) []byte {
		if s := sshSide(v); s != nil {
			return get(v, s)
		}
		return nil
	}, app.SSH)
}

func sshBoth(get func(*view, *ssh.Side) []byte) []Point {
	return append(sshAt(app.ToServer, ssh.BannerDone, get), sshAt(app.ToClient, ssh.BannerDone, get)...)
}

// sshText reads the old keywords that compare a text of the banner.
func sshText(name string, test func(s *ssh.Side, want string) bool) func(b *builder, arg string) error {
	return func(b *builder, arg string) error {
		want, _, err := language.Unquote(arg, language.QuotesAllowed)
		if err != nil {
			return err
		}
		want = strings.TrimSpace(want)
		points := append(when(app.ToServer, ssh.BannerDone, app.SSH), when(app.ToClient, ssh.BannerDone, app.SSH)...)
		return b.testTx(name, points, func(v *view) bool {
			s := sshSide(v)
			return s != nil && test(s, want)
		})
	}
}
