package sensor

import (
	"encoding/json"
	"time"

	"picket/rules"
	"picket/watch"
	"picket/watch/logs"
)

// What the jails have counted, and which bans they have asked for (ticketnotes.go), survives kill -9 together with the
// position in the logs: logs.Positions writes all of it with one write(2). A batch of lines is counted if its position is
// kept, and read again if it is not. What does not survive is what a judge knows of connections that span lines, five
// minutes of it.

// openPositions reads the positions and what the jails had counted.
func (s *Sensor) openPositions(dir string) error {
	byName := map[string]*jailPost{}
	for _, j := range s.posted() {
		byName[j.name] = j
		j.jail.Engine().Note()
	}
	now := time.Now()
	warn := func(err error) { s.log.Warn(err.Error()) }
	recall := func(text []byte) {
		n := &note{}
		if err := json.Unmarshal(text, n); err != nil {
			s.log.Warn("a note of what was counted is damaged and left out", "error", err)
			return
		}
		if post := byName[n.Jail]; post != nil {
			post.recall(n, &s.judge.inquiries, now)
		}
	}
	var err error
	if s.positions, err = logs.OpenPositions(dir, warn, recall); err != nil {
		return err
	}
	return s.positions.Rewrite(s.everyNote)
}

// changedNotes appends what changed in the jails since the last call.
func (s *Sensor) changedNotes(to []byte) []byte {
	for _, j := range s.remembering() {
		j.jail.Engine().Changes(func(m *rules.Memory) { to = appendMemory(to, m) })
		for i := range j.notes {
			to = appendNote(to, &j.notes[i])
		}
		clear(j.notes)
		j.notes = j.notes[:0]
	}
	return to
}

// appendMemory is appendNote for how a party stands.
func appendMemory(to []byte, m *rules.Memory) []byte {
	return append(m.AppendJSON(append(to, '=')), '\n')
}

// everyNote appends all that the jails remember.
func (s *Sensor) everyNote(to []byte) []byte {
	for _, j := range s.remembering() {
		j.jail.Engine().All(func(m *rules.Memory) { to = appendMemory(to, m) })
		to = s.judge.inquiries.every(j.everyNote(to), j)
	}
	return to
}

// settle acknowledges a judged batch: what it changed and its position are written together.
func (j *judgeOfLines) settle(b *watch.Batch) {
	p := j.sensor.positions
	p.Stage(b.Mark, j.sensor.changedNotes)
	err := b.Release()
	if err == nil {
		err = p.Settle(j.sensor.everyNote)
	}
	if err != nil {
		j.sensor.log.Error("position in a log not kept: its last lines will be read again", "error", err)
	}
}

// keep writes down what has changed by something else than lines: the answers to bans, an operator's word.
func (j *judgeOfLines) keep() {
	p := j.sensor.positions
	p.Stage(watch.Mark{}, j.sensor.changedNotes)
	if err := p.Settle(j.sensor.everyNote); err != nil {
		j.sensor.log.Error("what has become of bans is not kept: some may be asked for again at the next start", "error", err)
	}
	j.sensor.banLog.flush()
}

// evictions is what was told of parties that a jail forgot because there were too many.
type evictions struct {
	told uint64
	at   time.Time
}

// evictionsEvery is how often evictions are told at most.
const evictionsEvery = time.Minute

// tellEvicted says that a jail has forgotten parties: somebody fails from very many addresses, and each gets more tries
// than the limit says.
func (s *Sensor) tellEvicted(j *jailPost, now time.Time) {
	e, n := &j.evictions, j.evicted.Load()
	if n == e.told || now.Sub(e.at) < evictionsEvery {
		return
	}
	s.log.Warn("a jail counts more parties than it can and forgot those silent longest", "jail", j.name,
		"forgotten", n-e.told, "in all", n, "counted now", j.failing.Load())
	e.told, e.at = n, now
}
