package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"picket/incidents"
	"picket/outputs/store"
)

// Cases is what the server needs of the casebook and its archive.
type Cases interface {
	incidents.Archive
	// Evidence returns one piece of a case's evidence by its number in the archive.
	Evidence(ctx context.Context, id incidents.ID, number int64) (incidents.Evidence, error)
	// Do does what an operator wants.
	Do(ctx context.Context, a incidents.Act) (incidents.Incident, error)
	// Submit opens a case that an operator describes.
	Submit(ctx context.Context, f *incidents.Finding) (incidents.Incident, error)
}

// Incidents is the part of the status that tells of incidents.
type Incidents struct {
	incidents.Stats
	Store store.Stats `json:"store"`
}

// IncidentList is the answer to a question for incidents: one page, and how many there are in all.
type IncidentList struct {
	Total     int                  `json:"total"`
	Incidents []incidents.Incident `json:"incidents"`
}

// handleIncidents adds the handlers of incidents:
//
//	POST /v1/incidents/list              incidents.Filter → IncidentList
//	POST /v1/incidents                   incidents.Finding → incidents.Incident (opened by hand)
//	GET  /v1/incidents/{id}              incidents.File
//	GET  /v1/incidents/{id}/evidence/{n} the bytes
//	GET  /v1/incidents/{id}/export       a zip archive
//	POST /v1/incidents/{id}/act          incidents.Act → incidents.Incident
func handleIncidents(mux *http.ServeMux, c Cases) {
	mux.HandleFunc("POST /v1/incidents/list", func(w http.ResponseWriter, r *http.Request) {
		var l IncidentList
		f, err := body[incidents.Filter](w, r)
		if err == nil {
			l.Incidents, l.Total, err = c.List(r.Context(), &f)
		}
		reply(w, l, err)
	})
	mux.HandleFunc("POST /v1/incidents", func(w http.ResponseWriter, r *http.Request) {
		var i incidents.Incident
		f, err := body[incidents.Finding](w, r)
		if err == nil {
			f.Kind, f.Evidence, f.Ban, f.Text = incidents.Manual, nil, nil, "opened by "+operator(r)
			i, err = c.Submit(r.Context(), &f)
		}
		reply(w, i, err)
	})
	mux.HandleFunc("GET /v1/incidents/{id}", func(w http.ResponseWriter, r *http.Request) {
		var f incidents.File
		id, err := incidentID(r)
		if err == nil {
			f, err = c.Incident(r.Context(), id)
		}
		reply(w, f, err)
	})
	mux.HandleFunc("GET /v1/incidents/{id}/evidence/{n}", func(w http.ResponseWriter, r *http.Request) { evidence(w, r, c) })
	mux.HandleFunc("GET /v1/incidents/{id}/export", func(w http.ResponseWriter, r *http.Request) { export(w, r, c) })
	mux.HandleFunc("POST /v1/incidents/{id}/act", func(w http.ResponseWriter, r *http.Request) {
		var i incidents.Incident
		id, err := incidentID(r)
		if err != nil {
			reply(w, i, err)
			return
		}
		a, err := body[incidents.Act](w, r)
		if a.ID, a.By = id, operator(r); err == nil {
			i, err = c.Do(r.Context(), a)
		}
		reply(w, i, err)
	})
}

// body reads a request's JSON.
func body[T any](w http.ResponseWriter, r *http.Request) (v T, err error) {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&v); err != nil {
		return v, fmt.Errorf("read request: %w", err)
	}
	return v, nil
}

func incidentID(r *http.Request) (incidents.ID, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("incident %q: %w (numbers are in picket incidents)", r.PathValue("id"), errors.Unwrap(err))
	}
	return incidents.ID(id), nil
}

// evidence sends bytes that attackers have chosen: no browser may take them for a page of ours.
func evidence(w http.ResponseWriter, r *http.Request, c Cases) {
	id, err := incidentID(r)
	n, err2 := strconv.ParseInt(r.PathValue("n"), 10, 64)
	if err = errors.Join(err, err2); err != nil {
		reply(w, nil, err)
		return
	}
	e, err := c.Evidence(r.Context(), id, n)
	if err != nil {
		reply(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Disposition", "attachment")
	_, _ = w.Write(e.Data)
}

func export(w http.ResponseWriter, r *http.Request, c Cases) {
	id, err := incidentID(r)
	if err != nil {
		reply(w, nil, err)
		return
	}
	out := &lateHeader{w: w}
	err = c.Export(r.Context(), id, out)
	switch {
	case err != nil && !out.begun:
		reply(w, nil, err)
	case err != nil: // half of it is sent: the connection must not end as if all was well
		panic(http.ErrAbortHandler)
	}
}

// lateHeader says what follows when the first byte does: until then the answer may still be an error.
type lateHeader struct {
	w     http.ResponseWriter
	begun bool
}

func (l *lateHeader) Write(b []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", "application/zip")
	}
	return l.w.Write(b)
}

// Incidents lists cases.
func (c *Client) Incidents(ctx context.Context, f incidents.Filter) (l IncidentList, err error) {
	return l, c.do(ctx, "POST", "/v1/incidents/list", f, &l)
}

// Incident asks for one case.
func (c *Client) Incident(ctx context.Context, id incidents.ID) (f incidents.File, err error) {
	return f, c.do(ctx, "GET", fmt.Sprintf("/v1/incidents/%d", id), nil, &f)
}

// OpenIncident opens a case by hand.
func (c *Client) OpenIncident(ctx context.Context, f incidents.Finding) (i incidents.Incident, err error) {
	return i, c.do(ctx, "POST", "/v1/incidents", f, &i)
}

// Act does something to a case.
func (c *Client) Act(ctx context.Context, a incidents.Act) (i incidents.Incident, err error) {
	return i, c.do(ctx, "POST", fmt.Sprintf("/v1/incidents/%d/act", a.ID), a, &i)
}

// ExportIncident writes a case as a zip archive.
func (c *Client) ExportIncident(ctx context.Context, id incidents.ID, to io.Writer) error {
	return c.copy(ctx, fmt.Sprintf("/v1/incidents/%d/export", id), to)
}

// Evidence writes the bytes of one piece of evidence.
func (c *Client) Evidence(ctx context.Context, id incidents.ID, number int64, to io.Writer) error {
	return c.copy(ctx, fmt.Sprintf("/v1/incidents/%d/evidence/%d", id, number), to)
}

// copy gets what is no JSON.
func (c *Client) copy(ctx context.Context, path string, to io.Writer) error {
	resp, err := c.ask(ctx, "GET", path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(to, resp.Body); err != nil {
		return fmt.Errorf("ask picket at %s: %w", c.path, err)
	}
	return nil
}
