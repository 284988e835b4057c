package apptest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

func TestAUserLooksAfterTheirOwnTokens(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		id := addUser(admin, `{"profileType":"Patient","login":"own","email":"own@example.com","password":"`+apptest.Password+`"}`)
		addUser(admin, `{"profileType":"Patient","login":"another","email":"another@example.com","password":"`+apptest.Password+`"}`)
		me := s.SignIn("own@example.com", apptest.Password, admin.Project)
		another := s.SignIn("another@example.com", apptest.Password, admin.Project)
		const tokens = "/auth/me/tokens"
		d := description(t, s)

		made := me.POST(tokens, `{"key":"my phone","validity":60}`).WantStatus(http.StatusCreated)
		d.check("POST", tokens, `{"key":"my phone","validity":60}`, made)
		assert.Equal(t, "no-store", made.Header.Get("Cache-Control"))
		token := made.Field("token")
		list := me.GET(tokens).WantStatus(http.StatusOK)
		d.check("GET", tokens, "", list)
		assert.Equal(t, "my phone", list.Field("tokens.0.key"))
		assert.NotContains(t, string(list.Body), token)
		assert.Equal(t, "1", admin.GET(usersOf(admin)+"/"+id+"/tokens").Field("tokens.#"), "a manager sees it as well")

		assert.Equal(t, "0", another.GET(tokens).WantStatus(http.StatusOK).Field("tokens.#"))
		another.DELETE(tokens + "/my%20phone").WantStatus(http.StatusNotFound)
		holder := s.SignIn("own@example.com", token, admin.Project)
		holder.POST(tokens, `{"key":"longer"}`).WantStatus(http.StatusForbidden)
		for body, field := range map[string]string{
			`{"key":"","validity":1}`: "key", `{"key":"k","validity":-1}`: "validity", `{"key":"k","validity":99999999999}`: "validity",
		} {
			assert.Equal(t, field, me.POST(tokens, body).WantStatus(http.StatusBadRequest).Field("issue.0.expression.0"), body)
		}
		for _, body := range []string{`{"key":"k","validity":"60"}`, `{"key":"k","user":"x"}`, `[]`} {
			me.POST(tokens, body).WantStatus(http.StatusBadRequest)
		}
		s.As(apptest.Program).POST(tokens, `{"key":"k"}`).WantStatus(http.StatusForbidden)
		s.As(apptest.Admin).POST(tokens, `{"key":"k"}`).WantIssue("invalid") // a User of the server

		revoked := me.DELETE(tokens + "/my%20phone").WantStatus(http.StatusOK)
		d.check("DELETE", tokens+"/x", "", revoked)
		me.DELETE(tokens + "/my%20phone").WantStatus(http.StatusNotFound)
		signInByName(s, admin.Project, "own", token).WantStatus(http.StatusBadRequest)
		assert.Equal(t, "0", me.GET(tokens).Field("tokens.#"))
	})
}
