package capture

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// ErrFull says that a capture has reached its size limit; the frame was not written.
var ErrFull = errors.New("capture is full")

// CaptureWriter writes frames as a pcap file with nanosecond stamps: the evidence of an incident.
type CaptureWriter struct {
	w    *pcapgo.Writer
	link uint16
	room int64
}

// NewCaptureWriter starts a capture of at most limit bytes (header included) of frames of one link type.
func NewCaptureWriter(w io.Writer, link uint16, limit int64) (*CaptureWriter, error) {
	c := &CaptureWriter{w: pcapgo.NewWriterNanos(w), link: link, room: limit - pcapHeader}
	if c.room < 0 {
		return nil, fmt.Errorf("write capture: a limit of %d bytes leaves no room for the header: %w", limit, ErrFull)
	}
	if err := writeHeader(c.w, w, link); err != nil {
		return nil, fmt.Errorf("write capture: %w", err)
	}
	return c, nil
}

// writeHeader writes the file header. gopacket's link type has eight bits; a wider one (SLL2 is 276) is patched in.
func writeHeader(p *pcapgo.Writer, w io.Writer, link uint16) error {
	if link <= 0xff {
		return p.WriteFileHeader(maxFrame, layers.LinkType(link))
	}
	var h headerBuffer
	if err := pcapgo.NewWriterNanos(&h).WriteFileHeader(maxFrame, 0); err != nil {
		return err
	}
	h.b[20], h.b[21] = byte(link), byte(link>>8)
	_, err := w.Write(h.b[:])
	return err
}

// headerBuffer catches a file header.
type headerBuffer struct {
	b [pcapHeader]byte
	n int
}

func (h *headerBuffer) Write(b []byte) (int, error) {
	h.n += copy(h.b[h.n:], b)
	return len(b), nil
}

// Write adds a frame, or returns ErrFull and leaves the capture as it was.
func (c *CaptureWriter) Write(f *Frame) error {
	if f.Link != c.link {
		return fmt.Errorf("write capture: a frame of link type %d in a capture of %d", f.Link, c.link)
	}
	size := int64(pcapRecord + len(f.Data))
	if size > c.room {
		return ErrFull
	}
	ci := gopacket.CaptureInfo{
		Timestamp:     time.Unix(0, f.Time),
		CaptureLength: len(f.Data),
		Length:        max(int(f.WireLen), len(f.Data)),
	}
	if err := c.w.WritePacket(ci, f.Data); err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	c.room -= size
	return nil
}
