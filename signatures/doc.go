// Package signatures judges packets, streams and transactions.
//
// In go rules (package language) once, compiled into an immutable Engine; then, for each packet, the packet,
// its flow and what is new in it. Out come alerts and one verdict with its reason. An Inspector holds one
// worker's scratch; Inspect allocates nothing on a packet that matches nothing. The package never touches a
// device, a file or the clock: time is the packet's.
package signatures
