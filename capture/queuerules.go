package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// QueueTableName is picket's table for the inline path, in the inet family. Nothing else is ever in it.
const QueueTableName = "picket-inline"

const (
	// queuePriority stands behind an ordinary firewall's chains: what they drop need not be inspected.
	queuePriority = 10
	// markPriority stands behind the queue: packets that come back from it pass there.
	markPriority = 20
	// removeWait bounds the wait for workers to answer what is queued before the hooks go away.
	removeWait = 500 * time.Millisecond
	removeStep = 5 * time.Millisecond
)

// Hook is a place in the kernel where packets can be sent to the queue.
type Hook string

// The hooks: Forward on a gateway, Input and Output to guard the host itself.
const (
	HookForward Hook = "forward"
	HookInput   Hook = "input"
	HookOutput  Hook = "output"
)

// QueueRules says which packets go to which queues.
type QueueRules struct {
	Hooks  []Hook // at least one
	Num    uint16 // the first queue
	Queues uint16 // how many, from Num on; the kernel spreads packets by address pair. 0: one
	Bypass bool   // packets pass while no one listens on the queue; otherwise they are dropped
	// Offload is one bit of the connection mark. A packet accepted with this bit in its mark takes its whole
	// connection out of the queue; the bit is taken off the packet again. 0: no offload.
	Offload uint32
	// Interfaces: only packets that come in or leave by one of these. Empty: all.
	Interfaces []string
	// Addresses: only packets from or to one of these. Empty: all.
	Addresses []netip.Prefix
	// Loopback: input and output hooks also take this host's traffic with itself.
	Loopback bool
}

// Validate lists every fault.
func (q QueueRules) Validate() error {
	var errs []error
	fault := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if len(q.Hooks) == 0 {
		fault("no hook (choose from forward, input, output)")
	}
	for i, h := range q.Hooks {
		if _, ok := hookNumber(h); !ok {
			fault("hook %q (choose from forward, input, output)", h)
		}
		if slices.Contains(q.Hooks[:i], h) {
			fault("hook %q is there twice", h)
		}
	}
	if int(q.Num)+int(q.total()) > 1<<16 {
		fault("%d queues from %d on exceed 65535", q.Queues, q.Num)
	}
	if bits.OnesCount32(q.Offload) > 1 {
		fault("offload mark %#x has more than one bit", q.Offload)
	}
	for _, n := range q.Interfaces {
		if n == "" || len(n) >= unix.IFNAMSIZ {
			fault("interface name %q (1 to %d bytes)", n, unix.IFNAMSIZ-1)
		}
	}
	for _, p := range q.Addresses {
		if !p.IsValid() {
			fault("an address is not valid")
		}
	}
	return errors.Join(errs...)
}

func (q QueueRules) total() uint16 { return max(q.Queues, 1) }

func hookNumber(h Hook) (*nftables.ChainHook, bool) {
	switch h {
	case HookForward:
		return nftables.ChainHookForward, true
	case HookInput:
		return nftables.ChainHookInput, true
	case HookOutput:
		return nftables.ChainHookOutput, true
	}
	return nil, false
}

// QueueTable is picket's table in the kernel. It outlives the process: without bypass, traffic stays stopped when
// picket dies.
type QueueTable struct {
	// Native tells whether the kernel has the nft queue expression; otherwise the rule is an xt NFQUEUE target.
	Native bool

	rules   QueueRules
	conn    *nftables.Conn
	table   *nftables.Table
	inspect *nftables.Chain
}

// InstallQueueRules puts the table into the kernel in one transaction, in the place of one that a dead picket left
// behind. Open the queues first. It needs CAP_NET_ADMIN.
func InstallQueueRules(q QueueRules) (*QueueTable, error) {
	if err := q.Validate(); err != nil {
		return nil, fmt.Errorf("install queue rules: %w", err)
	}
	conn, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return nil, fmt.Errorf("install queue rules: %w", err)
	}
	t := &QueueTable{rules: q, conn: conn}
	if t.Native, err = nativeQueue(conn); err == nil {
		err = t.install()
	}
	if err != nil {
		_ = conn.CloseLasting()
		return nil, fmt.Errorf("install queue rules: %w%s", err, rulesRemedy(err))
	}
	return t, nil
}

func rulesRemedy(err error) string {
	switch {
	case errors.Is(err, unix.EPERM):
		return " (inline mode needs CAP_NET_ADMIN: run as root or grant it)"
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EOPNOTSUPP):
		return " (the kernel needs nf_tables with NFT_QUEUE, or NFT_COMPAT and the xt_NFQUEUE target, and NFT_CT)"
	}
	return ""
}

