// Package nfs reads the network file system (RFC 1094, RFC 1813, RFC 7530) in ONC RPC (RFC 5531), over TCP and UDP.
// Each call is a transaction, and so is each transfer of a file; Data is a *Call. It follows Suricata's rust/src/nfs where
// detection depends on it.
package nfs
