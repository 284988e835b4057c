package repo_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/patch"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

const (
	hush      = "hush0123456789abcdef"
	ofProject = `[{"name":"key","valueString":"` + hush + `"}]`
	ofSites   = `[{"name":"s","domain":["x.example"],"googleClientId":"g","googleClientSecret":"` + hush + `"},` +
		`{"name":"t","domain":["y.example"],"recaptchaSiteKey":"r","recaptchaSecretKey":"` + hush + `"}]`
)

// changed writes what the session sees of a project with an element set, or without it for an empty value.
func changed(t *testing.T, s *repo.Session, project, element, value string) store.Resource {
	t.Helper()
	seen, err := s.Read(ctx, "Project", project)
	require.NoError(t, err)
	body, err := sjson.SetRaw(string(seen.Content), element, value)
	if value == "" {
		body, err = sjson.Delete(string(seen.Content), element)
	}
	require.NoError(t, err)
	made, err := s.Update(ctx, "Project", project, []byte(body), seen.Version)
	require.NoError(t, err)
	return made
}

func content(t *testing.T, s *repo.Session, resourceType, id string) string {
	t.Helper()
	got, err := s.Read(ctx, resourceType, id)
	require.NoError(t, err)
	return string(got.Content)
}

func TestTheSecretsOfAProject(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin, super := w.As(t, w.A.Admin), w.As(t, w.Super.Admin)
		changed(t, super, w.A.ID, "systemSecret", ofProject)
		changed(t, admin, w.A.ID, "secret", ofProject)
		made := changed(t, admin, w.A.ID, "site", ofSites)
		assert.Equal(t, ofSites, gjson.GetBytes(made.Content, "site").Raw, "the answer shows them")
		assert.NotContains(t, dump(t, w.Store), hush)

		t.Run("come back as they were shown", func(t *testing.T) {
			assert.Equal(t, string(made.Content), content(t, admin, "Project", w.A.ID))
			again, err := admin.Update(ctx, "Project", w.A.ID, made.Content, "")
			require.NoError(t, err)
			assert.Equal(t, made.Version, again.Version)
		})
		t.Run("are hidden from others", func(t *testing.T) {
			assert.False(t, gjson.GetBytes(made.Content, "systemSecret").Exists(), "system secrets are the super administrators'")
			assert.Equal(t, ofProject, gjson.Get(content(t, super, "Project", w.A.ID), "systemSecret").Raw)
			linked := w.Project(t, medplum.Project{Name: "C", Link: []medplum.Link{{Project: medplum.RefTo("Project", w.A.ID, "")}}})
			seen := content(t, w.As(t, linked.Admin), "Project", w.A.ID)
			assert.Contains(t, seen, "x.example")
			assert.NotContains(t, seen, hush)
			assert.NotContains(t, content(t, w.Repo.System("look at what is stored", store.SystemProject), "Project", w.A.ID), hush)
		})
		t.Run("stay when something else is patched", func(t *testing.T) {
			p, err := patch.JSON([]byte(`[{"op":"replace","path":"/site/1/domain/0","value":"z.example"}]`))
			require.NoError(t, err)
			_, err = admin.Patch(ctx, "Project", w.A.ID, p, "")
			require.NoError(t, err)
			seen := content(t, super, "Project", w.A.ID)
			assert.Equal(t, strings.ReplaceAll(ofSites, "y.example", "z.example"), gjson.Get(seen, "site").Raw)
			assert.Equal(t, ofProject, gjson.Get(seen, "systemSecret").Raw, "who does not see it does not lose it")
		})
		t.Run("are in no version but the current one", func(t *testing.T) {
			changed(t, admin, w.A.ID, "secret", strings.ReplaceAll(ofProject, hush, "another"))
			page, err := super.History(ctx, repo.HistoryRequest{Type: "Project", ID: w.A.ID, Count: 20})
			require.NoError(t, err)
			require.Greater(t, len(page.Versions), 3)
			assert.Contains(t, string(page.Versions[0].Content), "another")
			for _, v := range page.Versions[1:] {
				assert.NotContains(t, string(v.Content), hush)
				assert.False(t, gjson.GetBytes(v.Content, "secret").Exists())
			}
			old, err := admin.VRead(ctx, "Project", w.A.ID, made.Version)
			require.NoError(t, err)
			assert.NotContains(t, string(old.Content), hush)
		})
		t.Run("go when they are taken away", func(t *testing.T) {
			for _, element := range []string{"secret", "site", "systemSecret"} {
				changed(t, super, w.A.ID, element, "")
			}
			assert.NotContains(t, content(t, super, "Project", w.A.ID), hush)
			left, err := w.Secrets.Sealed(ctx, nil, store.Ref{Project: store.SystemProject, Type: "Project", ID: w.A.ID})
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	})
}

func TestTheSecretsOfAProjectGoWithIt(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		super := w.As(t, w.Super.Admin)
		for name, end := range map[string]func(id string) error{
			"delete":  func(id string) error { return super.Delete(ctx, "Project", id) },
			"expunge": func(id string) error { return super.Expunge(ctx, "Project", id) },
		} {
			made := create(t, super, `{"resourceType":"Project","name":"P","secret":`+ofProject+`}`)
			assert.Contains(t, string(made.Content), hush)
			require.NoError(t, end(made.ID), name)
			left, err := w.Secrets.Sealed(ctx, nil, made.Ref)
			require.NoError(t, err)
			assert.Empty(t, left, name)
		}
		assert.NotContains(t, dump(t, w.Store), hush)
	})
}

