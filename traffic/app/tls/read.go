package tls

import "picket/traffic/app"

// ReadHello reads a ClientHello or ServerHello that another protocol has carried (QUIC), with the header of its
// handshake message. nil: it is neither, or malformed. Fingerprints are not switched off.
func ReadHello(msg []byte) *Session {
	if len(msg) < 4 {
		return nil
	}
	p, ok := newParser(app.Default()).(*parser)
	if !ok {
		return nil
	}
	var err error
	switch msg[0] {
	case msgClientHello:
		p.session.Seen |= SeenClientHello
		err = p.clientHello(msg[4:])
	case msgServerHello:
		p.session.Seen |= SeenServerHello
		err = p.serverHello(msg[4:])
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	return &p.session
}
