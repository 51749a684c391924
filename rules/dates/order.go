package dates

// won notes which template matched and where, and lets it rise in the order.
func (d *Detector) won(i int, at match, line []byte) {
	c := d.templates[i]
	c.hits++
	c.lastUsed = d.Clock.Now.Unix()
	c.distance = characters(line, at.start)
	d.lastStart = c.distance
	if d.firstUnused == i {
		d.firstUnused++
	}
	if !c.begin && !c.end { // the others are not looked for at a place
		d.remember(at, line)
	}
	if i != 0 && i != d.last {
		i = d.rise(i)
	}
	d.last = i
}

// remember notes what surrounds a match.
func (d *Detector) remember(at match, line []byte) {
	d.lastEnd = characters(line, at.end)
	d.before, d.first = charBefore(line, at.start), charAt(line, at.start)
	d.final, d.behind = charBefore(line, at.end), charAt(line, at.end)
}

// restTime is how long a template may rest before another takes its place, in seconds.
const restTime = 300

// rise moves a template up: to the first unused place or half way, else by one, if it is heavier than what stands there
// or that has rested long. It returns the new index.
func (d *Detector) rise(i int) int {
	to := i / 2
	if d.firstUnused < i {
		to = d.firstUnused
	}
	if !d.outweighs(i, to) {
		if to == i-1 {
			return i
		}
		if to = i - 1; !d.outweighs(i, to) {
			return i
		}
	}
	c := d.templates[i]
	copy(d.templates[to+1:i+1], d.templates[to:i])
	d.templates[to] = c
	for d.firstUnused < len(d.templates) && d.templates[d.firstUnused].hits > 0 {
		d.firstUnused++
	}
	return to
}

func (d *Detector) outweighs(i, other int) bool {
	a, b := d.templates[i], d.templates[other]
	return a.load() > b.load() || a.lastUsed-restTime > b.lastUsed
}

// load is the weight of a template's past: many hits near the line's beginning.
func (c *candidate) load() float64 {
	return float64(c.hits) * c.weight / float64(max(1, c.distance))
}
