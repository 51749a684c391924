package incidents

import "sync/atomic"

type counters struct {
	findings, dropped, stripped, own, ignored, joined, opened, reopened, resolvedCount, crowded, merged, unkept, unproven, recordsLost, blocksLost, through atomic.Uint64
}

// Stats is what a casebook has done since the start.
type Stats struct {
	Open         int    `json:"open"`
	Acknowledged int    `json:"acknowledged"`
	Remembered   int    `json:"remembered"` // resolved, may be reopened
	Findings     uint64 `json:"findings"`
	Opened       uint64 `json:"opened"`
	Reopened     uint64 `json:"reopened"`
	Resolved     uint64 `json:"resolved"`
	Own          uint64 `json:"own"`                // findings that our own blocks caused
	Ignored      uint64 `json:"ignored"`            // too slight to open a case, and logins
	Crowded      uint64 `json:"crowded,omitempty"`  // findings that shared a case because there were too many
	Merged       uint64 `json:"merged,omitempty"`   // cases that turned out to be part of others
	Dropped      uint64 `json:"dropped,omitempty"`  // of packet workers: the inbox was full
	Stripped     uint64 `json:"stripped,omitempty"` // findings whose evidence was left out, for want of room
	Unproven     uint64 `json:"unproven,omitempty"` // pieces of evidence over the bound of their case
	Unkept       uint64 `json:"unkept,omitempty"`   // changes that the journal has not taken yet
	RecordsLost  uint64 `json:"records_lost,omitempty"`
	BlocksLost   uint64 `json:"blocks_lost,omitempty"` // blocks too many to know what they cause
	Through      uint64 `json:"through,omitempty"`     // signs that a banned peer gets through
}

// Stats may be called by any goroutine.
func (c *Casebook) Stats() Stats {
	n := &c.count
	s := Stats{
		Findings: n.findings.Load(), Opened: n.opened.Load(), Reopened: n.reopened.Load(), Resolved: n.resolvedCount.Load(),
		Own: n.own.Load(), Ignored: n.ignored.Load(), Crowded: n.crowded.Load(), Merged: n.merged.Load(), Dropped: n.dropped.Load(), Stripped: n.stripped.Load(),
		Unproven: n.unproven.Load(), Unkept: n.unkept.Load(), RecordsLost: n.recordsLost.Load(), BlocksLost: n.blocksLost.Load(), Through: n.through.Load(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.cases {
		switch d.State {
		case Open:
			s.Open++
		case Acknowledged:
			s.Acknowledged++
		default:
			s.Remembered++
		}
	}
	return s
}
