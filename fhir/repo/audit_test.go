package repo_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/fhir/validate"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// testKey signs; a world has no server key.
type testKey struct{}

func (testKey) Fingerprint(data []byte) string {
	sum := sha256.Sum256(append([]byte("key"), data...))
	return hex.EncodeToString(sum[:])
}

type audited struct {
	*repotest.World
	sealer *audit.Sealer
	notes  *audit.Notes
}

// auditedWorld records what callers do.
func auditedWorld(t *testing.T, db storetest.DB, level audit.Level) *audited {
	t.Helper()
	w := &audited{World: repotest.New(t, db)}
	log := slog.New(slog.DiscardHandler)
	w.notes = audit.NewNotes("https://admit.example.com/", w.Store, clock.System{}, log)
	w.sealer = &audit.Sealer{Store: w.Store, Files: w.Repo, Key: testKey{}, Log: log}
	w.Repo.Trail = &repo.Trail{Level: level, Notes: w.notes, Seal: w.sealer.Seal}
	return w
}

// written runs something and then writes the notes that it left.
func (w *audited) written(t *testing.T, something func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.notes.Run(ctx) })
	something()
	stop()
	running.Wait()
}

// events are the AuditEvents that A's administrator finds by a query.
func (w *audited) events(t *testing.T, query string) []*document.Node {
	t.Helper()
	as := w.Repo.As(w.Caller(t, w.A.Admin))
	req, err := search.Parse([]string{"AuditEvent"}, query, "https://admit.example.com/fhir/R4/")
	require.NoError(t, err)
	rows, err := as.Search(t.Context(), req)
	require.NoError(t, err)
	docs := make([]*document.Node, len(rows))
	for i, row := range rows {
		docs[i], err = document.Parse(row.Content)
		require.NoError(t, err)
		require.NoError(t, validate.Resource(docs[i], "AuditEvent"), "%s", row.Content)
	}
	return docs
}

func TestEveryWriteOfACallerIsRecordedWithIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := auditedWorld(t, db, audit.Writes)
		admin, ctx := w.Repo.As(w.Caller(t, w.A.Admin)), t.Context()
		made, err := admin.Create(ctx, "Patient", []byte(`{"resourceType":"Patient"}`))
		require.NoError(t, err)
		_, err = admin.Update(ctx, "Patient", made.ID, []byte(`{"resourceType":"Patient","id":"`+made.ID+`","active":true}`), "")
		require.NoError(t, err)
		_, err = admin.Update(ctx, "Patient", made.ID, []byte(`{"resourceType":"Patient","id":"`+made.ID+`","active":false}`), made.Version)
		require.True(t, outcome.Has(err, outcome.PreconditionFailed), "%v", err)
		require.NoError(t, admin.Delete(ctx, "Patient", made.ID))
		var basics []repo.Target
		require.NoError(t, admin.Together(ctx, nil, func(s *repo.Session) error {
			for range 2 {
				made, err := s.Create(ctx, "Basic", []byte(`{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"Patient/other"}}`))
				if err != nil {
					return err
				}
				basics = append(basics, repo.Target{Type: "Basic", ID: made.ID})
			}
			return nil
		}))
		require.NoError(t, admin.Together(ctx, basics, func(s *repo.Session) error {
			for _, b := range basics {
				if _, err := s.Update(ctx, "Basic", b.ID, fmt.Appendf(nil, `{"resourceType":"Basic","id":%q,"code":{"text":"y"},"subject":{"reference":"Patient/other"}}`, b.ID), ""); err != nil {
					return err
				}
			}
			return nil
		}))
		undone := errors.New("undone")
		require.ErrorIs(t, admin.InTx(ctx, func(tx *repo.Tx) error {
			_, err := tx.Create(ctx, "Basic", []byte(`{"resourceType":"Basic","code":{"text":"undone"}}`))
			return errors.Join(err, undone)
		}), undone)
		_, err = w.Repo.System("do something of Admit's own", w.A.ID).Create(ctx, "Basic", []byte(`{"resourceType":"Basic","code":{"text":"own"}}`))
		require.NoError(t, err)

		of := w.events(t, "entity=Patient/"+made.ID+"&_sort=_lastUpdated")
		var verbs []string
		for _, e := range of {
			verbs = append(verbs, e.Text("action"))
		}
		assert.ElementsMatch(t, []string{"C", "U", "D"}, verbs)
		assert.Len(t, w.events(t, "patient=Patient/other&action=C"), 2)
		assert.Len(t, w.events(t, "patient=Patient/other&action=U"), 2)
		assert.Len(t, w.events(t, ""), 7, "neither what failed nor what Admit did for itself")
	})
}

