package firewall

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"picket/actions/procfs"
)

const (
	checkEvery  = 5 * time.Second       // the whole layout is looked at this often
	settleAfter = 20 * time.Millisecond // a flush is many messages: repair once, after the last
)

// watch tells Damaged when somebody else removes something of the table: by netlink's notifications at once,
// by looking at the layout every few seconds, and after notifications were lost.
func (t *Table) watch(log *slog.Logger) {
	for {
		err := t.listen()
		select {
		case <-t.stop:
			return
		default:
		}
		log.Warn("nftables notifications interrupted; looking at the whole table", "error", err)
		if !t.whole() {
			t.tell("table inet " + TableName + " is damaged")
		}
		time.Sleep(settleAfter)
	}
}

// listen reads notifications until the table is closed (nil) or the socket fails.
func (t *Table) listen() error {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
		return err
	}
	_ = c.SetReadBuffer(8 << 20)
	checked := time.Now()
	for {
		select {
		case <-t.stop:
			return nil
		default:
		}
		if time.Since(checked) >= checkEvery {
			if checked = time.Now(); !t.whole() {
				t.tell("table inet " + TableName + " is not whole")
			}
		}
		_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		messages, err := c.Receive()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return err
		}
		for _, m := range messages {
			if what := t.harm(m); what != "" {
				time.Sleep(settleAfter)
				t.tell(what)
				break
			}
		}
	}
}

// harm says what a notification takes away from our table; "" when it does not, or when we did it ourselves.
func (t *Table) harm(m netlink.Message) string {
	if m.Header.PID == t.port || len(m.Data) < 4 || m.Data[0] != unix.NFPROTO_INET {
		return ""
	}
	names := map[netlink.HeaderType]string{
		messageType(unix.NFT_MSG_DELTABLE):   "table",
		messageType(unix.NFT_MSG_DELCHAIN):   "chain",
		messageType(unix.NFT_MSG_DELRULE):    "rule",
		messageType(unix.NFT_MSG_DELSET):     "set",
		messageType(unix.NFT_MSG_DELSETELEM): "element",
	}
	what := names[m.Header.Type]
	if what == "" {
		return ""
	}
	attrs, err := netlink.UnmarshalAttributes(m.Data[4:])
	if err != nil || len(attrs) == 0 {
		return ""
	}
	// In each of these messages the table's name is attribute 1.
	for _, a := range attrs {
		if a.Type == unix.NFTA_TABLE_NAME && string(bytes.TrimRight(a.Data, "\x00")) == TableName {
			return fmt.Sprintf("a %s of table inet %s was removed by %s", what, TableName, changer(m.Header.PID))
		}
	}
	return ""
}

// changer names who has sent a netlink message. A program's first socket has its process number as its port; a program
// may choose another, and may be gone by now.
func changer(port uint32) string {
	if p, err := procfs.Read(int(port)); err == nil {
		return fmt.Sprintf("process %d (%s: %s)", port, procfs.Printable(p.Comm), procfs.Printable(procfs.Command(p.PID, 200)))
	}
	return fmt.Sprintf("netlink port %d (mostly the number of the process, which has ended)", port)
}

// whole looks whether all sets and chains are there, with their rules.
func (t *Table) whole() bool {
	for _, name := range *t.names.Load() {
		if !t.exists(unix.NFT_MSG_GETSET, unix.NFTA_SET_TABLE, unix.NFTA_SET_NAME, name) {
			return false
		}
	}
	return t.exists(unix.NFT_MSG_GETCHAIN, unix.NFTA_CHAIN_TABLE, unix.NFTA_CHAIN_NAME, "prerouting")
}

// exists asks for one named part of the table. An error other than absence counts as there: nothing is repaired
// on a guess.
func (t *Table) exists(msg, tableAttr, nameAttr uint16, name string) bool {
	body, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: tableAttr, Data: text(TableName)},
		{Type: nameAttr, Data: text(name)},
	})
	if err != nil {
		return true
	}
	_, err = t.ask.Execute(netlink.Message{
		Header: netlink.Header{Type: messageType(msg), Flags: netlink.Request},
		Data:   append(nfgen(unix.NFPROTO_INET, 0), body...),
	})
	return !errors.Is(err, unix.ENOENT)
}

// tell reports damage; one report that nobody has taken yet is enough.
func (t *Table) tell(what string) {
	select {
	case t.damaged <- what:
	default:
	}
}
