// Package packet decodes frames in place and rebuilds fragmented datagrams.
//
// In comes the bytes of one frame with its link type; out comes one Packet for the frame and one more for
// every packet found inside it (tunnels) or completed by it (defragmentation). A Packet only views the bytes:
// they belong to the capture source until the batch is released, or to the Decoder for rebuilt datagrams
// (valid until the next call of Decode).
//
// Where to read: decoder.go shows the walk of a frame; link.go, tags.go, ppp.go and arp.go what comes before IP;
// ipv4.go and ipv6.go with their options and extension headers; tcp.go, transport.go and icmp.go what IP carries;
// tunnel.go what is carried inside that. defrag.go shows the walk of a fragment. checksum.go verifies on demand.
//
// Nothing here allocates on the path of a well-formed packet, nothing panics or loops on hostile bytes: headers of a
// frame (Config.MaxLayers), packets of a frame (maxPackets) and everything that waits for fragments (DefragConfig)
// are bounded. Event names and their conditions follow Suricata's decoder events (rules/decoder-events.rules there),
// as its alerts must be ours.
package packet
