package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admitdev/admit/migrations"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

const keyExternalID = "ProjectMembership.externalId"

// member writes a membership that has a key.
func member(t *testing.T, s *store.Store, project, id string, keys ...store.Key) store.Ref {
	t.Helper()
	ref := store.Ref{Project: project, Type: "ProjectMembership", ID: id}
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		return tx.Put(t.Context(), store.Write{
			Resource: store.Resource{Ref: ref, Version: "1", LastUpdated: time.UnixMilli(1e12).UTC(), Content: []byte("{}")}, Keys: keys,
			Index: store.Index{Reference: []store.ReferenceRow{{Param: "profile", TargetType: "Practitioner", TargetID: "of-" + id}}},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// TestMembersAreFoundByExternalIDInEveryProject: in one look, however many projects there are.
func TestMembersAreFoundByExternalIDInEveryProject(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		projects := []string{clock.System{}.NewID(), clock.System{}.NewID(), clock.System{}.NewID()}
		slices.Sort(projects)
		long := strings.Repeat("x", 5000)
		a := member(t, s, projects[0], "a", store.Key{Scope: projects[0], Kind: keyExternalID, Value: "7"})
		b := member(t, s, projects[1], "b", store.Key{Scope: projects[1], Kind: keyExternalID, Value: "7"})
		c := member(t, s, projects[2], "c", store.Key{Scope: projects[2], Kind: keyExternalID, Value: "i|7"})
		d := member(t, s, projects[2], "d", store.Key{Scope: projects[2], Kind: keyExternalID, Value: long})
		member(t, s, projects[2], "e", store.Key{Scope: projects[2], Kind: "ProjectMembership.userName", Value: "7"})
		for _, tc := range []struct {
			id, other string
			want      []store.Ref
		}{
			{"7", "7", []store.Ref{a, b}},
			{"i|7", "7", []store.Ref{a, b, c}},
			{"i|7", "i|7", []store.Ref{c}},
			{long, "", []store.Ref{d}},
			{"%", "_", nil},
		} {
			got, err := s.MembersByExternalID(t.Context(), tc.id, tc.other)
			if err != nil || !slices.Equal(got, tc.want) {
				t.Errorf("%.10q %.10q: %v, %v; want %v", tc.id, tc.other, got, err, tc.want)
			}
		}
		loadForPlans(t, s, []string{clock.System{}.NewID(), clock.System{}.NewID()}, 250)
		plan, err := s.PlanMembers(t.Context(), "i|7", "7")
		if err != nil || !strings.Contains(plan, "unique_key_external_id") {
			t.Errorf("%v: %s", err, plan)
		}
	})
}

// TestMembersOfBeforeAreFoundByProfile runs what the migration does for memberships that are there.
func TestMembersOfBeforeAreFoundByProfile(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		s := storetest.Open(t, db)
		ref := member(t, s, clock.System{}.NewID(), "m")
		text, err := migrations.Files.ReadFile(fmt.Sprintf("%s/00039_external_member.sql", db.Name))
		if err != nil {
			t.Fatal(err)
		}
		up, _, _ := strings.Cut(string(text), "-- +goose Down")
		if err := s.Run(t.Context(), up[strings.Index(up, "INSERT"):]); err != nil {
			t.Fatal(err)
		}
		found, err := s.Owners(t.Context(), store.SystemProject, "ProjectMembership.profile", "Practitioner/of-m/", 10)
		if err != nil || !slices.Equal(found, []store.Ref{ref}) {
			t.Errorf("%v, %v", found, err)
		}
	})
}
