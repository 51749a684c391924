package web

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"picket/actions"
	"picket/actions/measure"
	"picket/incidents"
)

// Why is all that picket knows about a party: what the gate says, what stands against it, what led to that, and what
// would end it.
type Why struct {
	Party string `json:"party"`
	Mode  string `json:"mode"`
	actions.Explanation
	Lifts     []string      `json:"lifts,omitempty"` // what would end the bans
	Incidents []WhyIncident `json:"incidents,omitempty"`
	Measures  []WhyMeasure  `json:"measures,omitempty"`
}

// WhyIncident is an incident that the party has a part in.
type WhyIncident struct {
	ID       incidents.ID       `json:"id"`
	Part     string             `json:"part"` // "attacker", "victim"
	State    incidents.State    `json:"state"`
	Severity incidents.Severity `json:"severity"`
	Title    string             `json:"title"`
	Findings uint64             `json:"findings"`
	Own      uint64             `json:"own,omitempty"` // caused by our own block
	Since    time.Time          `json:"since"`
	Last     time.Time          `json:"last"` // finding
}

// WhyMeasure is a measure of such an incident, or one against the party by hand.
type WhyMeasure struct {
	ID       measure.ID    `json:"id"`
	Incident incidents.ID  `json:"incident,omitempty"` // 0: none
	Name     string        `json:"name"`
	Target   string        `json:"target,omitempty"`
	State    measure.State `json:"state"`
	Outcome  string        `json:"outcome"` // the state, with who has brought it about
	At       time.Time     `json:"at"`      // when it came to that
	By       string        `json:"by"`
	Until    time.Time     `json:"until,omitzero"`
	Asks     string        `json:"asks,omitempty"`     // what the gate asks
	Next     string        `json:"next,omitempty"`     // what an operator can do about it now
	Deviated string        `json:"deviated,omitempty"` // how it last lost its effect, and by whom
}

// whyHandler answers GET /v1/why?party=ADDR.
func whyHandler(s Sensor) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := actions.ParsePrefix(r.URL.Query().Get("party"))
		if err != nil {
			reply(w, nil, err)
			return
		}
		why, err := s.Why(r.Context(), p)
		reply(w, why, err)
	}
}

// Why asks what is known about a party.
func (c *Client) Why(ctx context.Context, p netip.Prefix) (w Why, err error) {
	return w, c.do(ctx, "GET", "/v1/why?party="+url.QueryEscape(p.String()), nil, &w)
}
