package ruleset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"picket/actions/procfs"
)

// Change is what one transaction of some program has done to a table.
type Change struct {
	Family nftables.TableFamily
	Table  string
	What   []string // "3 elements removed", "a rule added", in the order in which they came
	By     Culprit
}

// Text tells the change in one sentence.
func (c *Change) Text() string {
	return fmt.Sprintf("table %s %s: %s by %s", FamilyName(c.Family), c.Table, strings.Join(c.What, ", "), c.By)
}

// FamilyName is a family as nft writes it.
func FamilyName(f nftables.TableFamily) string {
	if f == nftables.TableFamilyBridge {
		return "bridge"
	}
	return "inet"
}

// Culprit is the program that has sent a transaction, as far as the kernel tells.
type Culprit struct {
	Port    uint32 // of its netlink socket
	PID     int    // of the thread that has sent it; 0: not told (kernels before 4.13)
	Own     bool   // it is a thread of this process
	Name    string // comm
	Command string // "" when it has ended
}

// String names it for people: "nft (process 812: nft flush ruleset)".
func (c Culprit) String() string {
	switch {
	case c.PID == 0:
		return fmt.Sprintf("an unknown program (netlink port %d)", c.Port)
	case c.Command == "":
		return fmt.Sprintf("%s (process %d, which has ended)", c.Name, c.PID)
	}
	return fmt.Sprintf("%s (process %d: %s)", c.Name, c.PID, c.Command)
}

// Witness hears of every change to the tables of this network namespace.
type Witness struct {
	conn    *netlink.Conn
	mine    func(table string) bool
	beside  []nftables.TableFamily // families that are heard beside inet
	pending map[place]*Change
}

// place is where a table stands: names are a family's own.
type place struct {
	family nftables.TableFamily
	table  string
}

const (
	readBuffer = 8 << 20
	readWait   = 200 * time.Millisecond
	// maxWhat bounds the words about one transaction: kinds of objects times added and removed.
	maxWhat = 16
)

// NewWitness listens for changes to those tables of family inet, and of the families beside it, for which mine is true.
// Changes from now on are heard, before the first call of Next, too.
func NewWitness(mine func(table string) bool, beside ...nftables.TableFamily) (*Witness, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("listen for changes of nftables: %w", err)
	}
	if err := c.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
		return nil, errors.Join(fmt.Errorf("listen for changes of nftables: %w", err), c.Close())
	}
	_ = c.SetReadBuffer(readBuffer)
	return &Witness{conn: c, mine: mine, beside: beside, pending: map[place]*Change{}}, nil
}

// Ignore keeps in the kernel what is told of a netlink socket's own transactions (by its port, nlmsg_pid of each message):
// who changes elements all the time need not hear of it. The messages of a datagram are of one transaction. Port 0, the
// kernel itself, can't be ignored: nothing is then.
func (w *Witness) Ignore(port uint32) error {
	if port == 0 {
		return nil
	}
	told := binary.BigEndian.Uint32(binary.NativeEndian.AppendUint32(nil, port)) // BPF loads in network order
	filter, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: portOffset, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: told, SkipFalse: 1},
		bpf.RetConstant{Val: 0},
		bpf.RetConstant{Val: math.MaxUint32},
	})
	if err == nil {
		err = w.conn.SetBPF(filter)
	}
	if err != nil {
		return fmt.Errorf("listen for changes of nftables but our own: %w", err)
	}
	return nil
}

// portOffset is where nlmsg_pid stands in struct nlmsghdr.
const portOffset = 12

// Close ends listening.
func (w *Witness) Close() error { return w.conn.Close() }

// Next waits for changes a fraction of a second and returns them, none when there were none. An error means that some
// were lost.
func (w *Witness) Next() ([]Change, error) {
	_ = w.conn.SetReadDeadline(time.Now().Add(readWait))
	messages, err := w.conn.Receive()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return w.settled(Culprit{}), nil
	}
	if err != nil {
		return nil, fmt.Errorf("listen for changes of nftables: %w", err)
	}
	var list []Change
	for _, m := range messages {
		if m.Header.Type != messageType(unix.NFT_MSG_NEWGEN) {
			w.note(m)
		} else if len(w.pending) > 0 { // the end of a transaction
			list = append(list, w.settled(culprit(m))...)
		}
	}
	return list, nil
}

// settled hands over what one transaction has changed.
func (w *Witness) settled(by Culprit) (list []Change) {
	for _, c := range w.pending {
		if by.PID != 0 {
			c.By = by
		}
		list = append(list, *c)
	}
	clear(w.pending)
	return list
}

// objects are the kinds of messages that tell of a change.
var objects = map[netlink.HeaderType]string{
	messageType(unix.NFT_MSG_NEWTABLE): "table added", messageType(unix.NFT_MSG_DELTABLE): "table removed",
	messageType(unix.NFT_MSG_NEWCHAIN): "chain added", messageType(unix.NFT_MSG_DELCHAIN): "chain removed",
	messageType(unix.NFT_MSG_NEWRULE): "rule added", messageType(unix.NFT_MSG_DELRULE): "rule removed",
	messageType(unix.NFT_MSG_NEWSET): "set added", messageType(unix.NFT_MSG_DELSET): "set removed",
	messageType(unix.NFT_MSG_NEWSETELEM): "element added", messageType(unix.NFT_MSG_DELSETELEM): "element removed",
	messageType(unix.NFT_MSG_NEWFLOWTABLE): "flowtable added", messageType(unix.NFT_MSG_NEWOBJ): "object added",
}

// note takes one notification in.
func (w *Witness) note(m netlink.Message) {
	what := objects[m.Header.Type]
	if what == "" || len(m.Data) < 4 {
		return
	}
	list, err := netlink.UnmarshalAttributes(m.Data[4:])
	if err != nil {
		return
	}
	// In each of these messages the table's name is attribute 1.
	at := place{nftables.TableFamily(m.Data[0]), cString(get(list, unix.NFTA_TABLE_NAME))}
	if at.family != nftables.TableFamilyINet && !slices.Contains(w.beside, at.family) || !w.mine(at.table) {
		return
	}
	c := w.pending[at]
	if c == nil {
		c = &Change{Family: at.family, Table: at.table, By: Culprit{Port: m.Header.PID}}
		w.pending[at] = c
	}
	if len(c.What) < maxWhat && !slices.Contains(c.What, what) {
		c.What = append(c.What, what)
	}
}

// culprit reads who has committed a transaction out of NFT_MSG_NEWGEN. Its command line is told when the process is still
// there under the same name.
func culprit(m netlink.Message) Culprit {
	c := Culprit{Port: m.Header.PID}
	if len(m.Data) < 4 {
		return c
	}
	list, err := netlink.UnmarshalAttributes(m.Data[4:])
	if err != nil {
		return c
	}
	c.PID = int(be32(get(list, unix.NFTA_GEN_PROC_PID)))
	name := cString(get(list, unix.NFTA_GEN_PROC_NAME))
	c.Name = procfs.Printable(name)
	_, err = os.Stat(fmt.Sprintf("/proc/self/task/%d", c.PID))
	c.Own = err == nil && c.PID != 0
	if p, err := procfs.Read(c.PID); err == nil && p.Comm == name {
		c.Command = procfs.Printable(procfs.Command(c.PID, maxCommand))
	}
	return c
}

// maxCommand bounds the command line that is told, in bytes.
const maxCommand = 200
