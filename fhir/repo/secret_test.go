package repo_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/sjson"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// resourceTables are all tables that a write of a resource reaches.
var resourceTables = []string{
	"resource", "resource_history", "token_index", "reference_index", "string_index", "date_index",
	"quantity_index", "uri_index", "unique_key", "change",
}

// dump is everything in those tables.
func dump(t *testing.T, s *store.Store) string {
	t.Helper()
	var all strings.Builder
	require.NoError(t, s.InTx(ctx, func(tx *store.Tx) error {
		for _, table := range resourceTables {
			rows, err := storetest.SQL(t, tx).QueryContext(context.Background(), "SELECT * FROM "+table)
			if err != nil {
				return fmt.Errorf("%s: %w", table, err)
			}
			columns, err := rows.Columns()
			if err != nil {
				return err
			}
			for rows.Next() {
				values := make([]any, len(columns))
				into := make([]any, len(columns))
				for i := range values {
					into[i] = &values[i]
				}
				if err := rows.Scan(into...); err != nil {
					return err
				}
				for _, v := range values {
					fmt.Fprintf(&all, "%s\t", v)
				}
			}
			if err := rows.Close(); err != nil {
				return err
			}
		}
		return nil
	}))
	return all.String()
}

func TestSecretsNeverReachAStoredResource(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		const secret = "hush0123456789abcdef"
		super := w.As(t, w.Super.Admin)
		user := create(t, super, `{"resourceType":"User","firstName":"Findable","lastName":"B","email":"s@example.com","passwordHash":"`+secret+`","mfaSecret":"`+secret+`"}`)
		_, err := super.Update(ctx, medplum.TypeUser, user.ID, withID(user.ID, `{"resourceType":"User","firstName":"Findable","lastName":"C","email":"s@example.com","passwordHash":"`+secret+`"}`), "")
		require.NoError(t, err)
		client := create(t, w.As(t, w.A.Admin), `{"resourceType":"ClientApplication","name":"c","secret":"`+secret+`","retiringSecret":"`+secret+`"}`)
		all := dump(t, w.Store)
		assert.Contains(t, all, "Findable", "the dump sees what is stored")
		assert.NotContains(t, all, secret)
		assert.NotContains(t, string(user.Content), secret)
		assert.Contains(t, string(client.Content), secret, "an administrator is shown the client's secret")
	})
}

func TestAClientsSecretIsShownToItsAdministratorsAlone(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		const secret = "hush0123456789abcdef"
		admin := w.As(t, w.A.Admin)
		client := create(t, admin, `{"resourceType":"ClientApplication","name":"c","secret":"`+secret+`"}`)
		got, err := admin.Read(ctx, medplum.TypeClientApplication, client.ID)
		require.NoError(t, err)
		assert.Contains(t, string(got.Content), secret)
		got, err = w.As(t, w.A.Staff).Read(ctx, medplum.TypeClientApplication, client.ID)
		require.NoError(t, err)
		assert.NotContains(t, string(got.Content), "secret")

		again, err := admin.Update(ctx, medplum.TypeClientApplication, client.ID, withID(client.ID, `{"resourceType":"ClientApplication","name":"c","secret":"`+secret+`"}`), "")
		require.NoError(t, err)
		assert.Equal(t, client.Version, again.Version, "it came back as it was shown")
		require.NoError(t, admin.Delete(ctx, medplum.TypeClientApplication, client.ID))
		shown, _, err := w.Secrets.ClientSecrets(ctx, nil, w.A.ID, client.ID)
		require.NoError(t, err)
		assert.Empty(t, shown)
	})
}

