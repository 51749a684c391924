// Package packet decodes frames in place and rebuilds fragmented datagrams.
//
// In comes the bytes of one frame with its link type; out comes one Packet for the frame and one more for
// every packet found inside it (tunnels) or completed by it (defragmentation). A Packet only views the bytes:
// they belong to the capture source until the batch is released, or to the Decoder for rebuilt datagrams
// (valid until the next call of Decode).
//
// Nothing here allocates on the path of a well-formed packet, nothing panics or loops on hostile bytes.
// Event names and their conditions follow Suricata's decoder events (rules/decoder-events.rules there).
package packet
