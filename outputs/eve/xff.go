package eve

import (
	"bytes"
	"net/netip"
	"strings"

	"picket/traffic/app"
	"picket/traffic/app/http1"
	"picket/traffic/packet"
)

// forwarded finds the client's address that a proxy wrote into the alert's transaction, or the flow's newest one
// when the match is in none. nil: the configuration does not ask, or there is no valid address.
func (l *Logger) forwarded(a *Alert, at *Moment) []byte {
	c := &l.cfg.Alert.XFF
	if !c.Enabled || at.State == nil {
		return nil
	}
	tx := a.Tx
	if tx == nil && at.State.App.Parser != nil {
		if open := at.State.App.Parser.Transactions().Open; len(open) > 0 {
			tx = open[len(open)-1]
		}
	}
	if tx == nil || tx.Proto != app.HTTP1 {
		return nil
	}
	t, ok := tx.Data.(*http1.Transaction)
	if !ok {
		return nil
	}
	return forwardedBy(t.Request.Headers.Get(strings.ToLower(c.Header)), c.Reverse)
}

// forwardedBy picks the address out of "client, proxy, proxy": a reverse proxy wrote the last one itself, a
// forward proxy's chain begins with the client (app-layer-htp-xff.c). It returns nil for what is no address.
func forwardedBy(chain []byte, reverse bool) []byte {
	addr := chain
	if i := bytes.LastIndexByte(chain, ','); reverse && i >= 0 {
		addr = chain[i+1:]
	} else if i := bytes.IndexByte(chain, ','); i >= 0 {
		addr = chain[:i]
	}
	addr = bytes.TrimSpace(addr)
	if len(addr) > 45 { // the longest form of an IPv6 address
		return nil
	}
	if _, err := netip.ParseAddr(string(addr)); err != nil {
		return nil
	}
	return addr
}

// overwritten returns the moment with a packet whose client has the forwarded address.
func overwritten(at *Moment, xff []byte) *Moment {
	addr, err := netip.ParseAddr(string(xff))
	if err != nil || at.Packet == nil {
		return at
	}
	p := *at.Packet
	if p.Dir == packet.ToClient {
		p.Dst = packet.AddrFrom(addr)
	} else {
		p.Src = packet.AddrFrom(addr)
	}
	other := *at
	other.Packet = &p
	return &other
}
