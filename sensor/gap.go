package sensor

import (
	"picket/outputs/eve"
	"picket/traffic/flow"
	"picket/traffic/stream"
)

func (s *Settings) flowConfig() flow.Config { return flow.Default() }
func (s *Settings) streamConfig(inline, sums bool) stream.Config {
	c := stream.Default()
	c.Inline, c.ChecksumValidation = inline, sums
	c.Midstream = s.Bool("stream.midstream", false)
	c.AsyncOneside = s.Bool("stream.async-oneside", false)
	return c
}
func tcpSummary(f *flow.Flow, s *flow.State) *eve.TCPSummary { return nil }
