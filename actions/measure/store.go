package measure

import (
	"context"
	"errors"

	"picket/actions"
	"picket/incidents"
)

// Store keeps measures.
type Store interface {
	// KeepMeasures writes what the measures are now. When it returns nil, that survives kill -9.
	KeepMeasures(list ...*Measure) error
	// OpenMeasures hands out, by ID, every measure that is not over, and returns the greatest ID ever kept.
	OpenMeasures(ctx context.Context, each func(*Measure)) (ID, error)
	// MeasuresOf returns the measures of a case, and of those that turned out to be part of it, by name and state.
	MeasuresOf(ctx context.Context, of incidents.ID, name string, states ...State) ([]Measure, error)
	// Measure returns one measure, or ErrUnknown.
	Measure(ctx context.Context, id ID) (*Measure, error)
}

// ErrUnknown is the answer to a question about a measure that there is not.
var ErrUnknown = errors.New("no such measure")

// Cases is what the measures need of the casebook. Both methods may be called by any goroutine.
type Cases interface {
	// Case returns a case as it is now; nil when there is none. It may read the disk.
	Case(ctx context.Context, id incidents.ID) *incidents.Incident
	// Moved puts what has happened to a measure into its case's timeline. It must not wait.
	Moved(id incidents.ID, e incidents.Entry, evidence []incidents.Evidence)
}

// Policies say what should be done.
type Policies interface {
	// Propose tells what is to be done about a case that has changed, except for what Bans tells.
	Propose(e *incidents.Event) []Proposal
	// Kept tells that what was proposed is on disk. It is not proposed again then, even after a crash; before that it is.
	Kept() error
	// Bans hands out the bans that need neither delay nor approval nor the case, while it has not heard of the finding
	// yet. Any goroutine may call it.
	Bans(f *incidents.Finding, order func(actions.Request))
	// Released tells that a ban of a party was lifted: it may be proposed again at once, and is a rung longer then.
	Released(r actions.Ban)
	// Failed tells that a ban did not come about: it may be proposed again at once, as if it never had been.
	Failed(r actions.Ban)
}

// Proposal is one measure that a policy wants.
type Proposal struct {
	Spec
	Reason string // "sid 2019401: ET SCAN …"
}
