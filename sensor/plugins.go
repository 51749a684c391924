package sensor

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"picket/actions/measure"
	"picket/actions/notify"
	"picket/actions/plugin"
)

// PluginsConfig says which measures of others picket may run.
type PluginsConfig struct {
	Dir     string                  `yaml:"dir"`      // where they are installed
	User    string                  `yaml:"user"`     // who runs those that name nobody
	HostKey string                  `yaml:"host-key"` // server_key of the metadata that they get
	Tags    []string                `yaml:"tags"`     // server_tags
	Sources map[string]PluginSource `yaml:"sources"`  // by the name of their folder
}

// PluginSource is a plugin that is fetched.
type PluginSource struct {
	URL     string `yaml:"url"`
	SHA256  string `yaml:"sha256"`
	Key     string `yaml:"key"`     // Ed25519, base64; the signature is at URL.sig
	Refresh int    `yaml:"refresh"` // hours; 0: once
}

func defaultPlugins() PluginsConfig {
	return PluginsConfig{Dir: "/etc/picket/plugins", User: "nobody"}
}

func (v *validation) plugins(c *PluginsConfig) {
	for name, s := range c.Sources {
		key := "plugins.sources." + name
		v.check(s.URL != "", key+".url", "https://example.net/plugin.zip", "is missing")
		v.check(s.SHA256 != "" || s.Key != "", key, "give sha256 or key", "nothing says that what is fetched is what was meant")
		v.check(s.SHA256 == "" || s.Refresh == 0, key+".refresh", "give key in place of sha256", "a file with a fixed checksum never changes")
		v.check(s.Refresh >= 0 && s.Refresh <= 8760, key+".refresh", "hours, 24 is usual", "%d hours", s.Refresh)
	}
}

// Runner is what plugins are run by.
func (c *Config) Runner() *plugin.Runner {
	return &plugin.Runner{
		User: c.Plugins.User, Dir: filepath.Join(c.StateDir, "plugins"), Host: plugin.ThisHost(c.Plugins.HostKey, c.Plugins.Tags), Announce: notify.Wall,
	}
}

// pluginDoers are the installed plugins as measures. Those with faults are told and left out; a built-in measure keeps
// its name.
func (c *Config) pluginDoers(taken measure.Doers, warn func(error)) measure.Doers {
	list, faults := plugin.Load(c.Plugins.Dir)
	for _, f := range faults {
		warn(f)
	}
	all := c.Runner().Doers(list)
	for name := range all {
		if _, is := taken[name]; is {
			warn(fmt.Errorf("plugin %s: a built-in measure has this name", name))
			delete(all, name)
		}
	}
	return all
}

// keepPlugins fetches plugins anew, each at its interval, until ctx ends.
func (s *Sensor) keepPlugins(ctx context.Context) {
	due := map[string]time.Time{} // by source; the zero time is now
	ticks := time.NewTicker(time.Minute)
	defer ticks.Stop()
	for {
		s.fetchDue(ctx, due, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

const (
	fetchRetry = 10 * time.Minute           // after a fetch that has failed, if the interval is no shorter
	never      = 100 * 365 * 24 * time.Hour // for what is fetched once
)

// fetchDue fetches the sources whose time has come, and says when each is due again.
func (s *Sensor) fetchDue(ctx context.Context, due map[string]time.Time, now time.Time) {
	for name, src := range s.config.Load().Plugins.Sources {
		if now.Before(due[name]) {
			continue
		}
		wait := cmp.Or(time.Duration(src.Refresh)*time.Hour, never)
		if err := s.fetchPlugin(ctx, name, src); err != nil {
			wait = min(wait, fetchRetry)
			s.log.Error("a plugin was not fetched; what is installed stays", "plugin", name, "error", err, "again", wait)
		}
		due[name] = now.Add(wait)
	}
}

// fetchPlugin installs a source. Plugins that are known are in force at once, new ones after a restart.
func (s *Sensor) fetchPlugin(ctx context.Context, name string, src PluginSource) error {
	list, err := plugin.Install(ctx, s.config.Load().Plugins.Dir, name, plugin.Source{URL: src.URL, SHA256: src.SHA256, Key: src.Key})
	if err != nil {
		return err
	}
	s.usePlugins(list)
	s.log.Info("plugin fetched", "plugin", name, "measures", names(list))
	return nil
}

// usePlugins puts plugins that are known in force as they are now.
func (s *Sensor) usePlugins(list []*plugin.Manifest) {
	for _, m := range list {
		if p, ok := s.doers[m.Textkey].(*plugin.Plugin); ok {
			p.Renew(m)
		} else {
			s.log.Warn("a new plugin can be used after a restart", "textkey", m.Textkey)
		}
	}
}

func names(list []*plugin.Manifest) string {
	var keys []string
	for _, m := range list {
		keys = append(keys, m.Textkey)
	}
	return strings.Join(keys, ", ")
}
