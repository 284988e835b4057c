package audit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/validate"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

const project = "0193f3a0-0000-7000-8000-000000000001"

// waiting are the records in the journal, each of them valid R4.
func waiting(t *testing.T, s *store.Store) []*document.Node {
	t.Helper()
	rows, err := s.AuditEvents(t.Context(), project, 100)
	require.NoError(t, err)
	docs := make([]*document.Node, len(rows))
	for i, row := range rows {
		doc, err := document.Parse([]byte(row.Content))
		require.NoError(t, err)
		require.NoError(t, validate.Resource(doc, "AuditEvent"), row.Content)
		docs[i] = doc
	}
	return docs
}

func TestEveryEventIsAnAuditEventOfR4(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	events := []audit.Event{
		{Action: audit.Invite, Agent: "Practitioner/p1", Entities: []string{"ProjectMembership/m1", "Patient/p2"}, RemoteAddr: "192.0.2.1", RequestID: "r1"},
		{Action: audit.SignIn, Outcome: audit.Refused, Description: "a reason"},
		{Action: audit.SetUp, Agent: "system", Entities: []string{"Project/x"}},
		{Action: audit.MembershipDelete, Agent: "ClientApplication/c"},
		{Action: audit.MailRead, Agent: "Practitioner/p1"},
		{Action: audit.ProjectChange, Outcome: audit.Failed},
	}
	for _, e := range events {
		e.Project = project
		require.NoError(t, audit.RecordAlone(t.Context(), s, e))
	}
	docs := waiting(t, s)
	require.Len(t, docs, len(events))
	for i, doc := range docs {
		assert.Equal(t, string(events[i].Action), doc.Get("subtype").Values()[0].Text("code"))
	}
}

func TestAnAccessHasTheShapeOfItsPattern(t *testing.T) {
	const dicom, participant = "http://dicom.nema.org/resources/ontology/DCM", "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
	for _, tc := range []struct {
		of                           audit.Access
		profile, verb                string
		client, server, user, entity string
	}{
		{audit.Access{Interaction: "create", Resource: "Patient/p/_history/1", Patients: []string{"Patient/p"}, User: "Practitioner/x", Client: "c"}, "PatientCreate", "C", "110153", "110152", "AUT", "Patient/p"},
		{audit.Access{Interaction: "create", Resource: "Group/g/_history/1", User: "Practitioner/x"}, "Create", "C", "110153", "110152", "AUT", ""},
		{audit.Access{Interaction: "update", Resource: "Group/g/_history/2", User: "ClientApplication/c"}, "Update", "U", "110153", "110152", "", ""},
		{audit.Access{Interaction: "delete", Resource: "Observation/o/_history/2", Patients: []string{"Patient/p"}, User: "Patient/p"}, "PatientDelete", "D", "110150", "custodian", "AUT", "Patient/p"},
		{audit.Access{Interaction: "read", Resource: "Observation/o/_history/2", Patients: []string{"Patient/p"}, User: "Patient/p"}, "PatientRead", "R", "110152", "110153", "IRCP", "Patient/p"},
		{audit.Access{Interaction: "vread", Resource: "Group/g/_history/2", User: "Patient/p"}, "Read", "R", "110152", "110153", "IRCP", ""},
		{audit.Access{Interaction: "search-type", Query: "Observation?code=x", User: "Patient/p"}, "Query", "E", "110153", "110152", "IRCP", ""},
		{audit.Access{Interaction: "search-type", Query: "Observation?code=x", Patients: []string{"Patient/p"}, User: "Patient/p"}, "PatientQuery", "E", "110153", "110152", "IRCP", "Patient/p"},
		{audit.Access{Interaction: "read", Resource: "Observation/o", User: "Patient/p", Refusal: "Forbidden"}, "", "R", "110152", "110153", "IRCP", ""},
	} {
		t.Run(tc.of.Interaction+" "+tc.profile, func(t *testing.T) {
			tc.of.Project, tc.of.RemoteAddr, tc.of.RequestID = project, "192.0.2.1", "r1"
			row, err := audit.Server("https://admit.example.com/").Row(tc.of, clock.System{}.NewID(), time.Unix(1000, 0).UTC())
			require.NoError(t, err)
			doc, err := document.Parse([]byte(row.Content))
			require.NoError(t, err)
			require.NoError(t, validate.Resource(doc, "AuditEvent"), row.Content)
			if tc.profile == "" {
				assert.Nil(t, doc.Get("meta"))
				assert.Equal(t, "4", doc.Text("outcome"))
			} else {
				assert.Equal(t, "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."+tc.profile, doc.Find("meta", "profile").Values()[0].String())
				assert.Equal(t, "0", doc.Text("outcome"))
			}
			assert.Equal(t, "rest", doc.Get("type").Text("code"))
			assert.Equal(t, tc.of.Interaction, doc.Get("subtype").Values()[0].Text("code"))
			assert.Equal(t, tc.verb, doc.Text("action"))
			agents := doc.Get("agent").Values()
			assert.Equal(t, []string{dicom + "|" + tc.client, "192.0.2.1"}, []string{kind(agents[0]), agents[0].Get("network").Text("address")})
			assert.Contains(t, kind(agents[1]), "|"+tc.server)
			assert.NotNil(t, agents[0].Get("who"))
			requestors := 0
			for _, agent := range agents {
				if agent.Get("requestor").String() == "true" {
					requestors++
				}
			}
			assert.Equal(t, 1, requestors)
			if tc.user == "" {
				assert.Len(t, agents, 2)
			} else {
				assert.Equal(t, participant+"|"+tc.user, kind(agents[2]))
				assert.Nil(t, agents[2].Get("network"))
			}
			var patient string
			for _, entity := range doc.Get("entity").Values() {
				if entity.Get("role").Text("code") == "1" {
					patient = entity.Get("what").Text("reference")
				}
			}
			assert.Equal(t, tc.entity, patient)
		})
	}
}

func kind(agent *document.Node) string {
	coding := agent.Find("type", "coding").Values()[0]
	return coding.Text("system") + "|" + coding.Text("code")
}

func TestAnEventSaysWhyAdmitActedWithItsOwnRights(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	require.NoError(t, s.InTx(t.Context(), func(tx *store.Tx) error {
		tx.Because("invite")
		tx.Because("make the membership of an invite")
		tx.Because("invite")
		return audit.Record(t.Context(), tx, audit.Event{Project: project, Action: audit.Invite, Agent: "Practitioner/p1"})
	}))
	assert.Contains(t, string(waiting(t, s)[0].Raw), `"purposeOfEvent":[{"text":"invite"},{"text":"make the membership of an invite"}]`)
}

func TestAnEventIsThereWithWhatItTellsOrNotAtAll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		undone := errors.New("undone")
		record := func(result error) error {
			return s.InTx(t.Context(), func(tx *store.Tx) error {
				return errors.Join(audit.Record(t.Context(), tx, audit.Event{Project: project, Action: audit.Invite, Agent: "Practitioner/p1"}), result)
			})
		}
		require.ErrorIs(t, record(undone), undone)
		require.Empty(t, waiting(t, s))
		require.NoError(t, record(nil))
		require.NoError(t, record(nil))
		require.Len(t, waiting(t, s), 2)
	})
}
