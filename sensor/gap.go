package sensor

import (
	"picket/outputs/eve"
	"picket/traffic/flow"
	"picket/traffic/stream"
)

func (s *Settings) flowConfig() flow.Config { return flow.Default() }
func (s *Settings) streamConfig(inline, sums bool) stream.Config {
	return stream.Config{Inline: inline}
}
func tcpSummary(f *flow.Flow, s *flow.State) *eve.TCPSummary { return nil }
