package sensor

import (
	"encoding/json"
	"time"

	"picket/rules"
	"picket/watch"
	"picket/watch/logs"
)

// What the jails have counted survives kill -9 together with the position in the logs: logs.Positions writes both with one
// write(2). A batch of lines is counted if its position is kept, and read again if it is not. What does not survive is
// what a judge knows of connections that span lines, five minutes of it.

// openPositions reads the positions and what the jails had counted.
func (s *Sensor) openPositions(dir string) error {
	byName := map[string]*rules.Engine{}
	for _, j := range s.posted() {
		byName[j.name] = j.jail.Engine()
		j.jail.Engine().Note()
	}
	now := time.Now().Unix()
	warn := func(err error) { s.log.Warn(err.Error()) }
	recall := func(note []byte) {
		var m rules.Memory
		if err := json.Unmarshal(note, &m); err != nil {
			s.log.Warn("a note of what was counted is damaged and left out", "error", err)
			return
		}
		if e := byName[m.Jail]; e != nil {
			e.Recall(&m, now)
		}
	}
	var err error
	if s.positions, err = logs.OpenPositions(dir, warn, recall); err != nil {
		return err
	}
	return s.positions.Rewrite(s.everyCount)
}

// changedCounts appends what changed in the jails since the last call.
func (s *Sensor) changedCounts(to []byte) []byte {
	for _, j := range s.posted() {
		j.jail.Engine().Changes(func(m *rules.Memory) { to = appendCount(to, m) })
	}
	return to
}

// everyCount appends all that the jails have counted.
func (s *Sensor) everyCount(to []byte) []byte {
	for _, j := range s.posted() {
		j.jail.Engine().All(func(m *rules.Memory) { to = appendCount(to, m) })
	}
	return to
}

// appendCount appends one line of the journal of positions. JSON holds no newline.
func appendCount(to []byte, m *rules.Memory) []byte {
	text, err := json.Marshal(m)
	if err != nil {
		return to // impossible: strings and numbers
	}
	return append(append(append(to, '='), text...), '\n')
}

// settle acknowledges a judged batch: what it changed and its position are written together.
func (j *judgeOfLines) settle(b *watch.Batch) {
	p := j.sensor.positions
	p.Stage(b.Mark, j.sensor.changedCounts)
	err := b.Release()
	if err == nil {
		err = p.Settle(j.sensor.everyCount)
	}
	if err != nil {
		j.sensor.log.Error("position in a log not kept: its last lines will be read again", "error", err)
	}
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
