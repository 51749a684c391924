package app

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // sums that rules and analysts ask for
	"crypto/sha1" //nolint:gosec
	"crypto/sha256"
	"hash"
)

// FileState is how a file's transfer stands.
type FileState uint8

// The states as EVE's fileinfo names them.
const (
	FileOpen FileState = iota // not logged in this state
	FileClosed
	FileTruncated
	FileError
)

func (s FileState) String() string {
	return [...]string{"UNKNOWN", "CLOSED", "TRUNCATED", "ERROR"}[s]
}

// File is content carried by a transaction.
type File struct {
	ID    uint32 // counts the connection's files from 1
	Name  []byte
	Size  uint64 // bytes seen so far, without gaps
	State FileState
	Gaps  bool
	Start uint64 // first byte and last byte of a Content-Range; End 0: none
	End   uint64
	// Data is the beginning of the content, up to the inspection limit of its protocol.
	Data []byte
	// Sums hold running hashes, nil when no rule and no output asks for them.
	MD5, SHA1, SHA256 hash.Hash
	// Inspect says that enough is there to judge (minimal inspect size reached, closed, or inline).
	Inspect bool
	Stored  bool
	Logged  bool
}

// Bounds of a file.
const (
	maxFileName = 4095
	maxFileKept = 100 << 10 // bytes of a file that are kept for inspection, where the protocol has no limit of its own
)

// NewFile makes an open file with the sums that the configuration asks for. The name is copied.
func (c *Config) NewFile(id uint32, name []byte) *File {
	f := &File{ID: id, Name: bytes.Clone(name[:min(len(name), maxFileName)]), Stored: c.StoreAll}
	if c.MD5 {
		f.MD5 = md5.New() //nolint:gosec
	}
	if c.SHA1 {
		f.SHA1 = sha1.New() //nolint:gosec
	}
	if c.SHA256 {
		f.SHA256 = sha256.New()
	}
	return f
}

// Write adds content to an open file: it is counted, summed up, and its beginning is kept.
func (f *File) Write(b []byte) {
	if f.State != FileOpen {
		return
	}
	f.Size += uint64(len(b))
	f.Inspect = true
	if room := maxFileKept - len(f.Data); room > 0 && !f.Gaps {
		f.Data = append(f.Data, b[:min(room, len(b))]...)
	}
	if f.Gaps {
		return
	}
	for _, h := range [...]hash.Hash{f.MD5, f.SHA1, f.SHA256} {
		if h != nil {
			h.Write(b)
		}
	}
}

// Close ends an open file. One with gaps is truncated.
func (f *File) Close(state FileState) {
	if f.State != FileOpen {
		return
	}
	if f.Gaps && state == FileClosed {
		state = FileTruncated
	}
	f.State, f.Inspect = state, true
}
