package signatures

import (
	"fmt"
	"slices"
	"strconv"

	"picket/signatures/language"
)

// tagRule is one tag option: which packets after the match are written too.
type tagRule struct {
	host   bool // of a host, in any flow; otherwise of the flow
	source bool // the host is the packet's source, otherwise its destination
	metric tagMetric
	count  uint32
}

// tagMetric is what a tag counts until it is over.
type tagMetric uint8

// Packets, seconds since the match, or bytes of whole packets.
const (
	tagPackets tagMetric = iota
	tagSeconds
	tagBytes
)

// defaultTag is what a tag without numbers lasts for (Suricata's DETECT_TAG_MAX_PKTS).
const defaultTag = 256

// parseTag reads "session", "session,10,seconds" and "host,100,packets,src" (docs.suricata.io, "tag").
func parseTag(b *builder, arg string) error {
	args := language.SplitArgs(arg)
	t := tagRule{count: defaultTag}
	switch args[0] {
	case "session":
	case "host":
		t.host = true
	default:
		return fmt.Errorf("%q is not session or host", args[0])
	}
	if len(args) == 2 || len(args) > 4 {
		return fmt.Errorf("write %s alone, or %s,COUNT,packets|seconds|bytes[,src|dst]", args[0], args[0])
	}
	if len(args) > 2 {
		if err := t.lasts(args[1], args[2]); err != nil {
			return err
		}
	}
	if len(args) > 3 {
		if args[3] != "src" && args[3] != "dst" {
			return fmt.Errorf("%q is not src or dst", args[3])
		}
		t.source = args[3] == "src"
	}
	b.Signature.tags = append(b.Signature.tags, t)
	return nil
}

// lasts reads how much of what a tag is for.
func (t *tagRule) lasts(count, metric string) error {
	n, err := strconv.ParseUint(count, 10, 32)
	if err != nil {
		return fmt.Errorf("count %q is not a number", count)
	}
	i := slices.Index([]string{"packets", "seconds", "bytes"}, metric)
	if i < 0 {
		return fmt.Errorf("%q is not packets, seconds or bytes", metric)
	}
	t.count, t.metric = uint32(n), tagMetric(i)
	return nil
}
