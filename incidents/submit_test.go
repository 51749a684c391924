package incidents

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"testing"
)

// TestSubmitAll: when it returns, every case is in the journal, in order, and one that has ended takes no more.
func TestSubmitAll(t *testing.T) {
	shelf := newShelf()
	c, err := New(Options{Journal: shelf, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { _ = c.Run(ctx); close(ended) }()
	list := make([]*Finding, 3*submitted+1)
	for i := range list {
		list[i] = &Finding{
			Kind: Breach, Severity: Medium, Text: fmt.Sprint(i), Rule: Rule{ID: "sshd"}, Host: "h",
			Attacker: Endpoint{Addr: netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})},
		}
	}
	if err := c.SubmitAll(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	stop()
	<-ended
	if n := c.Stats().Findings; n != uint64(len(list)) || shelf.kept < len(list) {
		t.Errorf("%d of %d findings heard, %d changes kept", n, len(list), shelf.kept)
	}
	if err := c.SubmitAll(t.Context(), list); !errors.Is(err, ErrClosed) {
		t.Errorf("a casebook that has ended answers %v", err)
	}
}
