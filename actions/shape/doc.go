// Package shape holds measures on a party's traffic that are no bans: rate limit, tarpit, quarantine of a host, and the
// end of its connections. Each is a table of nftables, inet picket_m<number>, for what this host receives, sends and
// forwards, and one of family bridge with the same name for frames that only pass a bridge. Both are made and removed in
// one transaction, can be read with nft, survive picket, and are read back as the proof.
package shape
