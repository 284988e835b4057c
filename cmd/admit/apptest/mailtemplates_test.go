package apptest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store"
)

const ourWords = `{"subject":"{{project}} welcomes {{name}}","text":"Dear {{name}}, {{link}}","html":"<h1 style=\"color:#0a6\">{{project}}</h1><p>Dear {{name}},</p><p><a href=\"{{link}}\">Come in</a></p>"}`

func TestAProjectInvitesInItsOwnWords(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		i, there := newInviter(t, s, apptest.Admin), newInviter(t, s, apptest.OtherAdmin)
		path := "/admin/projects/" + i.Project + "/mail-templates"
		usual := i.do("GET", path+"/invite", "").WantStatus(http.StatusOK)
		assert.Equal(t, "false", usual.Field("own"))
		assert.Equal(t, "3", i.do("GET", path, "").WantStatus(http.StatusOK).Field("templates.#"))
		put := i.do("PUT", path+"/invite", ourWords).WantStatus(http.StatusOK)
		assert.Equal(t, `W/"1"`, put.Header.Get("ETag"))
		i.With("If-Match", `W/"0"`).PUT(path+"/invite", ourWords).WantStatus(http.StatusPreconditionFailed)
		i.With("If-Match", `W/"1"`).PUT(path+"/invite", ourWords).WantStatus(http.StatusOK)
		for _, body := range []string{`{}`, strings.Replace(ourWords, ", {{link}}", "", 1), strings.Replace(ourWords, "Dear", "{{.Link}}", 1), `{"subject":"x","more":1}`} {
			i.do("PUT", path+"/invite", body).WantStatus(http.StatusBadRequest)
		}
		i.do("PUT", path+"/mfa", ourWords).WantStatus(http.StatusNotFound)
		there.PUT(path+"/invite", ourWords).WantStatus(http.StatusNotFound)
		there.GET(path + "/invite").WantStatus(http.StatusNotFound)
		s.As(apptest.Practitioner).PUT(path+"/invite", ourWords).WantStatus(http.StatusForbidden)
		seen := i.do("POST", path+"/invite/preview", "{}").WantStatus(http.StatusOK)
		assert.Equal(t, "Clinic welcomes Homer Simpson", seen.Field("subject"))

		i.POST("/admin/projects/"+i.Project+"/invite",
			`{"resourceType":"Practitioner","firstName":"<b>Ann","lastName":"{{link}}","email":"ann@example.com"}`).WantStatus(http.StatusOK)
		m := s.MailTo("ann@example.com")
		assert.Equal(t, "Clinic welcomes <b>Ann {{link}}", m.Subject)
		assert.Contains(t, m.HTML, "&lt;b&gt;Ann {{link}}")
		assert.Contains(t, m.HTML, `<a href="`+m.Link+`">`)
		const withPassword = `{"resourceType":"Practitioner","firstName":"Eve","lastName":"Ning","email":"%s","password":"` + apptest.Password + `"}`
		i.POST("/admin/projects/"+i.Project+"/invite", strings.Replace(withPassword, "%s", "eve@example.com", 1)).WantStatus(http.StatusOK)
		assert.Equal(t, "Clinic welcomes Eve Ning", s.MailTo("eve@example.com").Subject, "a password makes it no other mail to the project")
		there.POST("/admin/projects/"+there.Project+"/invite", strings.Replace(withPassword, "%s", "adam@example.com", 1)).WantStatus(http.StatusOK)
		given := s.MailTo("adam@example.com")
		assert.Contains(t, given.Text, "Your account has a password already.")
		assert.NotContains(t, given.Text, "create your account")
		assert.Contains(t, given.Link, "/setpassword/")
		there.invite("bob@example.com", "")
		assert.Equal(t, "Welcome to Admit", s.MailTo("bob@example.com").Subject, "another project has its own")

		i.With("If-Match", `W/"1"`).DELETE(path + "/invite").WantStatus(http.StatusPreconditionFailed)
		i.do("DELETE", path+"/invite", "").WantStatus(http.StatusOK)
		i.do("DELETE", path+"/invite", "").WantStatus(http.StatusOK)
		assert.JSONEq(t, string(usual.Body), string(i.GET(path+"/invite").Body))
	})
}

// TestWordsThatMayNotBeSentAnyMoreKeepNoMailBack: a rule may be younger than words that are stored.
func TestWordsThatMayNotBeSentAnyMoreKeepNoMailBack(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		i := newInviter(t, s, apptest.Admin)
		for n, w := range []store.MailTemplate{
			{Subject: "Stolen", Text: "https://evil.example/?{{link}}", HTML: `<a href="{{link}}">x</a>`},
			{Subject: "Broken", Text: "{{link}} {{if}}", HTML: `<a href="{{link}}">x</a>`},
		} {
			w.Project, w.Template, w.Version = i.Project, "invite", int64(n)
			require.NoError(t, s.Store.InTx(t.Context(), func(tx *store.Tx) error {
				done, err := tx.PutMailTemplate(t.Context(), &w)
				require.True(t, done)
				return err
			}))
			to := fmt.Sprintf("words%d@example.com", n)
			i.invite(to, "")
			m := s.MailTo(to)
			assert.Equal(t, "Welcome to Admit", m.Subject)
			assert.Contains(t, m.Text, m.Link)
			assert.NotContains(t, m.Text+m.HTML, "evil.example")
			assert.NotEmpty(t, i.do("GET", "/admin/projects/"+i.Project+"/mail-templates/invite", "").WantStatus(http.StatusOK).Field("fault"))
		}
	})
}

func TestHowAMailInAProjectsWordsLooks(t *testing.T) {
	s := apptest.Start(t)
	i := newInviter(t, s, apptest.Admin)
	var words struct{ HTML string }
	require.NoError(t, json.Unmarshal(i.POST("/admin/projects/"+i.Project+"/mail-templates/invite/preview", ourWords).WantStatus(http.StatusOK).Body, &words))
	b := startBrowser(t)
	if b == nil {
		return
	}
	b.open("data:text/html;charset=utf-8;base64," + base64.StdEncoding.EncodeToString([]byte(words.HTML)))
	b.wants("Dear Homer Simpson")
	b.wants("Come in")
	b.shoot("mail-own-words")
}
