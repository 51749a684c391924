package actions

import (
	"fmt"
	"slices"
	"time"
)

// A ban is what the kernel does, not what was asked of it. It is read back when it is made (prove), a sample of the bans
// that stand is read back every second (audit), and the firewall tells of damage by itself, mostly within milliseconds.
// Whatever is found to differ, everything is put back at once (repair).

// slack is how far a time that is read back may be from the wanted one: kernels count in ticks, and reading takes time.
const slack = 2 * time.Second

// prove reads the elements of bans back: each prefix as a whole is held, for the wanted time. Bans that only were observed
// have nothing to prove. The errors are in the order of the bans, nil for those that are proven.
func (r *Responder) prove(list []Ban) []error {
	faults := make([]error, len(list))
	var targets []Target
	var of []int
	for i := range list {
		if list[i].inKernel() {
			targets, of = append(targets, list[i].Target()), append(of, i)
		}
	}
	if len(targets) == 0 {
		return faults
	}
	held, err := r.firewall.Held(targets)
	now := r.now()
	for n, i := range of {
		if err != nil {
			faults[i] = fmt.Errorf("ban %s: read back: %w", Text(list[i].Prefix), err)
			continue
		}
		faults[i] = proven(&list[i], held[n], r.left(&list[i], now))
	}
	return faults
}

// proven compares what the kernel holds of a ban with what it should.
func proven(b *Ban, h Holding, want time.Duration) error {
	switch {
	case !h.Found:
		return fmt.Errorf("ban %s: the kernel does not hold it after it was added (does another program change picket's table?)", Text(b.Prefix))
	case !lasts(h.Left, want):
		return fmt.Errorf("ban %s: the kernel holds it %s in place of %s", Text(b.Prefix), spanText(h.Left), spanText(want))
	}
	return nil
}

// lasts tells whether an element is held as long as wanted; 0 is for good. One that lies within a wider one may be held
// longer.
func lasts(left, want time.Duration) bool {
	return left == 0 || want != 0 && left >= want-slack
}

func spanText(d time.Duration) string {
	if d == 0 {
		return "for good"
	}
	return "for " + d.Round(time.Second).String()
}

// audited is how many bans are read back each second: 10 to 20 µs each.
const audited = 32

// audit reads some of the bans back that stand. The ledger begins at a random one each time.
func (r *Responder) audit(now time.Time) {
	if r.firewall == nil {
		return
	}
	var some []Ban
	for b := range r.bans.all() {
		if b.inKernel() && !b.Expired(now.Add(slack)) {
			some = append(some, b)
		}
		if len(some) == audited {
			break
		}
	}
	for _, err := range r.prove(some) {
		if err != nil {
			r.repair(Damage{What: err.Error()})
			return
		}
	}
}

// missed tells how many of the bans of the last run the kernel has lost since: after a boot all of them, else somebody has
// removed the table while picket was away. The restore that follows brings them back.
func (r *Responder) missed(now time.Time) {
	if r.firewall == nil {
		return
	}
	var looked []Target
	for b := range r.bans.all() {
		if b.inKernel() && !b.Expired(now) && len(looked) < maxMissed {
			looked = append(looked, b.Target())
		}
	}
	held, err := r.firewall.Held(looked)
	if err != nil {
		return // it is put back anyway
	}
	gone := 0
	for _, h := range held {
		if !h.Found {
			gone++
		}
	}
	if gone > 0 {
		r.log.Info("bans of the last run were not in the kernel; restoring", "looked at", len(looked), "gone", gone)
	}
}

// maxMissed bounds the bans that are looked for at the start: 0.1 s.
const maxMissed = 10_000

// maxDamages bounds the damages that are remembered for those who ask why.
const maxDamages = 16

// repair puts everything back after the kernel has lost something of it.
func (r *Responder) repair(d Damage) {
	d.Time = r.now().UTC()
	if d.Benign {
		r.log.Info("picket's table is made anew", "why", d.What)
	} else {
		r.log.Warn("the kernel does not hold what it should; restoring", "what", d.What)
	}
	r.regate(r.now())
	if err := r.restore("repair"); err != nil {
		d.Failed = err.Error()
		r.log.Error("bans not restored", "error", err)
	} else if !d.Benign {
		r.stats.Repaired++
	}
	if d.Benign && d.Failed == "" {
		return
	}
	if len(r.damages) == maxDamages {
		r.damages = slices.Delete(r.damages, 0, 1)
	}
	r.damages = append(r.damages, d)
	if r.repaired != nil {
		r.repaired(d)
	}
}

// restore makes the kernel hold what the ledger holds.
func (r *Responder) restore(when string) error {
	if r.firewall == nil {
		return nil
	}
	all := r.bans.elements(r.now())
	if err := r.firewall.Replace(all); err != nil {
		return fmt.Errorf("%s: put %d bans into the kernel: %w", when, len(all), err)
	}
	return nil
}

// since returns the damages after a time.
func (r *Responder) since(at time.Time) (list []Damage) {
	for _, d := range r.damages {
		if !d.Time.Before(at) {
			list = append(list, d)
		}
	}
	return list
}
