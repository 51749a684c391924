package smtp

import (
	"strconv"
	"strings"

	"picket/traffic/app"
)

// settings are the keys app-layer.protocols.smtp.mime.* ("MIME" in Suricata's manual).
type settings struct {
	plain, noBase64, noQuoted bool // content is not decoded: no parts, not base64, not quoted-printable
	noURLs, urlScheme, sum    bool // URLs are not looked for; are kept with their scheme; the body is summed up
	schemes                   []string
}

// maxSchemes bounds the URL schemes of a configuration.
const maxSchemes = 16

func newSettings(c *app.Config) settings {
	on := func(name string, def bool) bool {
		switch strings.ToLower(c.Settings["smtp.mime."+name]) {
		case "yes", "true", "on", "1":
			return true
		case "no", "false", "off", "0":
			return false
		}
		return def
	}
	s := settings{
		plain: !on("decode-mime", true), noBase64: !on("decode-base64", true), noQuoted: !on("decode-quoted-printable", true),
		noURLs: !on("extract-urls", true), urlScheme: on("log-url-scheme", false), sum: on("body-md5", false),
	}
	for i := range maxSchemes {
		name := c.Settings["smtp.mime.extract-urls-schemes."+strconv.Itoa(i)]
		if name == "" {
			break
		}
		s.schemes = append(s.schemes, name+"://")
	}
	if s.schemes == nil {
		s.schemes = []string{"http://"}
	}
	return s
}