func TestReadsAreRecordedWhenAskedFor(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		for level, want := range map[audit.Level]int{audit.Writes: 0, audit.All: 4} {
			w := auditedWorld(t, db, level)
			as, ctx := w.Repo.As(w.Caller(t, w.A.Staff)), t.Context()
			_, id, _ := strings.Cut(w.A.Patient.Profile.Reference, "/")
			w.written(t, func() {
				got, err := as.Read(ctx, "Patient", id)
				require.NoError(t, err)
				_, err = as.VRead(ctx, "Patient", id, got.Version)
				require.NoError(t, err)
				req, err := search.Parse([]string{"Patient"}, "_id="+id, "https://admit.example.com/fhir/R4/")
				require.NoError(t, err)
				_, err = as.Search(ctx, req)
				require.NoError(t, err)
				_, err = as.History(ctx, repo.HistoryRequest{Type: "Patient", ID: id, Count: 5})
				require.NoError(t, err)
			})
			w.Repo.Trail.Level = audit.Writes
			assert.Len(t, w.events(t, "subtype=read,vread,search-type,history-instance"), want, level)
			assert.Len(t, w.events(t, "patient="+w.A.Patient.Profile.Reference), want, level)
		}
	})
}

func TestAuditEventsAreForTheAdministratorsOfTheirProjectAlone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := auditedWorld(t, db, audit.Writes)
		ctx := t.Context()
		_, err := w.Repo.As(w.Caller(t, w.A.Admin)).Create(ctx, "Patient", []byte(`{"resourceType":"Patient"}`))
		require.NoError(t, err)
		found := w.events(t, "")
		require.Len(t, found, 1)
		id := found[0].Text("id")
		for name, tc := range map[string]struct {
			as   repotest.Member
			code outcome.Code
		}{
			"another project's administrator": {w.B.Admin, outcome.NotFound},
			"staff":                           {w.A.Staff, outcome.Forbidden},
			"a patient":                       {w.A.Patient, outcome.Forbidden},
		} {
			_, err := w.Repo.As(w.Caller(t, tc.as)).Read(ctx, "AuditEvent", id)
			assert.True(t, outcome.Has(err, tc.code), "%s: %v", name, err)
		}
		for name, as := range map[string]repotest.Member{"administrator": w.A.Admin, "super administrator": w.Super.Admin} {
			s := w.Repo.As(w.Caller(t, as))
			_, err := s.Read(ctx, "AuditEvent", id)
			require.NoError(t, err, name)
			_, err = s.Update(ctx, "AuditEvent", id, found[0].Raw, "")
			assert.True(t, outcome.Has(err, outcome.NotSupported), "%s: %v", name, err)
			assert.True(t, outcome.Has(s.Delete(ctx, "AuditEvent", id), outcome.NotSupported), name)
			assert.Error(t, s.Expunge(ctx, "AuditEvent", id), name)
		}
	})
}

