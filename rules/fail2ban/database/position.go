package database

import (
	"bufio"
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxFirstLine bounds the first line of a log that is read to know it again.
const maxFirstLine = 1 << 20

// Current tells whether the log is still the file that fail2ban was reading: its first line is the same, and the position
// lies within it. A log that was rotated since is another one.
func (l *Log) Current() (bool, error) {
	f, err := os.Open(l.Path)
	if err != nil {
		return false, fmt.Errorf("look at a log that fail2ban has read: %w", err)
	}
	defer f.Close()
	s, err := f.Stat()
	if err != nil {
		return false, fmt.Errorf("look at a log that fail2ban has read: %w", err)
	}
	line, err := bufio.NewReader(io.LimitReader(f, maxFirstLine)).ReadBytes('\n')
	if err != nil || l.Position > s.Size() {
		return false, nil // without a first line there is nothing to know it by
	}
	byMD5, bySHA1 := md5.Sum(line), sha1.Sum(line)
	return strings.EqualFold(l.FirstLine, hex.EncodeToString(byMD5[:])) || strings.EqualFold(l.FirstLine, hex.EncodeToString(bySHA1[:])), nil
}
