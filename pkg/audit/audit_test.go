package audit_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/validate"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

const project = "0193f3a0-0000-7000-8000-000000000001"

func TestEveryEventIsAnAuditEventOfR4(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	for _, e := range []audit.Event{
		{Action: audit.Invite, Agent: "Practitioner/p1", Entities: []string{"ProjectMembership/m1", "Patient/p2"}, RemoteAddr: "192.0.2.1", RequestID: "r1"},
		{Action: audit.SignIn, Outcome: audit.Refused, Description: "a reason"},
		{Action: audit.SetUp, Agent: "system", Entities: []string{"Project/x"}},
		{Action: audit.MembershipDelete, Agent: "ClientApplication/c"},
		{Action: audit.MailRead, Agent: "Practitioner/p1"},
		{Action: audit.ProjectChange, Outcome: audit.Failed},
	} {
		e.Project = project
		require.NoError(t, audit.RecordAlone(t.Context(), s, e))
		rows, err := s.AuditEvents(t.Context(), project, "", 1)
		require.NoError(t, err)
		doc, err := document.Parse([]byte(rows[0].Content))
		require.NoError(t, err)
		require.NoError(t, validate.Resource(doc, "AuditEvent"), rows[0].Content)
		assert.Equal(t, rows[0].ID, doc.Text("id"))
		assert.Equal(t, string(e.Action), rows[0].Action)
		assert.Equal(t, rows[0].Outcome, doc.Text("outcome"))
	}
}

func TestAnEventSaysWhyAdmitActedWithItsOwnRights(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	require.NoError(t, s.InTx(t.Context(), func(tx *store.Tx) error {
		tx.Because("invite")
		tx.Because("make the membership of an invite")
		tx.Because("invite")
		return audit.Record(t.Context(), tx, audit.Event{Project: project, Action: audit.Invite, Agent: "Practitioner/p1"})
	}))
	rows, err := s.AuditEvents(t.Context(), project, "", 1)
	require.NoError(t, err)
	doc, err := document.Parse([]byte(rows[0].Content))
	require.NoError(t, err)
	require.NoError(t, validate.Resource(doc, "AuditEvent"), rows[0].Content)
	assert.Contains(t, rows[0].Content, `"purposeOfEvent":[{"text":"invite"},{"text":"make the membership of an invite"}]`)
}

func TestAnEventIsThereWithWhatItTellsOrNotAtAll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		undone := errors.New("undone")
		record := func(result error) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error {
				if err := audit.Record(t.Context(), tx, audit.Event{Project: project, Action: audit.Invite, Agent: "Practitioner/p1", Entities: []string{"ProjectMembership/m1"}}); err != nil {
					return err
				}
				return result
			})
		}
		require.ErrorIs(t, record(undone), undone)
		rows, err := s.AuditEvents(t.Context(), project, "", 10)
		require.NoError(t, err)
		require.Empty(t, rows)
		require.NoError(t, record(nil))
		require.NoError(t, record(nil))
		rows, err = s.AuditEvents(t.Context(), project, "", 10)
		require.NoError(t, err)
		require.Len(t, rows, 2)
		assert.Equal(t, "ProjectMembership/m1", rows[0].Entity)
		assert.Equal(t, "Practitioner/p1", rows[0].Agent)
		page, err := s.AuditEvents(t.Context(), project, rows[0].ID, 10)
		require.NoError(t, err)
		assert.Equal(t, rows[1:], page)
		elsewhere, err := s.AuditEvents(t.Context(), store.SystemProject, "", 10)
		require.NoError(t, err)
		assert.Empty(t, elsewhere)
	})
}
