package notify

import (
	"encoding/json"
	"os"
	"time"

	"picket/incidents"
)

// told is a line of the file that says who was told of what, so that a restart forgets neither to tell of a resolution
// nor when to repeat.
type told struct {
	Receiver string       `json:"receiver"`
	Incident incidents.ID `json:"incident"`
	Told     time.Time    `json:"told"`
	Whole    bool         `json:"whole,omitempty"` // of it as another that turned out to be part of it
}

// remember writes the file when something has changed.
func (n *Notifier) remember() {
	if !n.changed {
		return
	}
	var list []told
	for k, g := range n.groups {
		if !g.told.IsZero() || g.whole {
			list = append(list, told{k.receiver, k.incident, g.told, g.whole})
		}
	}
	text, err := json.Marshal(list)
	if err == nil {
		err = os.WriteFile(n.ledger+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(n.ledger+".new", n.ledger)
	}
	if err != nil {
		n.log.Error("who was told of which incident will not survive a restart", "error", err)
		return
	}
	n.changed = false
}

// recall reads the file. Without it everybody is told anew.
func (n *Notifier) recall() {
	text, err := os.ReadFile(n.ledger)
	if err != nil {
		return
	}
	var list []told
	if err := json.Unmarshal(text, &list); err != nil {
		n.log.Warn("it is not known any more who was told of which incident", "error", err)
		return
	}
	for _, t := range list[:min(len(list), maxGroups)] {
		n.groups[key{t.Receiver, t.Incident}] = &group{told: t.Told, whole: t.Whole}
	}
}
