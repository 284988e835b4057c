package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/store"
)

func historyRules() map[string]func(*testing.T, fixture) {
	return map[string]func(*testing.T, fixture){
		"history is of types and newest first":            historyOfTypes,
		"history pages neither repeat nor lose a version": historyPages,
		"history knows what was current at a time":        historyAt,
		"history asks what a resource is now":             historyVisible,
		"history tells what was deleted":                  historyOfDeleted,
		"what is live is told of many at once":            lastLive,
	}
}

// lives writes three resources: a is changed, b deleted, c deleted and brought back. Versions are
// named by their time, so that the newest has the greatest number.
func lives(t *testing.T, f fixture) {
	t.Helper()
	write := func(typ, id string, n, replaces int, deleted bool) {
		w := f.version(f.ref(typ, id), n, store.Index{Token: token("active", fmt.Sprint(n%2 == 1))})
		w.Replaces, w.Deleted = "", deleted
		if replaces > 0 {
			w.Replaces = fmt.Sprintf("v%d", replaces)
		}
		require.NoError(t, f.s.Put(f.ctx, w))
	}
	write("Patient", "a", 1, 0, false)
	write("Patient", "b", 2, 0, false)
	write("Observation", "c", 3, 0, false)
	write("Patient", "a", 4, 1, false)
	write("Patient", "b", 5, 2, true)
	write("Observation", "c", 6, 3, true)
	write("Observation", "c", 7, 6, false)
	write("Patient", "d", 7, 0, false) // at the same time as c
}

func token(param, code string) []store.TokenRow { return []store.TokenRow{{Param: param, Code: code}} }

// told is the versions that a query finds, as Type/id/version.
func told(t *testing.T, f fixture, q store.HistoryQuery) []string {
	t.Helper()
	q.Project = f.project
	if q.Limit == 0 {
		q.Limit = 100
	}
	var found []string
	require.NoError(t, f.s.EachVersion(f.ctx, q, func(row store.HistoryRow) (bool, error) {
		found = append(found, row.Type+"/"+row.ID+"/"+row.Version)
		return true, nil
	}))
	return found
}

var bothTypes = []string{"Observation", "Patient"}

func historyOfTypes(t *testing.T, f fixture) {
	lives(t, f)
	for _, tc := range []struct {
		name string
		q    store.HistoryQuery
		want string
	}{
		{"two types", store.HistoryQuery{Types: bothTypes}, "Patient/d/v7 Observation/c/v7 Observation/c/v6 Patient/b/v5 Patient/a/v4 Observation/c/v3 Patient/b/v2 Patient/a/v1"},
		{"one type", store.HistoryQuery{Types: []string{"Patient"}}, "Patient/d/v7 Patient/b/v5 Patient/a/v4 Patient/b/v2 Patient/a/v1"},
		{"one resource", store.HistoryQuery{Types: []string{"Patient"}, ID: "b"}, "Patient/b/v5 Patient/b/v2"},
		{"no type", store.HistoryQuery{}, ""},
		{"since", store.HistoryQuery{Types: bothTypes, Since: at(6)}, "Patient/d/v7 Observation/c/v7 Observation/c/v6"},
		{"a page", store.HistoryQuery{Types: bothTypes, Limit: 2}, "Patient/d/v7 Observation/c/v7"},
		{"an offset", store.HistoryQuery{Types: bothTypes, Limit: 2, Offset: 3}, "Patient/b/v5 Patient/a/v4"},
		{"before a time", store.HistoryQuery{Types: bothTypes, After: store.HistoryPosition{Time: at(4)}}, "Observation/c/v3 Patient/b/v2 Patient/a/v1"},
		{"back to a time", store.HistoryQuery{Types: bothTypes, Before: store.HistoryPosition{Time: at(5)}}, "Observation/c/v6 Observation/c/v7 Patient/d/v7"},
	} {
		t.Run(tc.name, func(t *testing.T) { assert.Equal(t, tc.want, strings.Join(told(t, f, tc.q), " ")) })
	}
}

func at(n int) time.Time { return epoch.Add(time.Duration(n) * time.Millisecond) }

func historyPages(t *testing.T, f fixture) {
	lives(t, f)
	all := told(t, f, store.HistoryQuery{Types: bothTypes})
	for limit := 1; limit < 4; limit++ {
		var paged []string
		q := store.HistoryQuery{Project: f.project, Types: bothTypes, Limit: limit}
		for range all {
			require.NoError(t, f.s.EachVersion(f.ctx, q, func(row store.HistoryRow) (bool, error) {
				paged = append(paged, row.Type+"/"+row.ID+"/"+row.Version)
				q.After = row.Position()
				return true, nil
			}))
		}
		assert.Equal(t, all, paged, limit)
		paged, q.Before = paged[len(all)-1:], q.After
		for range all {
			require.NoError(t, f.s.EachVersion(f.ctx, q, func(row store.HistoryRow) (bool, error) {
				paged = append(paged, row.Type+"/"+row.ID+"/"+row.Version)
				q.Before = row.Position()
				return true, nil
			}))
		}
		slices.Reverse(paged)
		assert.Equal(t, all, paged, "%d, back", limit)
	}
}

