package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"picket/actions/measure"
	"picket/actions/policy"
	"picket/incidents"
	"picket/outputs/store"
)

// Measures is what the server needs of the desk of measures, its archive and the policies.
type Measures interface {
	List(ctx context.Context, f store.MeasureFilter) ([]measure.Measure, error)
	Show(ctx context.Context, id measure.ID) (*measure.Measure, error)
	Approve(ctx context.Context, id measure.ID, by string) (measure.Measure, error)
	Deny(ctx context.Context, id measure.ID, by, reason string) (measure.Measure, error)
	Lift(ctx context.Context, id measure.ID, by string) (measure.Measure, error)
	Order(ctx context.Context, s measure.Spec, of incidents.ID, by, reason string) (measure.Measure, error)
	DryRun(ctx context.Context, s measure.Spec, of incidents.ID, by string) (measure.Plan, measure.Verdict, error)
	Stats(ctx context.Context) (measure.Stats, error)
	Explain(ctx context.Context, id incidents.ID) ([]PolicyTest, error)
}

// PolicyTest is what the policies make of one finding of a case.
type PolicyTest struct {
	Finding incidents.Finding `json:"finding"`
	Reports []policy.Report   `json:"policies"`
}

// MeasureOrder is the body of POST /v1/measures.
type MeasureOrder struct {
	measure.Spec
	Incident incidents.ID `json:"incident,omitempty"`
	Reason   string       `json:"reason,omitempty"`
	DryRun   bool         `json:"dry_run,omitempty"`
}

// MeasureAnswer is the answer to it: the measure, or what it would be.
type MeasureAnswer struct {
	Measure *measure.Measure `json:"measure,omitempty"`
	Plan    *measure.Plan    `json:"plan,omitempty"`
	Verdict *measure.Verdict `json:"verdict,omitempty"`
}

// MeasureAct is the body of POST /v1/measures/{id}/act.
type MeasureAct struct {
	Act    string `json:"act"` // "approve", "deny", "lift"
	Reason string `json:"reason,omitempty"`
}

// handleMeasures adds the handlers of measures and policies:
//
//	POST /v1/measures/list          store.MeasureFilter → []measure.Measure
//	POST /v1/measures               MeasureOrder → MeasureAnswer
//	GET  /v1/measures/{id}          measure.Measure
//	POST /v1/measures/{id}/act      MeasureAct → measure.Measure
//	GET  /v1/policies/test/{id}     []PolicyTest, of an incident
func handleMeasures(mux *http.ServeMux, m Measures) {
	mux.HandleFunc("POST /v1/measures/list", func(w http.ResponseWriter, r *http.Request) {
		var list []measure.Measure
		f, err := body[store.MeasureFilter](w, r)
		if err == nil {
			list, err = m.List(r.Context(), f)
		}
		reply(w, list, err)
	})
	mux.HandleFunc("POST /v1/measures", func(w http.ResponseWriter, r *http.Request) {
		var a MeasureAnswer
		o, err := body[MeasureOrder](w, r)
		if err == nil {
			a, err = orderMeasure(r.Context(), m, &o, operator(r))
		}
		reply(w, a, err)
	})
	mux.HandleFunc("GET /v1/measures/{id}", func(w http.ResponseWriter, r *http.Request) {
		var one *measure.Measure
		id, err := number(r, "measure")
		if err == nil {
			one, err = m.Show(r.Context(), measure.ID(id))
		}
		reply(w, one, err)
	})
	mux.HandleFunc("POST /v1/measures/{id}/act", func(w http.ResponseWriter, r *http.Request) {
		var one measure.Measure
		id, err := number(r, "measure")
		if err == nil {
			one, err = actOn(r, w, m, measure.ID(id))
		}
		reply(w, one, err)
	})
	mux.HandleFunc("GET /v1/policies/test/{id}", func(w http.ResponseWriter, r *http.Request) {
		var list []PolicyTest
		id, err := number(r, "incident")
		if err == nil {
			list, err = m.Explain(r.Context(), incidents.ID(id))
		}
		reply(w, list, err)
	})
}

func number(r *http.Request, what string) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id <= 0 {
		return 0, fmt.Errorf("%s %q: a number is wanted, as picket %ss lists it", what, r.PathValue("id"), what)
	}
	return id, nil
}

func orderMeasure(ctx context.Context, m Measures, o *MeasureOrder, by string) (a MeasureAnswer, err error) {
	if o.DryRun {
		plan, verdict, err := m.DryRun(ctx, o.Spec, o.Incident, by)
		return MeasureAnswer{Plan: &plan, Verdict: &verdict}, err
	}
	one, err := m.Order(ctx, o.Spec, o.Incident, by, o.Reason)
	return MeasureAnswer{Measure: &one}, err
}

func actOn(r *http.Request, w http.ResponseWriter, m Measures, id measure.ID) (measure.Measure, error) {
	act, err := body[MeasureAct](w, r)
	if err != nil {
		return measure.Measure{}, err
	}
	by := operator(r)
	switch act.Act {
	case "approve":
		return m.Approve(r.Context(), id, by)
	case "deny":
		return m.Deny(r.Context(), id, by, act.Reason)
	case "lift":
		return m.Lift(r.Context(), id, by)
	}
	return measure.Measure{}, fmt.Errorf("act %q is none of approve, deny, lift", act.Act)
}

// Measures lists measures, the newest first.
func (c *Client) Measures(ctx context.Context, f store.MeasureFilter) (l []measure.Measure, err error) {
	return l, c.do(ctx, "POST", "/v1/measures/list", f, &l)
}

// Measure shows one measure.
func (c *Client) Measure(ctx context.Context, id measure.ID) (m measure.Measure, err error) {
	return m, c.do(ctx, "GET", fmt.Sprintf("/v1/measures/%d", id), nil, &m)
}

// OrderMeasure orders a measure, or asks what it would do.
func (c *Client) OrderMeasure(ctx context.Context, o MeasureOrder) (a MeasureAnswer, err error) {
	return a, c.do(ctx, "POST", "/v1/measures", o, &a)
}

// ActOnMeasure approves, denies or lifts a measure.
func (c *Client) ActOnMeasure(ctx context.Context, id measure.ID, act MeasureAct) (m measure.Measure, err error) {
	return m, c.do(ctx, "POST", fmt.Sprintf("/v1/measures/%d/act", id), act, &m)
}

// TestPolicies asks what the policies in force would do about an incident.
func (c *Client) TestPolicies(ctx context.Context, id incidents.ID) (l []PolicyTest, err error) {
	return l, c.do(ctx, "GET", fmt.Sprintf("/v1/policies/test/%d", id), nil, &l)
}
