package logins

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const openFlags = unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC

// A record of utmp, wtmp and btmp as 64-bit Linux has it (struct utmp of <bits/utmp.h>): type 2 bytes, pid at 4, line 32 at
// 8, user 32 at 44, host 256 at 76, seconds at 340, address 16 at 348; all numbers in the host's order.
const (
	recordSize   = 384
	loginProcess = 6 // of btmp
	userProcess  = 7
	// maxRead bounds what is looked at for the newest records of users: wtmp also has boots and ends of sessions.
	maxRead = 64 << 20
	block   = 64 // records that are read at once
)

// OfUTMP reads the newest sessions of a file, the newest first. A torn last record is left out.
func OfUTMP(path string, most int) ([]Login, error) {
	f, size, err := regular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return newest(f, size, most)
}

// newest reads records backward.
func newest(r io.ReaderAt, size int64, most int) (list []Login, err error) {
	end := size / recordSize
	least := max(0, end-maxRead/recordSize)
	buf := make([]byte, block*recordSize)
	for end > least && len(list) < most {
		n := min(block, end-least)
		part := buf[:n*recordSize]
		if _, err := r.ReadAt(part, (end-n)*recordSize); err != nil {
			return list, err // it became shorter meanwhile
		}
		for i := n - 1; i >= 0 && len(list) < most; i-- {
			if l, ok := parse(part[i*recordSize : (i+1)*recordSize]); ok {
				list = append(list, l)
			}
		}
		end -= n
	}
	return list, nil
}

// parse reads one record; false for what is no session and no failed try of a user.
func parse(b []byte) (l Login, ok bool) {
	text := func(from, n int) string {
		field, _, _ := bytes.Cut(b[from:from+n], []byte{0})
		return string(field)
	}
	kind := binary.NativeEndian.Uint16(b)
	l = Login{PID: int(int32(binary.NativeEndian.Uint32(b[4:]))), Line: text(8, 32), User: text(44, 32), Host: text(76, 256)}
	l.At = time.Unix(int64(binary.NativeEndian.Uint32(b[340:])), 0).UTC() // unsigned: it lasts until 2106
	if l.Addr = address(l.Host); !l.Addr.IsValid() {
		l.Addr = rawAddress([16]byte(b[348:364]))
	}
	return l, (kind == userProcess || kind == loginProcess) && l.User != ""
}

// rawAddress is the address in a record: 4 bytes and zeros, or 16.
func rawAddress(raw [16]byte) netip.Addr {
	a := netip.AddrFrom16(raw).Unmap()
	if [12]byte(raw[4:]) == [12]byte{} {
		a = netip.AddrFrom4([4]byte(raw[:4]))
	}
	if a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}
