package rules

// offence is how often somebody was banned, and the last time.
type offence struct {
	bans    int
	at      int64   // Unix seconds of the last ban; 0: not known
	seconds float64 // how long that lasts; Forever for no end
}

// over tells whether the last ban ended so long ago that fail2ban's database would have purged it (dbpurgeage).
func (o *offence) over(now, remember int64) bool {
	return remember > 0 && o.at > 0 && o.seconds >= 0 && float64(o.at)+o.seconds < float64(now-remember)
}

// offenders counts bans by ID; the order of first bans is the order in which they are forgotten.
type offenders struct {
	of      map[string]offence
	order   []string
	limit   int
	evicted uint64
}

// before returns how often somebody was banned, as far as it is remembered at a time.
func (o *offenders) before(id string, now, remember int64) int {
	known, ok := o.of[id]
	if ok && known.over(now, remember) {
		delete(o.of, id)
		return 0
	}
	return known.bans
}

func (o *offenders) banned(id string, last offence) {
	if _, known := o.of[id]; !known {
		o.order = append(o.order, id)
	}
	o.of[id] = last
	for len(o.of) > o.limit && len(o.order) > 0 {
		if _, there := o.of[o.order[0]]; there {
			delete(o.of, o.order[0])
			o.evicted++
		}
		o.order = o.order[1:]
	}
	if len(o.order) > 2*o.limit {
		o.compact()
	}
}

// purge forgets all whose last ban is over for so long.
func (o *offenders) purge(now, remember int64) {
	for id, known := range o.of {
		if known.over(now, remember) {
			delete(o.of, id)
		}
	}
}

// compact drops the forgiven from the order.
func (o *offenders) compact() {
	seen := map[string]bool{}
	kept := make([]string, 0, len(o.of))
	for _, id := range o.order {
		if _, there := o.of[id]; there && !seen[id] {
			seen[id] = true
			kept = append(kept, id)
		}
	}
	o.order = kept
}