func historyAt(t *testing.T, f fixture) {
	lives(t, f)
	for _, tc := range []struct {
		from, to int
		want     string
	}{
		{1, 2, "Patient/a/v1"},
		{4, 5, "Patient/a/v4 Observation/c/v3 Patient/b/v2"},
		{4, 6, "Patient/b/v5 Patient/a/v4 Observation/c/v3 Patient/b/v2"},
		{9, 10, "Patient/d/v7 Observation/c/v7 Patient/b/v5 Patient/a/v4"},
		{0, 1, ""},
	} {
		q := store.HistoryQuery{Types: bothTypes, From: at(tc.from), To: at(tc.to)}
		assert.Equal(t, tc.want, strings.Join(told(t, f, q), " "), "%d to %d", tc.from, tc.to)
	}
}

func historyVisible(t *testing.T, f fixture) {
	lives(t, f)
	code := "true"
	active := store.Token{Param: "active", Values: []store.TokenValue{{Code: &code}}}
	q := store.HistoryQuery{Types: bothTypes, Where: map[string]store.Predicate{"Patient": active, "Observation": active}}
	assert.Equal(t, "Patient/d/v7 Observation/c/v7 Observation/c/v6 Observation/c/v3", strings.Join(told(t, f, q), " "))
	q.Decides = true // then whoever asks decides about what is deleted
	assert.Equal(t, "Patient/d/v7 Observation/c/v7 Observation/c/v6 Patient/b/v5 Observation/c/v3 Patient/b/v2", strings.Join(told(t, f, q), " "))
	q.Decides = false
	q.Where["Patient"] = store.Or{}
	assert.Equal(t, "Observation/c/v7 Observation/c/v6 Observation/c/v3", strings.Join(told(t, f, q), " "))
	q.Where["Observation"] = nil
	q.Where["Patient"] = active
	assert.Equal(t, "Patient/d/v7 Observation/c/v7 Observation/c/v6 Observation/c/v3", strings.Join(told(t, f, q), " "))
}

func historyOfDeleted(t *testing.T, f fixture) {
	lives(t, f)
	var was, last, first []string
	q := store.HistoryQuery{Project: f.project, Types: bothTypes, Limit: 100, Decides: true}
	require.NoError(t, f.s.EachVersion(f.ctx, q, func(row store.HistoryRow) (bool, error) {
		name := row.ID + "/" + row.Version
		if row.Was != nil {
			was = append(was, name+" "+string(row.Was))
		}
		if row.Last != nil {
			last = append(last, name+" "+string(row.Last))
		}
		if row.First {
			first = append(first, name)
		}
		return true, nil
	}))
	content := func(typ, id string, n int) string { return string(f.version(f.ref(typ, id), n, store.Index{}).Content) }
	assert.Equal(t, []string{"c/v6 " + content("Observation", "c", 3), "b/v5 " + content("Patient", "b", 2)}, was)
	assert.Equal(t, []string{"b/v5 " + content("Patient", "b", 2), "b/v2 " + content("Patient", "b", 2)}, last)
	slices.Sort(first)
	assert.Equal(t, []string{"a/v1", "b/v2", "c/v3", "d/v7"}, first)
}

func lastLive(t *testing.T, f fixture) {
	lives(t, f)
	require.NoError(t, f.s.Purge(f.ctx, f.ref("Patient", "d")))
	live := func(project string, refs ...store.Ref) (found []string) {
		require.NoError(t, f.s.EachLastLive(f.ctx, project, refs, func(res store.Resource) error {
			require.Equal(t, f.project, res.Project)
			require.False(t, res.Deleted)
			found = append(found, res.Type+"/"+res.ID+"/"+res.Version)
			return nil
		}))
		slices.Sort(found)
		return found
	}
	a, b, c, d := f.ref("Patient", "a"), f.ref("Patient", "b"), f.ref("Observation", "c"), f.ref("Patient", "d")
	assert.Equal(t, []string{"Observation/c/v7", "Patient/a/v4", "Patient/b/v2"}, live(f.project, a, b, c, d, f.ref("Patient", "none"), a))
	assert.Empty(t, live(f.project, d))
	assert.Empty(t, live(f.project))
	assert.Empty(t, live(store.SystemProject, a, b))
}
