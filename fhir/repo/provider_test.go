package repo_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo/repotest"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

func TestTheSecretOfAnIdentityProvider(t *testing.T) {
	each(t, func(t *testing.T, w *repotest.World) {
		const secret = "hush0123456789abcdef"
		provider := func(host, secret string) string {
			return `"identityProvider":{"authorizeUrl":"https://` + host + `/a","tokenUrl":"https://` + host + `/t","userInfoUrl":"https://` + host + `/u","clientId":"x"` + secret + `}`
		}
		shown := `,"clientSecret":"` + secret + `"`
		admin := w.As(t, w.A.Admin)
		update := func(id, body string) (store.Resource, error) {
			return admin.Update(ctx, medplum.TypeClientApplication, id, withID(id, `{"resourceType":"ClientApplication","name":"c",`+body+`}`), "")
		}
		client := create(t, admin, `{"resourceType":"ClientApplication","name":"c",`+provider("idp.example", shown)+`}`)
		kept, err := w.Repo.System("look at what is stored", w.A.ID).Read(ctx, medplum.TypeClientApplication, client.ID)
		require.NoError(t, err)
		assert.NotContains(t, string(kept.Content), secret, "it is part of no resource")

		again, err := update(client.ID, provider("idp.example", shown))
		require.NoError(t, err)
		assert.Equal(t, client.Version, again.Version, "it came back as it was shown")
		same, err := update(client.ID, provider("idp.example", ""))
		require.NoError(t, err)
		assert.Contains(t, string(same.Content), secret, "who leaves it out does not lose it")
		moved, err := update(client.ID, provider("evil.example", ""))
		require.NoError(t, err)
		assert.NotContains(t, string(moved.Content), secret, "another provider is not told it")

		staff := w.As(t, w.With(t, w.A.ID, medplum.PolicyResource{ResourceType: "ClientApplication"}))
		_, err = staff.Update(ctx, medplum.TypeClientApplication, client.ID, []byte(strings.ReplaceAll(string(kept.Content), "idp.example", "other.example")), "")
		assert.True(t, outcome.Has(err, outcome.Forbidden), "%v", err)
		_, err = staff.Create(ctx, medplum.TypeClientApplication, []byte(`{"resourceType":"ClientApplication","name":"d",`+provider("evil.example", shown)+`}`))
		assert.True(t, outcome.Has(err, outcome.Forbidden), "%v", err)
		_, err = update(client.ID, strings.Replace(provider("idp.example", shown), "https://idp.example/a", "javascript:x", 1))
		assert.True(t, outcome.Has(err, outcome.Invalid), "%v", err)

		super := w.As(t, w.Super.Admin)
		domain := create(t, super, `{"resourceType":"DomainConfiguration","domain":"x.example",`+provider("idp.example", shown)+`}`)
		require.NoError(t, super.Delete(ctx, medplum.TypeDomainConfiguration, domain.ID))
		left, err := w.Secrets.ProviderSecret(ctx, nil, domain.Ref)
		require.NoError(t, err)
		assert.Empty(t, left)
	})
}
