package packet

// Event is a decoder event. Its name, as rules and EVE spell it ("decoder.ipv4.pkt_too_small" is spelled
// "ipv4.pkt_too_small" in a decode-event option), comes from Name.
type Event uint16
