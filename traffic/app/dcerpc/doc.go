// Package dcerpc reads DCE/RPC (The Open Group, C706): over TCP, over UDP, and the PDUs that others carry (named
// pipes of SMB). Each call is a transaction whose Data is a *Call. It follows Suricata's rust/src/dcerpc where detection
// depends on it.
package dcerpc
