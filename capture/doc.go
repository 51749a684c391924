// Package capture brings frames in and takes verdicts out.
//
// A Source is a capture file (OpenFile), an AF_PACKET ring (OpenRing) or an NFQUEUE (OpenQueue). Its worker calls
// Receive, works on every frame of the batch, and gives the batch back with Release: that sends the verdicts (inline)
// and ends the loan of the bytes. None of the three allocates per frame. The package knows nothing of what stands in
// a frame.
//
// Inline, InstallQueueRules puts the rule that feeds the queues into the kernel. Start: open all queues, then install
// the rules. Stop: remove the rules while the workers run, interrupt the queues, receive until io.EOF, close them.
// CaptureWriter writes frames as evidence. docs/decisions/0003-capture.md says what is our own here and what the libraries do.
package capture
