package audit_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// moved is a clock that stands still between moves.
type moved struct {
	clock.System
	now time.Time
}

func (c *moved) Now() time.Time { return c.now }

// TestNobodyFillsTheJournalByBeingRefused: what comes beyond twenty a minute of one caller is one record,
// which says how many they were. Nothing that was done is folded.
func TestNobodyFillsTheJournalByBeingRefused(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	at := &moved{now: time.Now().Truncate(time.Minute)}
	notes := audit.NewNotes("https://admit.example/", s, at, slog.New(slog.DiscardHandler))
	refuse := func(agent string, times int) {
		for range times {
			require.NoError(t, notes.Refuse(t.Context(), audit.Event{
				Project: project, Action: audit.Invite, Outcome: audit.Refused, Agent: agent, Description: "the caller may not do this", RequestID: "r",
			}))
		}
	}
	written := func() map[string]int {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		notes.Run(ctx) // writes what waits and ends
		found := map[string]int{}
		for _, doc := range waiting(t, s) {
			agent := doc.Get("agent").Values()[0]
			found[agent.Get("who").Text("reference")+strings.TrimPrefix(doc.Text("outcomeDesc"), "the caller may not do this")]++
		}
		return found
	}
	refuse("Practitioner/p1", 20)
	assert.Equal(t, map[string]int{"Practitioner/p1": 20}, written())
	at.now = at.now.Add(2 * time.Minute)
	refuse("Practitioner/p1", 17)
	refuse("Practitioner/p2", 23)
	at.now = at.now.Add(time.Minute)
	refuse("Practitioner/p2", 1)
	assert.Equal(t, map[string]int{
		"Practitioner/p1": 37, "Practitioner/p2": 21, "Practitioner/p2 (the last of 3 further refusals within a minute)": 1,
	}, written())
}

// TestRefusalsOfFHIRAreFoldedTheSameWay: whatever they are about. What was done is recorded each time.
func TestRefusalsOfFHIRAreFoldedTheSameWay(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	notes := audit.NewNotes("https://admit.example/", s, &moved{now: time.Now()}, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	for i := range 50 {
		access := audit.Access{Project: project, Interaction: "read", Resource: "Patient/" + strings.Repeat("x", i+1), User: "Practitioner/p1", Refusal: "Forbidden"}
		notes.Note(ctx, access)
		if access.Refusal = ""; i < 30 {
			notes.Note(ctx, access)
		}
	}
	stop()
	notes.Run(ctx)
	outcomes := map[string]int{}
	for _, doc := range waiting(t, s) {
		outcomes[doc.Text("outcome")+" "+doc.Text("outcomeDesc")]++
	}
	assert.Equal(t, map[string]int{"0 ": 30, "4 Forbidden": 20, "4 Forbidden (the last of 30 further refusals within a minute)": 1}, outcomes)
}