// nativeQueue asks the kernel for the queue expression: a table with nothing else in it, taken away in the same
// transaction. ENOENT can then mean only that the expression is unknown.
func nativeQueue(c *nftables.Conn) (bool, error) {
	t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: QueueTableName + "-probe"})
	ch := c.AddChain(&nftables.Chain{Name: "probe", Table: t})
	c.AddRule(&nftables.Rule{Table: t, Chain: ch, Exprs: []expr.Any{&expr.Queue{Num: 0, Total: 1}}})
	c.DelTable(t)
	err := c.Flush()
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

// install writes the table:
//
//	chain inspect { counter queue }
//	chain addresses { ip saddr … jump inspect; ip daddr … jump inspect }
//	chain forward { type filter hook forward priority 10; ct mark & bit == bit accept; iifname … jump addresses }
//	chain forward-mark { … priority 20; meta mark & bit == bit → ct mark | bit, meta mark & ~bit }
func (t *QueueTable) install() error {
	c := t.conn
	t.table = &nftables.Table{Family: nftables.TableFamilyINet, Name: QueueTableName}
	c.AddTable(t.table) // so that there is one to delete
	c.DelTable(t.table)
	t.table = c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: QueueTableName})
	t.inspect = c.AddChain(&nftables.Chain{Name: "inspect", Table: t.table})
	t.rule(t.inspect, &expr.Counter{}, t.queueExpr())
	to := t.addresses()
	for _, h := range t.rules.Hooks {
		t.hook(h, to)
	}
	return c.Flush()
}

func (t *QueueTable) rule(ch *nftables.Chain, e ...expr.Any) {
	t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: ch, Exprs: e})
}

// queueExpr is the statement that queues: native, or the xt target of old, through nft_compat.
func (t *QueueTable) queueExpr() expr.Any {
	var flag expr.QueueFlag
	if t.rules.Bypass {
		flag = expr.QueueFlagBypass
	}
	if t.Native {
		return &expr.Queue{Num: t.rules.Num, Total: t.rules.total(), Flag: flag}
	}
	// struct xt_NFQ_info_v3: queue, number of queues, flags (1: bypass) in host order, padded to eight bytes.
	info := make([]byte, 8)
	binary.NativeEndian.PutUint16(info[0:], t.rules.Num)
	binary.NativeEndian.PutUint16(info[2:], t.rules.total())
	binary.NativeEndian.PutUint16(info[4:], uint16(flag))
	u := xt.Unknown(info)
	return &expr.Target{Name: "NFQUEUE", Rev: 3, Info: &u}
}

// addresses writes the address selector and returns the chain to jump to.
func (t *QueueTable) addresses() string {
	if len(t.rules.Addresses) == 0 {
		return t.inspect.Name
	}
	ch := t.conn.AddChain(&nftables.Chain{Name: "addresses", Table: t.table})
	for _, p := range t.rules.Addresses {
		for _, source := range []bool{true, false} {
			t.rule(ch, append(matchPrefix(p, source), jump(t.inspect.Name))...)
		}
	}
	return ch.Name
}

// hook writes the chains of one hook.
func (t *QueueTable) hook(h Hook, to string) {
	num, _ := hookNumber(h)
	ch := t.baseChain(string(h), num, queuePriority)
	// A rule that looks at the connection makes the kernel track connections, and therefore put fragments together
	// before they reach us.
	if bit := t.rules.Offload; bit != 0 {
		t.rule(ch, append(matchMark(&expr.Ct{Key: expr.CtKeyMARK, Register: 1}, bit),
			&expr.Counter{}, &expr.Verdict{Kind: expr.VerdictAccept})...)
		t.saveMark(t.baseChain(string(h)+"-mark", num, markPriority), bit)
	} else {
		t.rule(ch, &expr.Ct{Key: expr.CtKeySTATE, Register: 1})
	}
	if h != HookForward && !t.rules.Loopback {
		t.rule(ch, append(matchInterface(ifaceKeys(h)[0], "lo"), &expr.Verdict{Kind: expr.VerdictAccept})...)
	}
	if len(t.rules.Interfaces) == 0 {
		t.rule(ch, jump(to))
	}
	for _, name := range t.rules.Interfaces {
		for _, key := range ifaceKeys(h) {
			t.rule(ch, append(matchInterface(key, name), jump(to))...)
		}
	}
}

func (t *QueueTable) baseChain(name string, hook *nftables.ChainHook, priority int32) *nftables.Chain {
	return t.conn.AddChain(&nftables.Chain{
		Name: name, Table: t.table, Type: nftables.ChainTypeFilter,
		Hooknum: hook, Priority: nftables.ChainPriorityRef(nftables.ChainPriority(priority)),
	})
}

// saveMark copies the bit from the packet's mark to its connection's and takes it off the packet: other marks are the
// administrator's.
func (t *QueueTable) saveMark(ch *nftables.Chain, bit uint32) {
	keep := binaryutil.NativeEndian.PutUint32(^bit)
	set := binaryutil.NativeEndian.PutUint32(bit)
	e := matchMark(&expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, bit)
	t.rule(ch, append(e,
		&expr.Ct{Key: expr.CtKeyMARK, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: keep, Xor: set},
		&expr.Ct{Key: expr.CtKeyMARK, Register: 1, SourceRegister: true},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: keep, Xor: make([]byte, 4)},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1, SourceRegister: true},
	)...)
}