// TestATokenToReadShowsNoSecrets: it could act as the client by them, which may do more than read.
func TestATokenToReadShowsNoSecrets(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		const secret = "hush0123456789abcdef"
		client := create(t, w.As(t, w.A.Admin), `{"resourceType":"ClientApplication","name":"c","secret":"`+secret+`"}`)
		for scope, shown := range map[string]bool{"user/*.rs": false, "user/*.rs user/Patient.u": false, "user/*.cruds": true, "openid": true} {
			scoped := w.A.Admin
			scoped.Claims.LoginID, scoped.Claims.Scope = "", scope
			got, err := w.As(t, scoped).Read(ctx, medplum.TypeClientApplication, client.ID)
			require.NoError(t, err)
			assert.Equal(t, shown, strings.Contains(string(got.Content), secret), scope)
		}
	})
}

func TestALinkShowsNoSecrets(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		const secret = "hush0123456789abcdef"
		client := create(t, w.As(t, w.A.Admin), `{"resourceType":"ClientApplication","name":"c","secret":"`+secret+`"}`)
		linked := w.Project(t, medplum.Project{Name: "C", Link: []medplum.Link{{Project: medplum.RefTo("Project", w.A.ID, "")}}})
		got, err := w.As(t, linked.Admin).Read(ctx, medplum.TypeClientApplication, client.ID)
		require.NoError(t, err)
		assert.NotContains(t, string(got.Content), secret, "it is another project's administrator who asks")
		got, err = w.As(t, w.Super.Admin).Read(ctx, medplum.TypeClientApplication, client.ID)
		require.NoError(t, err)
		assert.Contains(t, string(got.Content), secret)
	})
}

func TestStoredSecretsAreShownToAdministratorsOfTheirProjectAlone(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		const secret = "hush0123456789abcdef"
		admin := w.As(t, w.A.Admin)
		client := create(t, admin, `{"resourceType":"ClientApplication","name":"c","identityProvider":{"authorizeUrl":"https://idp.example/a",`+
			`"tokenUrl":"https://idp.example/t","userInfoUrl":"https://idp.example/u","clientId":"x","clientSecret":"`+secret+`"}}`)
		project, err := admin.Read(ctx, "Project", w.A.ID)
		require.NoError(t, err)
		body, err := sjson.SetRaw(string(project.Content), "site", `[{"name":"s","domain":["x.example"],"googleClientSecret":"`+secret+`","recaptchaSecretKey":"`+secret+`"}]`)
		require.NoError(t, err)
		project, err = admin.Update(ctx, "Project", w.A.ID, []byte(body), "")
		require.NoError(t, err)
		assert.Contains(t, string(project.Content), secret, "its administrator sees it")

		clients := w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: "ClientApplication"})
		staff := w.As(t, clients)
		seen, err := staff.Read(ctx, "ClientApplication", client.ID)
		require.NoError(t, err)
		assert.NotContains(t, string(seen.Content), secret)
		assert.Contains(t, string(seen.Content), "https://idp.example/t", "the rest stays")
		seen, err = staff.VRead(ctx, "ClientApplication", client.ID, client.Version)
		require.NoError(t, err)
		assert.NotContains(t, string(seen.Content), secret)
		renamed, err := staff.Update(ctx, "ClientApplication", client.ID, []byte(strings.Replace(string(seen.Content), `"name":"c"`, `"name":"d"`, 1)), "")
		require.NoError(t, err)
		assert.NotContains(t, string(renamed.Content), secret)
		kept, err := admin.Read(ctx, "ClientApplication", client.ID)
		require.NoError(t, err)
		assert.Contains(t, string(kept.Content), secret, "who does not see it does not lose it")

		linked := w.Project(t, medplum.Project{Name: "C", Link: []medplum.Link{{Project: medplum.RefTo("Project", w.A.ID, "")}}})
		for _, ref := range []string{"Project/" + w.A.ID, "ClientApplication/" + client.ID} {
			resourceType, id, _ := strings.Cut(ref, "/")
			got, err := w.As(t, linked.Admin).Read(ctx, resourceType, id)
			require.NoError(t, err)
			assert.NotContains(t, string(got.Content), secret, ref)
		}
	})
}