func TestVerifyFindsWhatWasDoneToTheRecords(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := auditedWorld(t, db, audit.Writes)
		admin, ctx := w.Repo.As(w.Caller(t, w.A.Admin)), t.Context()
		for n := range 6 {
			_, err := admin.Create(ctx, "Basic", []byte(fmt.Sprintf(`{"resourceType":"Basic","code":{"text":"%d"}}`, n)))
			require.NoError(t, err)
			require.NoError(t, w.sealer.Seal(ctx, w.A.ID))
		}
		head, found, err := audit.Verify(ctx, w.Store, testKey{}, w.A.ID)
		require.NoError(t, err)
		require.Empty(t, found)
		require.EqualValues(t, 6, head.Seq)
		chain, err := w.Store.AuditChain(ctx, w.A.ID, 1, 10)
		require.NoError(t, err)
		of := func(seq int) string {
			return ` project_id = '` + w.A.ID + `' AND type = 'AuditEvent' AND id = '` + chain[seq-1].ID + `'`
		}
		link := func(seq int) string { return fmt.Sprintf(` project_id = '%s' AND seq = %d`, w.A.ID, seq) }
		for name, tc := range map[string]struct {
			do   []string
			want []string
		}{
			"changed":               {[]string{`UPDATE resource SET content = replace(content, '"outcome":"0"', '"outcome":"4"') WHERE` + of(3)}, []string{"record 3, AuditEvent/" + chain[2].ID + ": was changed"}},
			"removed":               {[]string{`DELETE FROM resource WHERE` + of(3)}, []string{"record 3, AuditEvent/" + chain[2].ID + ": is missing"}},
			"removed with its link": {[]string{`DELETE FROM resource WHERE` + of(3), `DELETE FROM audit_chain WHERE` + link(3)}, []string{"no links 3 to 3"}},
			"reordered": {[]string{
				`UPDATE audit_chain SET seq = 100 WHERE` + link(2), `UPDATE audit_chain SET seq = 2 WHERE` + link(4), `UPDATE audit_chain SET seq = 4 WHERE` + link(100),
			}, []string{"record 2, AuditEvent/" + chain[3].ID + ": was changed or stands elsewhere", "record 3", "record 4, AuditEvent/" + chain[1].ID, "record 5"}},
			"cut off": {[]string{`DELETE FROM resource WHERE` + of(6), `DELETE FROM audit_chain WHERE` + link(6)}, []string{"cut off: it ended with record 6 and now ends with 5"}},
			"cut off with its head": {[]string{
				`DELETE FROM resource WHERE` + of(6), `DELETE FROM audit_chain WHERE` + link(6), `UPDATE audit_head SET seq = 5, hash = '` + chain[4].Hash + `' WHERE project_id = '` + w.A.ID + `'`,
			}, []string{"signature"}},
			"without a head":    {[]string{`DELETE FROM audit_head WHERE project_id = '` + w.A.ID + `'`}, []string{"the head of the chain is missing"}},
			"with another head": {[]string{`UPDATE audit_head SET seq = 5 WHERE project_id = '` + w.A.ID + `'`}, []string{"signature"}},
			"added": {[]string{
				`INSERT INTO resource (project_id, type, id, version, last_updated, deleted, content, meta) SELECT project_id, type, 'forged', version, last_updated, deleted, content, meta FROM resource WHERE` + of(1),
			}, []string{"AuditEvent/forged: was added"}},
		} {
			t.Run(name, func(t *testing.T) {
				undone := errors.New("undone")
				err := w.Store.InTx(ctx, func(tx *store.Tx) error {
					for _, statement := range tc.do {
						if _, err := storetest.SQL(t, tx).ExecContext(context.WithoutCancel(ctx), statement); err != nil {
							return err
						}
					}
					_, found, err := audit.Verify(ctx, tx, testKey{}, w.A.ID)
					if err != nil {
						return err
					}
					if assert.Len(t, found, len(tc.want), "%v", found) {
						for i, f := range found {
							assert.Contains(t, f.String(), tc.want[i])
						}
					}
					return undone
				})
				require.ErrorIs(t, err, undone)
			})
		}
	})
}

func TestManyWritersAndSealersMakeOneChain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := auditedWorld(t, db, audit.Writes)
		admin, ctx := w.Repo.As(w.Caller(t, w.A.Admin)), t.Context()
		const writers, each = 4, 25
		var working, sealing sync.WaitGroup
		done := make(chan struct{})
		for range 2 {
			sealing.Go(func() {
				for {
					assert.NoError(t, w.sealer.Seal(ctx, w.A.ID))
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		for range writers {
			working.Go(func() {
				for range each {
					_, err := admin.Create(ctx, "Basic", []byte(`{"resourceType":"Basic","code":{"text":"x"}}`))
					assert.NoError(t, err)
				}
			})
		}
		working.Wait()
		close(done)
		sealing.Wait()
		require.NoError(t, w.sealer.Seal(ctx, w.A.ID))
		head, found, err := audit.Verify(ctx, w.Store, testKey{}, w.A.ID)
		require.NoError(t, err)
		assert.Empty(t, found)
		assert.EqualValues(t, writers*each, head.Seq)
	})
}