func jump(chain string) expr.Any { return &expr.Verdict{Kind: expr.VerdictJump, Chain: chain} }

// matchMark compares one bit of what load brings into register 1.
func matchMark(load expr.Any, bit uint32) []expr.Any {
	m := binaryutil.NativeEndian.PutUint32(bit)
	return []expr.Any{
		load,
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: m, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: m},
	}
}

// ifaceKeys says by which interfaces a packet at the hook can be chosen.
func ifaceKeys(h Hook) []expr.MetaKey {
	switch h {
	case HookInput:
		return []expr.MetaKey{expr.MetaKeyIIFNAME}
	case HookOutput:
		return []expr.MetaKey{expr.MetaKeyOIFNAME}
	}
	return []expr.MetaKey{expr.MetaKeyIIFNAME, expr.MetaKeyOIFNAME} // both directions of a flow
}

func matchInterface(key expr.MetaKey, name string) []expr.Any {
	data := make([]byte, unix.IFNAMSIZ)
	copy(data, name)
	return []expr.Any{
		&expr.Meta{Key: key, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data},
	}
}

// matchPrefix compares the source or destination address, in either family.
func matchPrefix(p netip.Prefix, source bool) []expr.Any {
	p = p.Masked()
	addr := p.Addr().AsSlice()
	family, offset := byte(unix.NFPROTO_IPV4), uint32(12)
	if p.Addr().Is6() {
		family, offset = unix.NFPROTO_IPV6, 8
	}
	n := uint32(len(addr))
	if !source {
		offset += n
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: n},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: n, Mask: maskBytes(p.Bits(), len(addr)), Xor: make([]byte, n)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: addr},
	}
}

// maskBytes is the netmask of a prefix length in n bytes.
func maskBytes(ones, n int) []byte {
	m := make([]byte, n)
	for i := range ones {
		m[i/8] |= 0x80 >> (i % 8)
	}
	return m
}

// Counters returns how many packets and bytes the rule has sent to the queues, listened to or not. An error that is
// unix.ENOENT says that somebody has removed the table.
func (t *QueueTable) Counters() (packets, bytes uint64, err error) {
	rules, err := t.conn.GetRules(t.table, t.inspect)
	if err != nil {
		return 0, 0, fmt.Errorf("read queue rules: %w", err)
	}
	for _, r := range rules {
		for _, e := range r.Exprs {
			if c, ok := e.(*expr.Counter); ok {
				return c.Packets, c.Bytes, nil
			}
		}
	}
	return 0, 0, fmt.Errorf("read queue rules: %w (the table was changed)", unix.ENOENT)
}

// Unseen returns how many packets of the rule never came to the sources: let through by fail-open or bypass, or
// dropped by a full queue without it. The kernel counts fail-open nowhere, so the rule's counter is compared with what
// was read. It holds for queues with GSO; without it one packet of the rule may be read as several.
func (t *QueueTable) Unseen(queues ...Source) (uint64, error) {
	sent, _, err := t.Counters()
	if err != nil {
		return 0, err
	}
	known := t.waiting()
	for _, q := range queues {
		known += q.Stats().Received
	}
	return sent - min(sent, known), nil
}

// Remove takes the table away: packets pass the hooks untouched. It is no error when somebody has removed it before.
// Stop in this order: Remove while the workers still run, Interrupt the queues, Receive until io.EOF, Close.
//
// The queueing rule goes first and the hooks only when the queues are empty, because the kernel drops every packet
// that waits in a queue when a hook goes away (nf_queue_nf_hook_drop).
func (t *QueueTable) Remove() error {
	t.conn.FlushChain(t.inspect)
	err := t.conn.Flush()
	if err == nil {
		t.awaitEmpty()
		t.conn.DelTable(t.table)
		err = t.conn.Flush()
	}
	if errors.Is(err, unix.ENOENT) {
		err = nil
	}
	if err = errors.Join(err, t.conn.CloseLasting()); err != nil {
		return fmt.Errorf("remove queue rules: %w", err)
	}
	return nil
}

// awaitEmpty waits until the workers have answered what is queued, at most removeWait.
func (t *QueueTable) awaitEmpty() {
	for end := time.Now().Add(removeWait); time.Now().Before(end); {
		time.Sleep(removeStep) // also for packets between the old rule and the queue
		if t.waiting() == 0 {
			return
		}
	}
}

// waiting counts the packets in the queues that have no verdict yet.
func (t *QueueTable) waiting() (n uint64) {
	for i := range t.rules.total() {
		s, _ := kernelQueue(t.rules.Num + i)
		n += s.waiting
	}
	return n
}
