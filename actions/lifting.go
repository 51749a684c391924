package actions

import (
	"errors"
	"fmt"
	"time"
)

// ErrNotBanned is the answer to an unban of what is not banned.
var ErrNotBanned = errors.New("is not banned")

// lifted is a ban that is being lifted, and who wants it.
type lifted struct {
	Ban
	by string
}

// liftAll answers unbans. All that they lift leaves the kernel in one transaction.
func (r *Responder) liftAll(batch []message) {
	var list []lifted
	found := make([]bool, len(batch))
	for i, m := range batch {
		for _, b := range r.named(m.unban) {
			r.bans.drop(&b) // at once: a second unban of it finds nothing
			list = append(list, lifted{b, m.unban.by})
			found[i] = true
		}
	}
	err := r.remove(list)
	for i, m := range batch {
		p, why := Text(Normal(m.unban.prefix)), err
		if !found[i] {
			why = ErrNotBanned
		}
		if why != nil {
			m.reply(Ban{}, fmt.Errorf("unban %s: %w", p, why))
			continue
		}
		r.stats.Lifted++
		r.log.Info("unbanned", "prefix", p, "jail", m.unban.jail, "by", m.unban.by)
		m.reply(Ban{}, nil)
	}
}

// named are the bans that an unban means.
func (r *Responder) named(u *unban) (list []Ban) {
	for b := range r.bans.bans(Normal(u.prefix)) {
		if !u.own || b.Jail == u.jail {
			list = append(list, b)
		}
	}
	return list
}

// remove takes bans, which are out of the ledger already, out of the kernel and the journal. A target that other bans want
// stays in the kernel, as long as they do. After an error of the kernel they stand again.
func (r *Responder) remove(list []lifted) error {
	if len(list) == 0 {
		return nil
	}
	if err := r.withdraw(list); err != nil {
		for _, b := range list {
			r.bans.put(b.Ban)
		}
		return err
	}
	lines := make([]entry, len(list))
	for i, b := range list {
		lines[i] = entry{Ban: Ban{Prefix: b.Prefix, Scope: b.Scope, Jail: b.Jail}, Lifted: true}
		r.changed(Change{Kind: BanLifted, Ban: b.Ban, By: b.by})
	}
	return r.journal.append(lines)
}

// withdraw brings the kernel in line with a ledger from which bans were dropped.
func (r *Responder) withdraw(dropped []lifted) error {
	var stay []Entry
	var gone []Target
	now := r.now()
	for i := range dropped {
		b := &dropped[i].Ban
		if !b.inKernel() {
			continue
		}
		if until, wanted := r.bans.enforced(b.Target(), nil, now); wanted {
			other := Ban{Until: until}
			stay = append(stay, Entry{b.Target(), other.Left(now)})
		} else {
			gone = append(gone, b.Target())
		}
	}
	if len(stay)+len(gone) == 0 {
		return nil
	}
	return r.firewall.Apply(stay, gone)
}

// expire forgets bans whose time is over: the kernel's own timeouts have removed the elements. A flood of them is told in
// portions, so that who hears of it keeps up and requests are answered between.
func (r *Responder) expire() {
	list, more := r.bans.over(r.now(), batchSize)
	r.stats.Expired += uint64(len(list))
	for _, b := range list {
		r.changed(Change{Kind: BanExpired, Ban: b})
	}
	r.more = nil
	if more {
		r.more = time.After(portionPause)
	}
}

// portionPause lies between two portions of bans that have expired.
const portionPause = 10 * time.Millisecond

// regate lifts standing bans whose party has become protected since: a new address of this host, a login.
func (r *Responder) regate(now time.Time) {
	changes := r.gate.Changes()
	if changes == r.asked {
		return
	}
	r.asked = changes
	var list []lifted
	for b := range r.bans.all() {
		if refusal := r.gate.Check(b.Prefix, now); refusal != nil {
			r.log.Warn("ban lifted: its party is protected now", "prefix", Text(b.Prefix), "why", refusal.Why)
			list = append(list, lifted{b, "the gate: the party is protected now"})
			r.bans.drop(&b)
		}
	}
	// All at once: of two jails' bans of one party neither must hold the other's element in the kernel.
	if err := r.remove(list); err != nil {
		r.log.Error("bans not lifted", "count", len(list), "first", Text(list[0].Prefix), "error", err)
	}
}
