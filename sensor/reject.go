package sensor

import (
	"errors"

	"picket/actions"
	"picket/traffic/packet"
)

// rejects answers rejected packets through raw sockets; one for each worker.
type rejects struct {
	sender *actions.RejectSender
	// delivered: capture is passive, so the rejected packet itself has reached its receiver.
	delivered bool
}

func openRejects(delivered bool) (rejecter, error) {
	sender, err := actions.OpenRejectSender(actions.DefaultReject())
	if err != nil {
		return nil, err
	}
	return &rejects{sender, delivered}, nil
}

// Reject implements rejecter. A packet that must not be answered (an ICMP error, a reset) is left alone.
func (r *rejects) Reject(p *packet.Packet, toSource, toDestination bool) error {
	var failed error
	for side, wanted := range map[actions.Side]bool{actions.ToSource: toSource, actions.ToDestination: toDestination} {
		if !wanted {
			continue
		}
		ip, err := actions.BuildReject(p, side, r.delivered)
		if err == nil {
			err = r.sender.Send(ip)
		}
		if err != nil && !errors.Is(err, actions.ErrNoReject) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// Close implements rejecter.
func (r *rejects) Close() error { return r.sender.Close() }
