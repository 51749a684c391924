package sensor

import (
	"strings"
	"testing"
)

func TestProxies(t *testing.T) {
	env := func(key string) string { return map[string]string{"HTTPS_PROXY": "http://one.example:3128"}[key] }
	got := proxies(env, []string{
		`http_proxy="http://two.example:8080/"` + "\n", "export all_proxy=socks5://192.0.2.1:1080\n", `Acquire::http::Proxy "http://three.example:3142";`,
		"#http_proxy=http://no.example", "no_proxy=localhost", "Acquire::http::Pipeline-Depth \"0\";", "http_proxy=",
	})
	if want := "one.example two.example 192.0.2.1 three.example"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}
