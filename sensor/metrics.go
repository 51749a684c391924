package sensor

import (
	"context"
	"fmt"
	"net"

	"picket/outputs/metrics"
)

// MetricsConfig says where Prometheus finds the counters.
type MetricsConfig struct {
	Listen string `yaml:"listen"` // address and port; "": nowhere
}

func (v *validation) metrics(c *MetricsConfig) {
	if c.Listen == "" {
		return
	}
	_, port, err := net.SplitHostPort(c.Listen)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	v.check(err == nil, "metrics.listen", "write 127.0.0.1:9469", "%q is no address with a port", c.Listen)
}

// prepareMetrics opens the address of the counters, if there is to be one.
func (s *Sensor) prepareMetrics(o *RunOptions) error {
	at := o.Config.Metrics.Listen
	if at == "" {
		return nil
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		return fmt.Errorf("serve metrics: %w (metrics.listen)", err)
	}
	s.metrics = l
	return nil
}

// serveMetrics answers Prometheus until ctx ends. Its end is no end of picket.
func (s *Sensor) serveMetrics(ctx context.Context) {
	if s.metrics == nil {
		return
	}
	if err := metrics.Serve(ctx, s.metrics, s.Status); err != nil {
		s.log.Error("Prometheus is answered no more", "error", err)
	}
}
