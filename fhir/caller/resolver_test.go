package caller_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

var ctx = context.Background()

func wantUnauthorized(t *testing.T, err error) {
	t.Helper()
	require.True(t, outcome.Has(err, outcome.Unauthorized), "%v", err)
}

// counted counts what is read on the way to a Caller.
type counted struct {
	caller.Records
	reads atomic.Int64
}

func (c *counted) Record(ctx context.Context, reason string, ref store.Ref) (store.Resource, error) {
	c.reads.Add(1)
	return c.Records.Record(ctx, reason, ref)
}

// resolver is another process on the world's database, watching changes.
func resolver(t *testing.T, w *repotest.World, changes caller.Changes) (*caller.Resolver, *counted) {
	t.Helper()
	return resolverAt(t, w, changes, clock.System{})
}

func resolverAt(t *testing.T, w *repotest.World, changes caller.Changes, now clock.Clock) (*caller.Resolver, *counted) {
	t.Helper()
	records := &counted{Records: w.Repo}
	r := caller.NewResolver(caller.Options{
		Logins: repotest.Logins{Store: w.Store}, Records: records, Changes: changes, Clock: now, Log: slog.New(slog.DiscardHandler),
	})
	running, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.Run(running)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return r, records
}

// warm waits until the resolver answers from its cache.
func warm(t *testing.T, r *caller.Resolver, records *counted, claims caller.Claims) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := r.Resolve(ctx, claims)
		require.NoError(t, err)
		before := records.reads.Load()
		_, err = r.Resolve(ctx, claims)
		require.NoError(t, err)
		return records.reads.Load() == before
	}, 5*time.Second, 5*time.Millisecond)
}

// fresh has nothing cached.
func fresh(t *testing.T, w *repotest.World) *caller.Resolver {
	t.Helper()
	return caller.NewResolver(caller.Options{Logins: repotest.Logins{Store: w.Store}, Records: w.Repo, Changes: w.Store, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler)})
}

func request(t *testing.T, resourceType string) *search.Request {
	t.Helper()
	r, err := search.Parse([]string{resourceType}, "", "http://localhost/")
	require.NoError(t, err)
	return r
}

func field(res store.Resource, path string) string { return gjson.GetBytes(res.Content, path).String() }

func encode(t *testing.T, v any) []byte {
	t.Helper()
	body, err := json.Marshal(v)
	require.NoError(t, err)
	return body
}

func deactivate(t *testing.T, w *repotest.World, m repotest.Member) {
	t.Helper()
	_, id := m.Membership.Split()
	_, err := w.As(t, w.A.Admin).Update(ctx, medplum.TypeProjectMembership, id, []byte(`{"resourceType":"ProjectMembership","id":"`+id+
		`","active":false,"project":{"reference":"Project/`+w.A.ID+`"},"user":{"reference":"`+m.User.Reference+`"},"profile":{"reference":"`+m.Profile.Reference+`"}}`), "")
	require.NoError(t, err)
}

func TestACallerIsWhatItsMembershipAndProjectSay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := repotest.New(t, db)
		admin, staff, super := w.Caller(t, w.A.Admin), w.Caller(t, w.A.Staff), w.Caller(t, w.Super.Staff)
		assert.True(t, admin.Admin)
		assert.False(t, admin.SuperAdmin)
		assert.False(t, staff.ProjectAdmin())
		assert.True(t, super.SuperAdmin)
		assert.Equal(t, w.A.ID, staff.Project)
		assert.Equal(t, "A", staff.ProjectName)
		assert.Equal(t, w.A.Staff.Profile, staff.Profile)
		assert.Equal(t, w.A.Staff.User, staff.User)
	})
}

func TestAnInactiveOrMissingMembershipIsNobody(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := repotest.New(t, db)
		deactivate(t, w, w.A.Staff)
		_, err := w.Resolver.Resolve(ctx, w.A.Staff.Claims)
		wantUnauthorized(t, err)
		_, err = w.Resolver.Resolve(ctx, caller.Claims{Project: w.B.ID, Membership: w.A.Patient.Claims.Membership})
		wantUnauthorized(t, err)
		require.NoError(t, w.As(t, w.A.Admin).Delete(ctx, medplum.TypeProjectMembership, w.A.Patient.Claims.Membership))
		_, err = w.Resolver.Resolve(ctx, w.A.Patient.Claims)
		wantUnauthorized(t, err)
	})
}

func TestARevokedLoginIsNobodyAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := repotest.New(t, db)
		_, user := w.A.Staff.User.Split()
		login := store.Login{
			ID: clock.System{}.NewID(), UserProject: w.A.ID, UserType: medplum.TypeUser, UserID: user,
			MembershipProject: w.A.ID, Membership: w.A.Staff.Claims.Membership, AuthMethod: "password",
			Scope: "openid", Granted: true, ExpiresAt: store.At(time.Now().Add(time.Hour)),
		}
		require.NoError(t, w.Store.InTx(ctx, func(tx *store.Tx) error { return tx.AddLogin(ctx, login) }))
		r, records := resolver(t, w, w.Store)
		claims := caller.Claims{LoginID: login.ID}
		warm(t, r, records, claims)
		who, err := r.Resolve(ctx, claims)
		require.NoError(t, err)
		assert.Equal(t, "openid", who.Scope)
		require.NoError(t, w.Store.InTx(ctx, func(tx *store.Tx) error {
			_, err := tx.RevokeLogin(ctx, login.ID)
			return err
		}))
		_, err = r.Resolve(ctx, claims)
		wantUnauthorized(t, err)
		_, err = r.Resolve(ctx, caller.Claims{LoginID: "unknown"})
		wantUnauthorized(t, err)
	})
}

