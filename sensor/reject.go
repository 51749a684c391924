package sensor

import (
	"errors"

	"golang.org/x/sys/unix"

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
			err = r.send(p, side, ip)
		}
		if err != nil && !errors.Is(err, actions.ErrNoReject) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// send lets the host route the answer. Where it has no way there, as a sensor on a SPAN port has none, the answer goes out
// of the interface on which the packet was seen.
func (r *rejects) send(p *packet.Packet, to actions.Side, ip []byte) error {
	err := r.sender.Send(ip)
	if !errors.Is(err, unix.ENETUNREACH) && !errors.Is(err, unix.EHOSTUNREACH) {
		return err
	}
	frame := actions.FrameReject(p, to, ip)
	if frame == nil {
		return err
	}
	return r.sender.SendFrame(int(p.Iface), frame)
}

// Close implements rejecter.
func (r *rejects) Close() error { return r.sender.Close() }
