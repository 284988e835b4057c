package admin_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// together runs n invites at the same moment and counts what they come to, by status.
func (c *clinic) together(t *testing.T, n int, invite func(i int) (medplum.ProjectMembership, error)) (ids map[string]bool, statuses map[int]int) {
	t.Helper()
	ids, statuses = map[string]bool{}, map[int]int{}
	var mu sync.Mutex
	var running sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		running.Go(func() {
			<-begin
			m, err := invite(i)
			mu.Lock()
			defer mu.Unlock()
			var refused *outcome.Outcome
			switch {
			case err == nil:
				ids[m.ID] = true
				statuses[200]++
			case errors.As(err, &refused):
				statuses[refused.Code.Status]++
			default:
				t.Errorf("invite %d: %v", i, err)
			}
		})
	}
	close(begin)
	running.Wait()
	return ids, statuses
}

func TestAThousandInvitesOfOneAddressMakeOneMember(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		before := c.count(t)
		ids, statuses := c.together(t, 1000, func(i int) (medplum.ProjectMembership, error) {
			email := "homer@example.com"
			if i%2 == 1 {
				email = "HOMER@example.com"
			}
			return c.tryInvite(c.ada, c.project, person("Patient", email, ""), "")
		})
		assert.Len(t, ids, 1)
		assert.Equal(t, map[int]int{200: 1, 409: 999}, statuses)
		assert.Equal(t, census{"User": 1, "ProjectMembership": 1, "Patient": 1, "UserSecurityRequest": 1, "mail": 1, "audit": 1}, c.count(t).minus(before))
	})
}

func TestManyUpsertsOfOneAddressFindTheOneMember(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		before := c.count(t)
		ids, statuses := c.together(t, 60, func(int) (medplum.ProjectMembership, error) {
			return c.tryInvite(c.ada, c.project, person("Practitioner", "marge@example.com", `,"upsert":true,"sendEmail":false`), "")
		})
		assert.Len(t, ids, 1)
		assert.Equal(t, map[int]int{200: 60}, statuses)
		assert.Equal(t, census{"User": 1, "ProjectMembership": 1, "Practitioner": 1, "audit": 60}, c.count(t).minus(before))
	})
}

func TestInvitesOfOneAddressInBothScopesMakeOneMember(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		before := c.count(t)
		_, statuses := c.together(t, 40, func(i int) (medplum.ProjectMembership, error) {
			scope := `,"scope":"server"`
			if i%2 == 1 {
				scope = `,"scope":"project"`
			}
			return c.tryInvite(c.ada, c.project, person("Practitioner", "bart@example.com", scope+`,"sendEmail":false`), "")
		})
		assert.Equal(t, map[int]int{200: 1, 409: 39}, statuses)
		assert.Equal(t, census{"User": 1, "ProjectMembership": 1, "Practitioner": 1, "audit": 1}, c.count(t).minus(before))
	})
}

func TestInvitesOfDifferentPeopleDoNotDisturbEachOther(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		ids, statuses := c.together(t, 60, func(i int) (medplum.ProjectMembership, error) {
			return c.tryInvite(c.ada, c.project, person("Patient", fmt.Sprintf("p%d@example.com", i), ""), "")
		})
		assert.Len(t, ids, 60)
		assert.Equal(t, map[int]int{200: 60}, statuses)
	})
}

func TestAnIdempotencyKeyGivesTheFirstAnswerAgain(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		lisa := person("Practitioner", "lisa@example.com", "")
		first, err := c.tryInvite(c.ada, c.project, lisa, "key-1")
		require.NoError(t, err)
		before := c.count(t)

		again, err := c.tryInvite(c.ada, c.project, lisa, "key-1")
		require.NoError(t, err)
		assert.Equal(t, first, again)
		_, err = c.tryInvite(c.ada, c.project, lisa, "key-2")
		wantOutcome(t, err, outcome.Conflict, "")
		for name, other := range map[string]string{
			"another body":     person("Practitioner", "lisa@example.com", `,"admin":true`),
			"another password": person("Practitioner", "lisa@example.com", `,"password":"correct horse battery"`),
		} {
			_, err = c.tryInvite(c.ada, c.project, other, "key-1")
			wantOutcome(t, err, outcome.BusinessRule, "")
			assert.Empty(t, c.count(t).minus(before), name)
		}
		_, err = c.tryInvite(c.super, c.project, lisa, "key-1")
		wantOutcome(t, err, outcome.Conflict, "") // the key is another caller's
		_, err = c.tryInvite(c.ada, c.project, lisa, "line\nbreak")
		wantOutcome(t, err, outcome.Invalid, "")
		assert.Empty(t, c.count(t).minus(before))

		_, err = c.tryInvite(c.ada, c.project, `{"resourceType":"Patient"}`, "key-3")
		wantOutcome(t, err, outcome.Invalid, "")
		_, err = c.tryInvite(c.ada, c.project, person("Patient", "maggie@example.com", ""), "key-3")
		require.NoError(t, err, "what was refused used the key up for nothing")
	})
}

func TestOfManyRequestsWithOneKeyOneIsDone(t *testing.T) {
	eachClinic(t, func(t *testing.T, c *clinic) {
		c.open(t)
		before := c.count(t)
		ids, statuses := c.together(t, 60, func(int) (medplum.ProjectMembership, error) {
			return c.tryInvite(c.ada, c.project, `{"resourceType":"Patient","firstName":"N","lastName":"O","externalId":"n1"}`, "one key")
		})
		assert.Len(t, ids, 1)
		assert.Equal(t, map[int]int{200: 60}, statuses)
		assert.Equal(t, census{"User": 1, "ProjectMembership": 1, "Patient": 1, "audit": 1}, c.count(t).minus(before))
	})
}

// TestAnInviteThatFailsAnywhereLeavesNothing fails one statement after the other, until there is none
// left to fail; each time nothing of the invite is there, and a retry makes all of it.
func TestAnInviteThatFailsAnywhereLeavesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		var armed atomic.Bool
		var left atomic.Int64
		broken := errors.New("the disk is full")
		c := newClinic(t, storetest.OpenFaulty(t, db, func(context.Context, string) error {
			if armed.Load() && left.Add(-1) == 0 {
				return broken
			}
			return nil
		})).open(t)
		whole := census{"User": 1, "ProjectMembership": 1, "Practitioner": 1, "UserSecurityRequest": 1, "mail": 1, "audit": 1}
		statements := 0
		for n := 1; ; n++ {
			email := fmt.Sprintf("f%d@example.com", n)
			before := c.count(t)
			left.Store(int64(n))
			armed.Store(true)
			_, err := c.tryInvite(c.ada, c.project, person("Practitioner", email, ""), email)
			armed.Store(false)
			if err == nil {
				assert.Equal(t, whole, c.count(t).minus(before))
				break
			}
			require.ErrorIs(t, err, broken)
			require.Empty(t, c.count(t).minus(before), "after statement %d failed", n)
			_, err = c.rows.Owner(t.Context(), store.Key{Scope: store.SystemProject, Kind: "User.email", Value: email})
			require.ErrorIs(t, err, store.ErrNotFound)
			_, err = c.tryInvite(c.ada, c.project, person("Practitioner", email, ""), email)
			require.NoError(t, err)
			require.Equal(t, whole, c.count(t).minus(before), "the retry after statement %d", n)
			statements = n
		}
		assert.Greater(t, statements, 20, "the invite has more statements than were failed")
		t.Logf("%d statements", statements)
	})
}