func TestAChangeReachesThisProcessAtOnceAndOthersWithinASecond(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := repotest.New(t, db)
		here, hereReads := resolver(t, w, w.Store)
		there, thereReads := resolver(t, w, storetest.Open(t, db))
		warm(t, here, hereReads, w.A.Staff.Claims)
		warm(t, there, thereReads, w.A.Staff.Claims)
		deactivate(t, w, w.A.Staff)
		_, err := here.Resolve(ctx, w.A.Staff.Claims)
		wantUnauthorized(t, err)
		require.Eventually(t, func() bool {
			_, err := there.Resolve(ctx, w.A.Staff.Claims)
			return outcome.Has(err, outcome.Unauthorized)
		}, time.Second, 10*time.Millisecond)
	})
}

// broken are changes that cannot be read any more.
type broken struct {
	caller.Changes
	now atomic.Bool
}

func (b *broken) failing() bool { return b.now.Load() }

type breakable struct{ *broken }

func (b breakable) Changes(ctx context.Context, since time.Time) ([]store.Change, error) {
	if b.failing() {
		return nil, errors.New("no database")
	}
	return b.broken.Changes.Changes(ctx, since)
}

func TestWithoutTheChangesTheCacheIsNotTrusted(t *testing.T) {
	w := repotest.New(t, storetest.SQLite(t))
	changes := breakable{&broken{Changes: w.Store}}
	r, records := resolver(t, w, changes)
	warm(t, r, records, w.A.Staff.Claims)
	changes.now.Store(true)
	require.Eventually(t, func() bool {
		before := records.reads.Load()
		_, err := r.Resolve(ctx, w.A.Staff.Claims)
		require.NoError(t, err)
		return records.reads.Load() > before
	}, 3*time.Second, 20*time.Millisecond)
	changes.now.Store(false)
	warm(t, r, records, w.A.Staff.Claims)
}

func TestAPolicyThatCannotBeReadStopsEverything(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := repotest.New(t, db)
		policy := medplum.RefTo(medplum.TypeAccessPolicy, w.Policy(t, w.A.ID, medplum.PolicyResource{ResourceType: "*"}), "")
		member := w.Member(t, w.A.ID, "Practitioner", medplum.ProjectMembership{AccessPolicy: &policy})
		_, err := w.Resolver.Resolve(ctx, member.Claims)
		require.NoError(t, err)
		_, id := policy.Split()
		require.NoError(t, w.As(t, w.A.Admin).Delete(ctx, medplum.TypeAccessPolicy, id))
		_, err = w.Resolver.Resolve(ctx, member.Claims)
		require.True(t, outcome.Has(err, outcome.Invalid), "%v", err)
		assert.Equal(t, "Authentication error", err.Error())
		var o *outcome.Outcome
		require.ErrorAs(t, err, &o)
		assert.Contains(t, o.Issues[0].Diagnostics, "Invalid access policy configuration")
	})
}

func TestAMembershipWithoutPolicyMayDoNothing(t *testing.T) {
	w := repotest.New(t, storetest.SQLite(t))
	// RelatedPerson has no default policy in this world.
	member := w.Member(t, w.A.ID, "Practitioner", medplum.ProjectMembership{})
	policyless := w.Make(t, w.A.ID, "RelatedPerson", map[string]any{"resourceType": "RelatedPerson", "patient": w.A.Patient.Profile})
	id := w.Make(t, w.A.ID, medplum.TypeProjectMembership, medplum.ProjectMembership{
		ResourceType: medplum.TypeProjectMembership, Project: medplum.RefTo("Project", w.A.ID, ""),
		User: member.User, Profile: medplum.RefTo("RelatedPerson", policyless, ""),
	})
	who, err := w.Resolver.Resolve(ctx, caller.Claims{Project: w.A.ID, Membership: id})
	require.NoError(t, err)
	_, err = w.Repo.As(who).Read(ctx, "Patient", policyless)
	require.True(t, outcome.Has(err, outcome.Forbidden), "%v", err)
}

func TestTheCallerIsTheRequestsAlone(t *testing.T) {
	w := repotest.New(t, storetest.SQLite(t))
	e := echo.New()
	var seen caller.Caller
	h := w.Resolver.Middleware(func(echo.Context) (caller.Claims, bool) { return w.A.Staff.Claims, true })(func(c echo.Context) error {
		seen = caller.From(c)
		return nil
	})
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("X-Medplum", "extended")
	require.NoError(t, h(e.NewContext(request, httptest.NewRecorder())))
	assert.True(t, seen.Extended)
	assert.Equal(t, "192.0.2.1", seen.RemoteAddr)
	require.NoError(t, h(e.NewContext(httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder())))
	assert.False(t, seen.Extended)
	assert.Zero(t, caller.From(e.NewContext(httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder())))
}

// TestAClientThatWasSwitchedOffIsNobody: what it had asked for without a login is not done any more.
func TestAClientThatWasSwitchedOffIsNobody(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		w := repotest.New(t, db)
		claims := w.A.Staff.Claims
		claims.ClientID = w.Make(t, w.A.ID, medplum.TypeClientApplication, medplum.ClientApplication{ResourceType: medplum.TypeClientApplication})
		_, err := w.Resolver.Enter(ctx, claims, "", "192.0.2.1")
		require.NoError(t, err)
		_, err = w.As(t, w.A.Admin).Update(ctx, medplum.TypeClientApplication, claims.ClientID,
			encode(t, medplum.ClientApplication{ResourceType: medplum.TypeClientApplication, ID: claims.ClientID, Status: "off"}), "")
		require.NoError(t, err)
		_, err = w.Resolver.Enter(ctx, claims, "", "192.0.2.1")
		wantUnauthorized(t, err)
	})
}
