package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"picket/actions"
	"picket/actions/measure"
	"picket/actions/notify"
	"picket/incidents"
	"picket/outputs/store"
)

// Sensor is what the server needs of a running picket.
type Sensor interface {
	Status(ctx context.Context) (Status, error)
	Reload(ctx context.Context) (Reloaded, error)
	Ban(ctx context.Context, q actions.Request) (actions.Ban, error)
	Unban(ctx context.Context, p netip.Prefix, by string) error
	Bans(ctx context.Context) ([]actions.Ban, error)
	Why(ctx context.Context, p netip.Prefix) (Why, error)
	Cases() Cases
	Measures() Measures
}

// Status is what "picket status" shows.
type Status struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Mode    string    `json:"mode"`
	Rules   Rules     `json:"rules"`
	Sources []Source  `json:"sources"`
	Flows   uint64    `json:"flows"`
	Alerts  uint64    `json:"alerts"`
	Drops   uint64    `json:"drops"`
	// Unseen packets passed the queue rule uninspected: bypass and fail-open.
	Unseen uint64 `json:"unseen,omitempty"`
	// Counters of the packet walk by their paths in EVE's stats record: decoder, defrag, flow, tcp, app_layer.
	Counters map[string]uint64 `json:"counters,omitempty"`
	EVE      *EVE              `json:"eve,omitempty"`
	Jails    []Jail            `json:"jails,omitempty"`
	Syslog   map[string]uint64 `json:"syslog,omitempty"` // what the receiver of messages has counted: messages, messages-dropped …
	Bans     actions.Stats     `json:"bans"`

	Incidents *Incidents    `json:"incidents,omitempty"`
	Measures  measure.Stats `json:"measures,omitzero"`
	Messages  notify.Stats  `json:"notifications,omitzero"`
}

// Jail is one jail of log lines and what it has counted since the start.
type Jail struct {
	Name     string `json:"name"`
	Failing  uint64 `json:"failing"`  // who has failures that did not lead to a ban yet
	Failures uint64 `json:"failures"` // lines
	Breaches uint64 `json:"breaches"` // bans asked for
	Evicted  uint64 `json:"evicted"`  // parties forgotten because there were too many
}

// Rules says which rules are in force.
type Rules struct {
	Loaded int       `json:"loaded"`
	Faults int       `json:"faults"`
	Since  time.Time `json:"since"`
}

// Source is one ring, queue or file and its counters.
type Source struct {
	Name      string `json:"name"`
	Packets   uint64 `json:"packets"`
	Bytes     uint64 `json:"bytes"`
	Dropped   uint64 `json:"dropped"`
	Refused   uint64 `json:"refused,omitempty"`
	Restarted uint64 `json:"restarted,omitempty"`
}

// EVE are the counters of the EVE output.
type EVE struct {
	File    string `json:"file"`
	Written uint64 `json:"written"`
	Dropped uint64 `json:"dropped"`
}

// Reloaded is the answer to a reload: the rules now in force, and what could not be read.
type Reloaded struct {
	Loaded int               `json:"loaded"`
	Faults []string          `json:"faults,omitempty"`
	Took   incidents.Seconds `json:"took_seconds"`
}

// BanRequest is the body of POST /v1/bans.
type BanRequest struct {
	Prefix string            `json:"prefix"`
	For    incidents.Seconds `json:"for_seconds"` // 0: until it is lifted
	Reason string            `json:"reason"`
}

type failure struct {
	Error string `json:"error"`
}

// Listen opens the control socket, in the place of one that a dead picket left. A living one is an error.
func Listen(path string) (net.Listener, error) {
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("open control socket %s: another picket answers there (picket status shows it; a second one needs its own socket and state-dir)", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	return l, nil
}

// maxBody bounds a request.
const maxBody = 64 << 10

// Serve answers on l until ctx ends.
func Serve(ctx context.Context, l net.Listener, s Sensor) error {
	srv := &http.Server{Handler: handler(s), ReadHeaderTimeout: 5 * time.Second, ConnContext: withPeer}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

func handler(s Sensor) http.Handler {
	mux := http.NewServeMux()
	jailHandlers(mux, s)
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		status, err := s.Status(r.Context())
		reply(w, status, err)
	})
	mux.HandleFunc("POST /v1/reload", func(w http.ResponseWriter, r *http.Request) {
		done, err := s.Reload(r.Context())
		reply(w, done, err)
	})
	mux.HandleFunc("GET /v1/bans", func(w http.ResponseWriter, r *http.Request) {
		bans, err := s.Bans(r.Context())
		reply(w, bans, err)
	})
	mux.HandleFunc("GET /v1/why", whyHandler(s))
	handleIncidents(mux, s.Cases())
	handleMeasures(mux, s.Measures())
	mux.HandleFunc("POST /v1/bans", func(w http.ResponseWriter, r *http.Request) { ban(w, r, s) })
	mux.HandleFunc("DELETE /v1/bans/{prefix...}", func(w http.ResponseWriter, r *http.Request) {
		p, err := actions.ParsePrefix(strings.ReplaceAll(r.PathValue("prefix"), "_", "/"))
		if err == nil {
			err = s.Unban(r.Context(), p, operator(r))
		}
		reply(w, struct{}{}, err)
	})
	return mux
}

func ban(w http.ResponseWriter, r *http.Request, s Sensor) {
	var q BanRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&q); err != nil {
		reply(w, nil, fmt.Errorf("ban: read request: %w", err))
		return
	}
	p, err := actions.ParsePrefix(q.Prefix)
	if err != nil {
		reply(w, nil, fmt.Errorf("ban: %w", err))
		return
	}
	if q.For < 0 {
		reply(w, nil, fmt.Errorf("ban: %s is no time to ban for (0: until it is lifted)", q.For))
		return
	}
	by := operator(r)
	b, err := s.Ban(r.Context(), actions.Request{Prefix: p, For: q.For.Duration(), Reason: q.Reason, By: by, Approved: by})
	reply(w, b, err)
}

func reply(w http.ResponseWriter, body any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(statusOf(err))
		body = failure{err.Error()}
	}
	_ = json.NewEncoder(w).Encode(body)
}

func statusOf(err error) int {
	var refused *actions.Refusal
	switch {
	case errors.As(err, &refused):
		return http.StatusForbidden
	case errors.Is(err, actions.ErrNotBanned), errors.Is(err, store.ErrNoIncident), errors.Is(err, store.ErrNoEvidence), errors.Is(err, measure.ErrUnknown):
		return http.StatusNotFound
	}
	return http.StatusUnprocessableEntity
}
