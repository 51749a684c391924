package http2

import (
	"encoding/binary"
)

// Frame flags.
const (
	flagEndStream  = 0x01
	flagEndHeaders = 0x04
	flagPadded     = 0x08
	flagPriority   = 0x20
)

// Bounds of frames.
const (
	frameHeader   = 9
	maxWhole      = 65536 // a frame up to here is waited for
	longBeginning = 256   // bytes of a longer frame that are waited for
	maxKept       = 1024  // settings, windows, priorities and error codes kept of a stream's direction, each
	maxFrames     = 65536 // frames of a stream's direction ("max-frames")
	maxBlock      = 100 << 10
)

// head is a frame's header.
type head struct {
	length int
	kind   FrameType
	flags  byte
	stream uint32
}

func readHead(b []byte) head {
	return head{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]), kind: FrameType(b[3]), flags: b[4],
		stream: binary.BigEndian.Uint32(b[5:]) & 0x7fffffff,
	}
}

// wrongSize tells whether a frame of a type can't have n bytes.
func wrongSize(kind FrameType, n int) bool {
	switch kind {
	case GoAway:
		return n < 4
	case ResetStream, WindowUpdate:
		return n != 4
	case Priority:
		return n != 5
	}
	return false
}

// unpad takes padding off a frame; false when there is more of it than frame.
func unpad(b []byte, flags byte) ([]byte, bool) {
	if flags&flagPadded == 0 {
		return b, true
	}
	if len(b) == 0 || int(b[0]) > len(b)-1 {
		return nil, false
	}
	return b[1 : len(b)-int(b[0])], true
}

// settings reads a SETTINGS frame; false when it does not consist of whole parameters.
func settings(b []byte) (list []Setting, ok bool) {
	for ; len(b) >= 6 && len(list) < maxKept; b = b[6:] {
		id := binary.BigEndian.Uint16(b)
		if id < SettingTableSize || id > SettingHeaderBytes {
			continue
		}
		list = append(list, Setting{id, binary.BigEndian.Uint32(b[2:])})
	}
	return list, len(b) < 6
}
