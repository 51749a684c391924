// Package shape holds measures on a party's traffic that are no bans: rate limit, tarpit, quarantine of a host, and the
// end of its connections. Each lasting measure is one table of nftables, inet picket_m<number>, that is made and removed
// in one transaction, can be read with nft, survives picket, and is read back as the proof.
package shape
