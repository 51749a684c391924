// Package procfs reads what measures need of /proc (proc(5)): processes and sockets. What it reads is partly chosen by
// the processes themselves: a name may hold anything.
package procfs

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"iter"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrGone tells that a process is not there.
var ErrGone = errors.New("the process is gone")

// Process is a line of /proc/PID/stat.
type Process struct {
	PID, Parent, Group, Session int
	Comm                        string
	State                       byte   // R, S, D, T, Z …
	Flags                       uint64 // PF_…
	Ticks                       uint64 // of CPU time, in 1/100 s
	Nice, Threads               int
	Start                       uint64 // 1/100 s after boot; names a process for good, with its number
	RSS                         int64  // pages
}

// KernelThread is PF_KTHREAD in Flags.
const KernelThread = 0x00200000

// Read reads one process. The error is ErrGone when there is none.
func Read(pid int) (Process, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Process{PID: pid}, ErrGone
	}
	return parse(pid, text)
}

// fields is how many fields stand behind the name up to rss.
const fields = 22

func parse(pid int, text []byte) (Process, error) {
	p := Process{PID: pid}
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')') // the name may hold parentheses
	if open < 0 || end < open {
		return p, ErrGone
	}
	words := strings.Fields(string(text[end+1:]))
	if len(words) < fields {
		return p, ErrGone
	}
	number := func(i int) uint64 { n, _ := strconv.ParseInt(words[i], 10, 64); return uint64(n) }
	p.Comm, p.State = string(text[open+1:end]), words[0][0]
	p.Parent, p.Group, p.Session = int(number(1)), int(number(2)), int(number(3))
	p.Flags, p.Ticks = number(6), number(11)+number(12)
	p.Nice, p.Threads = int(int64(number(16))), int(number(17))
	p.Start, p.RSS = number(19), int64(number(21))
	return p, nil
}

// All lists every process, by number.
func All() []Process {
	var list []Process
	for _, pid := range numbers("/proc/[0-9]*") {
		if p, err := Read(pid); err == nil {
			list = append(list, p)
		}
	}
	return list
}

// Threads lists the thread numbers of a process.
func Threads(pid int) []int { return numbers("/proc/" + strconv.Itoa(pid) + "/task/[0-9]*") }

func numbers(pattern string) (list []int) {
	dirs, _ := filepath.Glob(pattern)
	for _, dir := range dirs {
		if n, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list
}

// Socket is a line of /proc/net/tcp, tcp6, udp or udp6.
type Socket struct {
	Local, Remote netip.AddrPort
	State         uint8 // of TCP: include/net/tcp_states.h
	Inode         string
}

// Sockets reads such a file's text.
func Sockets(text []byte) iter.Seq[Socket] {
	return func(yield func(Socket) bool) {
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			words := strings.Fields(lines.Text())
			if len(words) < 10 {
				continue
			}
			local, ok1 := endpoint(words[1])
			remote, ok2 := endpoint(words[2])
			state, err := strconv.ParseUint(words[3], 16, 8)
			if ok1 && ok2 && err == nil && !yield(Socket{local, remote, uint8(state), words[9]}) {
				return
			}
		}
	}
}

// endpoint reads "0100007F:0016": the address as words in host order, the port in hex.
func endpoint(text string) (netip.AddrPort, bool) {
	addr, port, _ := strings.Cut(text, ":")
	raw, err1 := hex.DecodeString(addr)
	p, err2 := strconv.ParseUint(port, 16, 16)
	if err1 != nil || err2 != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	a, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a.Unmap(), uint16(p)), ok
}

// ticks a second in what /proc tells, USER_HZ.
const userHZ = 100

// Started is when a process was started, by field 22 of its stat and the boot time of /proc/stat.
func Started(start uint64) (time.Time, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "btime "); ok {
			boot, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return time.Unix(boot, 0).Add(time.Duration(start) * time.Second / userHZ).UTC(), err
		}
	}
	return time.Time{}, errors.New("/proc/stat has no btime")
}

// SocketInodes adds the inodes of the sockets that a process has open.
func SocketInodes(pid int, into map[string]bool) {
	links, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
	for _, link := range links {
		if inode, ok := socketInode(link); ok {
			into[inode] = true
		}
	}
}

// SocketOwners tells which process holds a socket, by inode; of several the one with the lowest number, which mostly has
// opened it and left it to the others.
func SocketOwners() map[string]int {
	by := map[string]int{}
	for _, pid := range numbers("/proc/[0-9]*") {
		links, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
		for _, link := range links {
			inode, ok := socketInode(link)
			if _, known := by[inode]; ok && !known {
				by[inode] = pid
			}
		}
	}
	return by
}

func socketInode(link string) (string, bool) {
	to, err := os.Readlink(link)
	if err != nil {
		return "", false
	}
	inode, ok := strings.CutPrefix(to, "socket:[")
	return strings.TrimSuffix(inode, "]"), ok
}

// CgroupRoot is where the unified hierarchy (cgroup v2) is mounted, "" when this host has none.
func CgroupRoot() string {
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(root + "/cgroup.procs"); err == nil {
			return root
		}
	}
	return ""
}

// Cgroup is the path of a process in the unified hierarchy, "" when there is none.
func Cgroup(pid int) string {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return path
		}
	}
	return ""
}

// Members lists the processes of a cgroup, given by its folder.
func Members(dir string) ([]int, error) {
	text, err := os.ReadFile(dir + "/cgroup.procs")
	if err != nil {
		return nil, err
	}
	var list []int
	for _, word := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(word); err == nil {
			list = append(list, pid)
		}
	}
	return list, nil
}

// Command is a process's arguments as one line, at most limit bytes of it; "" for a kernel thread and one that is gone.
func Command(pid, limit int) string {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return strings.TrimSpace(strings.ReplaceAll(string(text[:min(len(text), limit)]), "\x00", " "))
}

// Printable keeps control characters of hostile names away from the operator's terminal.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}
