package web

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"

	"picket/actions"
)

// Why is all that picket knows about a party: what the gate says, what stands against it, what led to that, and what
// would end it.
type Why struct {
	Party string `json:"party"`
	Mode  string `json:"mode"`
	actions.Explanation
	Incidents []Involved `json:"incidents,omitempty"`
	Lifts     []string   `json:"lifts,omitempty"` // what would end the bans
}

// Involved is an incident or a measure that the party has a part in.
type Involved struct {
	What string `json:"what"` // "incident 12", "measure 40"
	Text string `json:"text"`
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
