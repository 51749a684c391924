package recon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"picket/actions/measure"
	"picket/capture"
	"picket/incidents"
	"picket/traffic/packet"
)

// recorder captures packets into files of its folder.
type recorder struct{ dir string }

const (
	captureSeconds = 10
	captureBytes   = 16 << 20
)

// recording is what an order asks for.
type recording struct {
	seconds    int
	interfaces []string
	host       netip.Addr // only its packets; invalid: all
}

func recordingOf(o *measure.Order) (r recording, err error) {
	if r.seconds, err = number(o, "seconds", captureSeconds, 1, maxSeconds); err != nil {
		return r, err
	}
	if name := o.Measure.Args["interface"]; name != "" {
		r.interfaces = []string{name}
	} else if r.interfaces, err = capture.DefaultInterfaces(); err != nil {
		return r, err
	}
	if len(r.interfaces) == 0 {
		return r, errors.New("no interface holds a default route (give interface)")
	}
	r.host, err = peer(o)
	if err != nil && o.Measure.Args["host"] == "" {
		err = nil // everybody's packets
	}
	return r, err
}

func captureCheck(o *measure.Order) (target, step string, err error) {
	r, err := recordingOf(o)
	if err != nil {
		return "", "", err
	}
	who := "everybody"
	if r.host.IsValid() {
		who = r.host.String()
	}
	return who, fmt.Sprintf("capture packets of %s on %s for %d seconds", who, r.interfaces[0], r.seconds), nil
}

// run captures on the first interface until the time is over or the file is full.
func (rec *recorder) run(ctx context.Context, o *measure.Order) (string, []incidents.Evidence, error) {
	r, err := recordingOf(o)
	if err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(rec.dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("capture: %w", err)
	}
	path := filepath.Join(rec.dir, fmt.Sprintf("measure-%d.pcap", o.Measure.ID))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", nil, fmt.Errorf("capture: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.seconds)*time.Second)
	defer cancel()
	var first bytes.Buffer // the part that is kept with the incident
	n, err := r.record(ctx, file, &first)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("%d packets in %s\n", n, path), []incidents.Evidence{{
		Time: time.Now().UTC(), Kind: "pcap", Name: path, Type: "application/vnd.tcpdump.pcap", Data: first.Bytes(),
	}}, nil
}

// record writes frames to both writers, each up to its bound, and returns how many the first has.
func (r *recording) record(ctx context.Context, file, first io.Writer) (n int, err error) {
	src, err := capture.OpenRing(capture.RingOptions{Interface: r.interfaces[0], Blocks: 8})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	stop := context.AfterFunc(ctx, src.Interrupt)
	defer stop()
	var whole, part *capture.CaptureWriter
	decoder := packet.NewDecoder(packet.Config{})
	var batch capture.Batch
	for {
		got := src.Receive(&batch)
		for i := range batch.Frames {
			f := &batch.Frames[i]
			if whole == nil {
				if whole, err = capture.NewCaptureWriter(file, f.Link, captureBytes); err == nil {
					part, err = capture.NewCaptureWriter(first, f.Link, incidents.MaxEvidence)
				}
				if err != nil {
					return n, errors.Join(err, src.Release(&batch))
				}
			}
			if !r.wanted(decoder, f) {
				continue
			}
			_ = part.Write(f) // it is full soon; the file has the rest
			if err := whole.Write(f); err != nil {
				return n, errors.Join(src.Release(&batch), full(err))
			}
			n++
		}
		if err := src.Release(&batch); err != nil {
			return n, err
		}
		if errors.Is(got, io.EOF) {
			return n, nil
		}
		if got != nil {
			return n, got
		}
	}
}

// full ends a capture without an error when its file has its size.
func full(err error) error {
	if errors.Is(err, capture.ErrFull) {
		return nil
	}
	return err
}

// wanted tells whether a frame is the host's.
func (r *recording) wanted(d *packet.Decoder, f *capture.Frame) bool {
	if !r.host.IsValid() {
		return true
	}
	for _, p := range d.Decode(packet.Input{Data: f.Data, Time: f.Time, WireLen: f.WireLen, Link: packet.LinkType(f.Link)}) {
		if p.Family != 0 && (p.Src.Netip() == r.host || p.Dst.Netip() == r.host) {
			return true
		}
	}
	return false
}
