package app

import "hash"

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