// TestAReadBetweenTheRowAndItsSecretsIsRefused: what would be shown is the version before, without
// secrets, and a client that writes it back would lose them.
func TestAReadBetweenTheRowAndItsSecretsIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin := w.As(t, w.A.Admin)
		made := changed(t, admin, w.A.ID, "secret", ofProject)
		later, err := sjson.Set(string(made.Content), "meta.versionId", "later")
		require.NoError(t, err)
		later, err = sjson.Set(later, "meta.lastUpdated", "2999-01-01T00:00:00.000Z")
		require.NoError(t, err)
		require.NoError(t, w.Secrets.SetSealed(ctx, nil, made.Ref, []byte(later)))
		_, err = admin.Read(ctx, "Project", w.A.ID)
		assert.True(t, outcome.Has(err, outcome.Conflict), "%v", err)
	})
}

func TestTheKeyOfAUserInfoEndpoint(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		admin, staff := w.As(t, w.A.Admin), w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: "ClientApplication"}))
		client := create(t, admin, `{"resourceType":"ClientApplication","name":"c","identityProvider":{"authorizeUrl":"https://idp.example/a",`+
			`"tokenUrl":"https://idp.example/t","userInfoUrl":"https://idp.example/u","clientId":"x","userInfoMode":"gcip","userInfoApiKey":"`+hush+`"}}`)
		assert.Contains(t, string(client.Content), hush)
		seen := content(t, staff, "ClientApplication", client.ID)
		assert.NotContains(t, seen, hush)
		_, err := staff.Update(ctx, "ClientApplication", client.ID, []byte(strings.Replace(seen, `"name":"c"`, `"name":"d"`, 1)), "")
		require.NoError(t, err)
		assert.Contains(t, content(t, admin, "ClientApplication", client.ID), hush, "who does not see it does not lose it")
		assert.NotContains(t, dump(t, w.Store), hush)
	})
}

func TestWhatWasStoredPlainIsSealed(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		refs := map[string]store.Ref{
			"live":    {Project: store.SystemProject, Type: "Project", ID: w.A.ID},
			"deleted": {Project: store.SystemProject, Type: "Project", ID: w.B.ID},
			"client":  {Project: w.A.ID, Type: "ClientApplication", ID: "c"},
		}
		plain := func(ref store.Ref, version, replaces string, deleted bool) {
			t.Helper()
			got, err := w.Store.Get(ctx, ref, nil)
			if replaces == "" {
				replaces = got.Version
			}
			write := store.Write{Replaces: replaces, Resource: store.Resource{Ref: ref, Version: version, LastUpdated: store.Later(got.LastUpdated, got.LastUpdated), Deleted: deleted}}
			if err != nil {
				write.Replaces = ""
			}
			if !deleted {
				write.Content = []byte(`{"resourceType":"` + ref.Type + `","id":"` + ref.ID + `","meta":{"versionId":"` + version +
					`","lastUpdated":"2024-01-01T00:00:00.000Z"},"name":"Old","secret":` + ofProject + `,"site":` + ofSites + `}`)
				if ref.Type == "ClientApplication" {
					write.Content = []byte(`{"resourceType":"ClientApplication","id":"c","meta":{"versionId":"` + version +
						`","lastUpdated":"2024-01-01T00:00:00.000Z"},"name":"Old","identityProvider":{"clientId":"x","userInfoApiKey":"` + hush + `"}}`)
				}
			}
			require.NoError(t, w.Store.Put(ctx, write))
		}
		for _, ref := range refs {
			plain(ref, "one", "", false)
			plain(ref, "two", "one", false)
		}
		plain(refs["deleted"], "three", "two", true)
		require.NoError(t, w.Store.InTx(ctx, func(tx *store.Tx) error {
			_, err := storetest.SQL(t, tx).ExecContext(ctx, `INSERT INTO unsealed (project_id, type, id) SELECT project_id, type, id FROM resource WHERE type IN ('Project', 'ClientApplication')`)
			return err
		}))
		require.Contains(t, dump(t, w.Store), hush)

		require.NoError(t, w.Repo.SealStored(ctx))
		stored := dump(t, w.Store)
		assert.NotContains(t, stored, hush)
		assert.Contains(t, stored, "y.example", "the rest stays")
		left, err := w.Store.Unsealed(ctx, 1)
		require.NoError(t, err)
		assert.Empty(t, left)
		admin := w.As(t, w.A.Admin)
		seen := content(t, admin, "Project", w.A.ID)
		assert.Equal(t, ofProject, gjson.Get(seen, "secret").Raw)
		assert.Equal(t, ofSites, gjson.Get(seen, "site").Raw)
		assert.Equal(t, "two", gjson.Get(seen, "meta.versionId").String())
		assert.Contains(t, content(t, admin, "ClientApplication", "c"), hush)
		old, err := admin.VRead(ctx, "Project", w.A.ID, "one")
		require.NoError(t, err)
		assert.NotContains(t, string(old.Content), hush)
		kept, err := w.Secrets.Sealed(ctx, nil, refs["deleted"])
		require.NoError(t, err)
		assert.Empty(t, kept, "nothing is kept of what is gone")
	})
}
