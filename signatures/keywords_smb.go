package signatures

import (
	"errors"

	"picket/signatures/language"
	"picket/traffic/app"
	"picket/traffic/app/smb"
)

// smbKeywords are the SMB keywords of Suricata 8 ("SMB Keywords" in its manual).
func smbKeywords() []Keyword {
	all := []Keyword{{Name: "smb.version", Parse: parseSMBVersion}}
	for _, b := range []Buffer{
		{Name: "smb.named_pipe", Aliases: []string{"smb_named_pipe"}, Points: smbPoints(func(t *smb.Transaction) []byte {
			if t.Connect != nil && t.Connect.Pipe {
				return t.Connect.Share
			}
			return nil
		})},
		{Name: "smb.share", Aliases: []string{"smb_share"}, Points: smbPoints(func(t *smb.Transaction) []byte {
			if t.Connect != nil && !t.Connect.Pipe {
				return t.Connect.Share
			}
			return nil
		})},
		{Name: "smb.ntlmssp_user", Points: smbPoints(func(t *smb.Transaction) []byte {
			if t.Setup != nil && t.Setup.NTLMSSP != nil {
				return t.Setup.NTLMSSP.User
			}
			return nil
		})},
		{Name: "smb.ntlmssp_domain", Points: smbPoints(func(t *smb.Transaction) []byte {
			if t.Setup != nil && t.Setup.NTLMSSP != nil {
				return t.Setup.NTLMSSP.Domain
			}
			return nil
		})},
	} {
		all = append(all, buffer(b))
	}
	return all
}

func smbPoints(get func(*smb.Transaction) []byte) []Point {
	return at(app.ToServer, 0, func(v *view) []byte {
		if t, ok := v.Tx.Data.(*smb.Transaction); ok {
			return get(t)
		}
		return nil
	}, app.SMB)
}

// parseSMBVersion reads the version of a transaction's records; a rule may name it once.
func parseSMBVersion(b *builder, arg string) error {
	n, err := language.ParseNumber(arg, 8)
	if err != nil {
		return err
	}
	for _, t := range b.Signature.tx {
		if t.name == "smb.version" {
			return errors.New("is given twice")
		}
	}
	points := append(when(app.ToServer, 0, app.SMB), when(app.ToClient, 0, app.SMB)...)
	return b.testTx("smb.version", points, func(v *view) bool {
		t, ok := v.Tx.Data.(*smb.Transaction)
		return ok && n.Match(uint64(t.Version))
	})
}
