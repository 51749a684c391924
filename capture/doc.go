// Package capture brings frames in and takes verdicts out.
//
// A Source is a capture file, an AF_PACKET ring or an NFQUEUE. Its worker calls Receive, works on every frame
// of the batch, and gives the batch back with Release: that sends the verdicts (inline) and ends the loan of
// the bytes. The package knows nothing of what stands in a frame.
package capture
