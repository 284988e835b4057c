package apptest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// family makes a patient of the clinic.
func family(s *apptest.Server, name string) (id string) {
	return s.As(apptest.Admin).POST("/fhir/R4/Patient", `{"resourceType":"Patient","name":[{"given":["Pat"],"family":"`+name+`"}]}`).WantStatus(http.StatusCreated).Field("id")
}

// TestOnlyAPatientWhomAMemberMaySeeIsChosen holds the page between sign-in and consent.
func TestOnlyAPatientWhomAMemberMaySeeIsChosen(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		seen, unseen := family(s, "Visible"), family(s, "Hidden")
		policy := admin.POST("/fhir/R4/AccessPolicy", `{"resourceType":"AccessPolicy","name":"one","resource":[{"resourceType":"Patient","criteria":"Patient?family=Visible"}]}`).
			WantStatus(http.StatusCreated).Field("id")
		member := s.Invite(admin, "Practitioner", "narrow@clinic.example", `,"membership":{"accessPolicy":{"reference":"AccessPolicy/`+policy+`"}}`)
		client, ask := newApp(s)
		scope := []string{"scope", "openid launch/patient patient/Patient.rs"}
		v := newVisitor(t, s).send(http.MethodGet, ask(scope...), nil).fill("email", member.Email, "password", apptest.Password)
		require.Contains(t, v.page, "Choose a patient")
		assert.Contains(t, v.page, "Pat Visible")
		assert.NotContains(t, v.page, "Hidden")
		action, form := v.form()
		send := func(to string, pairs ...string) {
			fields := url.Values{}
			for name, values := range form {
				fields[name] = values[:1]
			}
			for i := 0; i < len(pairs); i += 2 {
				fields.Set(pairs[i], pairs[i+1])
			}
			v.send(http.MethodPost, to, fields)
		}
		for name, choice := range map[string]string{"hidden": unseen, "unknown": "nobody", "several": seen + "," + unseen, "a query": seen + "&family=x"} {
			send(action, "choice", choice)
			assert.Equal(t, http.StatusBadRequest, v.status, name)
		}
		send(action, "choice", seen, "type", "Practitioner")
		assert.Equal(t, http.StatusBadRequest, v.status)
		send("/oauth2/authorize/consent", "answer", "allow", "scope", "openid patient/Patient.rs")
		assert.Equal(t, http.StatusBadRequest, v.status, "the choice is skipped")
		assert.Empty(t, v.header.Get("Location"))
		send(action, "find", `Vis,Hid|$\`)
		assert.Contains(t, v.page, "Nobody of that name")

		send(action, "choice", seen)
		answer := v.fill("answer", "allow").at(appRedirect)
		tokens := exchangeApp(s, client, answer.Get("code")).WantStatus(http.StatusOK)
		assert.Equal(t, seen, tokens.Field("patient"))
		assert.Equal(t, "true", tokens.Field("need_patient_banner"))
		told := s.As(apptest.Program).FORM("/oauth2/introspect", "token="+tokens.Field("access_token")).WantStatus(http.StatusOK)
		assert.Equal(t, seen, told.Field("patient"))
		assert.Equal(t, member.Profile, told.Field("fhirUser"))

		silent := v.send(http.MethodGet, ask(append(scope, "prompt", "none")...), nil).at(appRedirect)
		assert.Equal(t, seen, exchangeApp(s, client, silent.Get("code")).WantStatus(http.StatusOK).Field("patient"), "nobody is asked again")
		assert.Contains(t, v.send(http.MethodGet, ask(scope...), nil).page, "Choose a patient")
		_, other := newApp(s)
		assert.Equal(t, "consent_required", v.send(http.MethodGet, other(append(scope, "prompt", "none")...), nil).at(appRedirect).Get("error"))
	})
}

func TestALaunchIsMadeByStaffAndIsOfItsProject(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		about := `{"resourceType":"SmartAppLaunch","patient":{"reference":"Patient/` + family(s, "Launched") + `"}}`
		s.As(apptest.Patient).POST("/fhir/R4/SmartAppLaunch", about).WantStatus(http.StatusForbidden)
		launch := s.As(apptest.Practitioner).POST("/fhir/R4/SmartAppLaunch", about).WantStatus(http.StatusCreated).Field("id")
		s.As(apptest.Program).POST("/fhir/R4/SmartAppLaunch", about).WantStatus(http.StatusCreated)
		elsewhere := s.As(apptest.OtherAdmin).POST("/fhir/R4/SmartAppLaunch", `{"resourceType":"SmartAppLaunch"}`).WantStatus(http.StatusCreated).Field("id")
		client, ask := newApp(s)
		v := newVisitor(t, s)
		assert.Equal(t, "invalid_request", v.send(http.MethodGet, ask("launch", elsewhere), nil).at(appRedirect).Get("error"))
		assert.Contains(t, v.send(http.MethodGet, ask("launch", launch), nil).page, "Sign in")
		for id, status := range map[string]int{elsewhere: http.StatusBadRequest, "x": http.StatusBadRequest, launch: http.StatusOK} {
			body := fmt.Sprintf(`{"email":%q,"password":%q,"clientId":%q,"launch":%q}`, s.As(apptest.Practitioner).Email, apptest.Password, client, id)
			s.As(apptest.Anonymous).POST("/auth/login", body).WantStatus(status)
		}
	})
}

// TestAnApplicationIsOpenedAboutWhatTheCallerSees: the launch leads to the application and its tokens are about
// the patient; nobody opens one about what they do not see, nor leads a browser to what is no page.
func TestAnApplicationIsOpenedAboutWhatTheCallerSees(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin, patient := s.As(apptest.Admin), family(s, "Launched")
		client, ask := newApp(s)
		path := "/fhir/R4/ClientApplication/" + client + "/$smart-launch"
		begins := func(at string) *apptest.Answer {
			return admin.With("Content-Type", "application/json-patch+json").PATCH("/fhir/R4/ClientApplication/"+client, `[{"op":"add","path":"/launchUri","value":"`+at+`"}]`)
		}
		admin.GET(path + "?patient=" + patient).WantStatus(http.StatusBadRequest)
		begins("javascript:alert(1)").WantStatus(http.StatusBadRequest)
		begins("https://app.example/begin?tenant=a%26b&launch=old").OK()
		for _, about := range []string{"patient=" + patient, "patient=Patient/" + patient} {
			to, err := url.Parse(admin.GET(path + "?" + about).WantStatus(http.StatusFound).Header.Get("Location"))
			require.NoError(t, err)
			assert.Equal(t, "https://app.example/begin", to.Scheme+"://"+to.Host+to.Path)
			assert.Equal(t, []string{"a&b"}, to.Query()["tenant"])
			assert.Equal(t, []string{s.URL + "/fhir/R4"}, to.Query()["iss"])
			require.Len(t, to.Query()["launch"], 1)
			launch := admin.GET("/fhir/R4/SmartAppLaunch/" + to.Query().Get("launch")).OK()
			assert.Equal(t, "Patient/"+patient, launch.Field("patient.reference"))
			assert.Contains(t, newVisitor(t, s).send(http.MethodGet, ask("launch", to.Query().Get("launch")), nil).page, "Sign in")
		}
		for query, status := range map[string]int{
			"": http.StatusBadRequest, "?patient=" + patient + "&encounter=e": http.StatusBadRequest, "?patient=nobody": http.StatusNotFound,
			"?encounter=" + patient: http.StatusNotFound, "?patient=../User/x": http.StatusNotFound, "?patient=" + patient + "&x=y": http.StatusBadRequest,
		} {
			admin.GET(path + query).WantStatus(status)
		}
		staff := s.As(apptest.Practitioner)
		to, err := url.Parse(staff.GET(path + "?patient=" + patient).WantStatus(http.StatusFound).Header.Get("Location"))
		require.NoError(t, err)
		assert.Equal(t, "Patient/"+patient, staff.GET("/fhir/R4/SmartAppLaunch/"+to.Query().Get("launch")).OK().Field("patient.reference"))
		staff.GET(path + "?patient=nobody").WantStatus(http.StatusNotFound)
		elsewhere := s.As(apptest.OtherAdmin).POST("/fhir/R4/ClientApplication", `{"resourceType":"ClientApplication","name":"x","launchUri":"https://x.example"}`).
			WantStatus(http.StatusCreated).Field("id")
		for _, hidden := range []string{s.As(apptest.Program).ClientID, elsewhere, "nobody"} {
			staff.GET("/fhir/R4/ClientApplication/" + hidden + "/$smart-launch?patient=" + patient).WantStatus(http.StatusNotFound)
		}
		staff.GET("/fhir/R4/ClientApplication/" + client).WantStatus(http.StatusForbidden)
		s.As(apptest.Program).GET(path + "?patient=" + patient).WantStatus(http.StatusForbidden)
		s.As(apptest.OtherAdmin).GET(path + "?patient=" + patient).WantStatus(http.StatusNotFound)
		s.As(apptest.Patient).GET(path + "?patient=" + patient).WantStatus(http.StatusNotFound)
		s.As(apptest.Anonymous).GET(path + "?patient=" + patient).WantStatus(http.StatusUnauthorized)
		assert.Equal(t, "3", admin.GET("/fhir/R4/SmartAppLaunch?_summary=count").OK().Field("total"), "what was refused has made nothing")
	})
}

// TestThePatientPageInABrowser is driven by the keyboard alone and looked at.
func TestThePatientPageInABrowser(t *testing.T) {
	b := startBrowser(t)
	if b == nil {
		return
	}
	s := apptest.Start(t)
	for _, name := range []string{"Simpson", "Bouvier", "Szyslak"} {
		family(s, name)
	}
	_, ask := newApp(s)
	b.open(s.URL + ask("redirect_uri", "http://127.0.0.1:9/back", "scope", "openid launch/patient patient/*.rs"))
	b.do(chromedp.KeyEvent(s.As(apptest.Practitioner).Email+"\t"+apptest.Password+"\r"), chromedp.WaitReady("fieldset"))
	b.wants("Choose a patient")
	b.wantAccessible()
	b.shoot("authorize-patient")
	b.do(chromedp.KeyEvent("bouv\r"), chromedp.WaitReady(`#find[value="bouv"]`), chromedp.WaitReady("fieldset"))
	b.do(chromedp.KeyEvent("\t\t \r"), chromedp.WaitReady(`button[value="deny"]`))
	b.wants("Allow Growth")
}
