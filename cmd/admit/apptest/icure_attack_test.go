package apptest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/sjson"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

const icureUser = "/rest/v2/user"

// icureGuard is two projects that speak the dialect, and who asks.
type icureGuard struct {
	*apptest.Server
	at                          *apptest.Clock
	admin, other, staff, nobody *apptest.Client
	mine, theirs                *apptest.Answer // a user of each
}

// TestICureAttacks asks the dialect, and its gateway, for what nobody may have.
func TestICureAttacks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		at := &apptest.Clock{}
		s := apptest.Start(t, apptest.On(db), apptest.At(at))
		g := &icureGuard{Server: s, at: at, admin: s.As(apptest.Admin), other: s.As(apptest.OtherAdmin), staff: s.As(apptest.Practitioner), nobody: s.As(apptest.Anonymous)}
		t.Run("off", g.off)
		speakICure(g.other)
		speakICure(g.admin, `{"name":"practitionersManageUsers","valueBoolean":true}`)
		g.mine = icureMade(g.admin, `{"login":"dup","email":"mine@example.com","passwordHash":"Mine-and-nobodys-24"}`)
		g.theirs = icureMade(g.other, `{"login":"dup","email":"theirs@example.com","mobilePhone":"+4912345678","passwordHash":"Theirs-and-nobodys-24"}`)
		t.Run("another project", g.anotherProject)
		t.Run("names of two projects", g.names)
		t.Run("a manager with few rights", g.limited)
		t.Run("one's own user", g.own)
		t.Run("switching", g.switching)
		t.Run("tokens", g.tokens)
		t.Run("one rev", g.oneRev)
		t.Run("bad fields", g.badFields)
		t.Run("kept as it was written", g.opaque)
		t.Run("bad requests", g.badRequests)
		t.Run("mass assignment", g.massAssignment)
		t.Run("gateway", g.gateway)
		t.Run("time", g.expired)
	})
}

func icureMade(by *apptest.Client, body string) *apptest.Answer {
	return by.POST(icureUser, body).WantStatus(http.StatusOK)
}

// icureRefused wants a refusal as iCure words one.
func icureRefused(t *testing.T, what string, got *apptest.Answer, statuses ...int) {
	t.Helper()
	if !assert.Contains(t, statuses, got.Status, "%s: %.300s", what, got.Body) || got.Status == http.StatusUnauthorized {
		return
	}
	var told map[string]string
	assert.NoError(t, json.Unmarshal(got.Body, &told), "%s: %.300s", what, got.Body)
	assert.Len(t, told, 1, "%s: %.300s", what, got.Body)
	assert.NotEmpty(t, told["message"], "%s: %.300s", what, got.Body)
}

// enter signs in by the dialect.
func (g *icureGuard) enter(name, password string) *apptest.Answer {
	return g.nobody.POST("/rest/v2/auth/login", fmt.Sprintf(`{"username":%q,"password":%q}`, name, password))
}

func (g *icureGuard) bearer(token string) *apptest.Client {
	return g.nobody.With("Authorization", "Bearer "+token)
}

// unchanged wants nothing to have been stored since asked.
func (g *icureGuard) unchanged(t *testing.T, ask func()) {
	t.Helper()
	g.As(apptest.Anonymous)
	ask()
	g.WantUnchanged("User", "Project", "ProjectMembership", "AccessPolicy", "Patient", "Practitioner")
	g.WantNoMail()
}

// icureEdited is a user as it was answered with other fields, each a name and a value in JSON.
func icureEdited(t *testing.T, user *apptest.Answer, pairs ...string) string {
	t.Helper()
	body := user.Body
	for i := 0; i < len(pairs); i += 2 {
		var err error
		body, err = sjson.SetRawBytes(body, pairs[i], []byte(pairs[i+1]))
		require.NoError(t, err)
	}
	return string(body)
}

var routeParameter = regexp.MustCompile(`:\w+`)

func (g *icureGuard) off(t *testing.T) {
	for _, role := range []apptest.Role{apptest.Admin, apptest.Practitioner, apptest.Patient, apptest.Program, apptest.Bot, apptest.SuperAdmin} {
		who := g.As(role)
		for _, line := range icureMatrix() {
			method, path, _ := strings.Cut(line.route, " ")
			got := who.Do(method, routeParameter.ReplaceAllString(path, "x"), line.body)
			icureRefused(t, string(role)+": "+line.route, got, http.StatusNotFound)
		}
	}
	for _, path := range []string{"/rest/v2/auth/login", "/rest/v2/auth/check"} {
		body := fmt.Sprintf(`{"username":%q,"password":%q}`, g.admin.Email, apptest.Password)
		icureRefused(t, path, g.nobody.POST(path, body), http.StatusUnauthorized)
	}
}

func (g *icureGuard) anotherProject(t *testing.T) {
	id, rev := g.theirs.Field("id"), g.theirs.Field("rev")
	group := icureUser + "/inGroup/" + g.other.Project
	g.unchanged(t, func() {
		for _, ask := range []struct{ method, path, body string }{
			{"GET", icureUser + "/" + id, ""}, {"DELETE", icureUser + "/" + id, ""}, {"DELETE", icureUser + "/" + id + "?rev=" + rev, ""},
			{"PUT", icureUser, icureEdited(t, g.theirs, "groupId", `""`)}, {"PUT", icureUser + "/" + id + "/properties", `[{"type":{"identifier":"x"}}]`},
			{"GET", icureUser + "/token/" + id, ""}, {"POST", icureUser + "/token/" + id + "/k", ""}, {"POST", icureUser + "/undelete/" + id + "?rev=" + rev, ""},
			{"DELETE", icureUser + "/purge/" + id + "?rev=" + rev, ""}, {"GET", icureUser + "/byEmail/theirs@example.com", ""},
			{"GET", icureUser + "/byEmail/" + id, ""}, {"GET", icureUser + "/byPhoneNumber/+4912345678", ""},
			{"GET", group, ""}, {"POST", group, `{"login":"intruder"}`}, {"PUT", group, string(g.theirs.Body)}, {"DELETE", group + "/" + id, ""},
			{"POST", group + "/token/" + id + "/k", ""}, {"POST", icureUser + "/filter/inGroup/" + g.other.Project, `{"$type":"FilterChain","filter":{"$type":"AllUsersFilter"}}`},
			{"POST", "/msggw/x/email/to/theirs@example.com", `{"subject":"s","html":"h"}`},
		} {
			icureRefused(t, ask.method+" "+ask.path, g.admin.Do(ask.method, ask.path, ask.body), http.StatusNotFound, http.StatusForbidden)
		}
		icureRefused(t, "their group in a user", g.admin.PUT(icureUser, icureEdited(t, g.mine, "groupId", `"`+g.other.Project+`"`)), http.StatusBadRequest)
		icureRefused(t, "their id", g.admin.POST(icureUser, `{"id":"`+id+`","login":"same id"}`), http.StatusBadRequest)
		assert.Equal(t, "[]", string(g.admin.POST(icureUser+"/byIds", `{"ids":["`+id+`"]}`).WantStatus(http.StatusOK).Body)[:2])
		for _, filter := range []string{
			`{"$type":"UserByIdsFilter","ids":["` + id + `"]}`, `{"$type":"UserByNameEmailPhoneFilter","searchString":"theirs"}`,
		} {
			assert.Equal(t, "[]", string(g.admin.POST(icureUser+"/match", filter).WantStatus(http.StatusOK).Body)[:2], filter)
		}
		assert.Equal(t, "[]", string(g.admin.POST(icureUser+"/inAllGroups/token/theirs@example.com/k", "").WantStatus(http.StatusOK).Body)[:2])
		assert.NotContains(t, string(g.admin.GET(icureUser+"?skipPatients=false&startDocumentId="+id).WantStatus(http.StatusOK).Body), id)
	})
}

func (g *icureGuard) names(t *testing.T) {
	for _, in := range []struct{ name, password, group string }{
		{"dup", "Mine-and-nobodys-24", g.admin.Project}, {"dup", "Theirs-and-nobodys-24", g.other.Project},
		{g.admin.Project + "/dup", "Theirs-and-nobodys-24", ""}, {g.other.Project + ":dup", "Mine-and-nobodys-24", ""},
		{g.mine.Field("id"), "Theirs-and-nobodys-24", ""}, {g.other.Project + "/" + g.mine.Field("id"), "Mine-and-nobodys-24", ""},
		{"dup", "", ""}, {"", "Mine-and-nobodys-24", ""}, {"dup", "*", ""},
	} {
		got := g.enter(in.name, in.password)
		if in.group == "" {
			icureRefused(t, in.name, got, http.StatusUnauthorized)
			continue
		}
		got.WantStatus(http.StatusOK)
		assert.Equal(t, in.group, g.bearer(got.Field("token")).GET(icureUser+"/current").WantStatus(http.StatusOK).Field("groupId"))
	}
}

func (g *icureGuard) limited(t *testing.T) {
	owner := strings.TrimPrefix(g.admin.Membership, "ProjectMembership/")
	g.admin.POST("/admin/projects/"+g.admin.Project+"/roles", `{"name":"all of it","resource":[{"resourceType":"*"}]}`).WantStatus(http.StatusCreated)
	strong := addUser(g.admin, `{"profileType":"Practitioner","login":"strong","email":"strong@example.com","roles":["all of it"]}`)
	patient := icureMade(g.staff, `{"login":"patient of staff","roles":["all of it"],"systemMetadata":{"isAdmin":true,"roles":["all of it"],"inheritsRoles":true}}`)
	assert.Equal(t, "false", patient.Field("systemMetadata.isAdmin"))
	assert.NotContains(t, patient.Field("systemMetadata.roles"), "all of it")
	g.unchanged(t, func() {
		for _, id := range []string{owner, strong} {
			is := g.staff.GET(icureUser + "/" + id).WantStatus(http.StatusOK)
			for _, ask := range []struct{ method, path, body string }{
				{"PUT", icureUser, icureEdited(t, is, "passwordHash", `"Another-password-24"`)}, {"PUT", icureUser, icureEdited(t, is, "email", `"thief@example.com"`)},
				{"PUT", icureUser, icureEdited(t, is, "status", `"DISABLED"`)}, {"PUT", icureUser, icureEdited(t, is, "authenticationTokens", `{"k":{"deletionDate":1}}`)},
				{"PUT", icureUser + "/inGroup/" + g.admin.Project, icureEdited(t, is, "name", `"Any One"`)}, {"PUT", icureUser + "/" + id + "/properties", `[]`},
				{"DELETE", icureUser + "/" + id, ""}, {"DELETE", icureUser + "/inGroup/" + g.admin.Project + "/" + id, ""},
				{"POST", icureUser + "/token/" + id + "/k", ""}, {"GET", icureUser + "/token/" + id, ""},
				{"POST", icureUser + "/inGroup/" + g.admin.Project + "/token/" + id + "/k", ""}, {"POST", icureUser + "/inAllGroups/token/" + id + "/k", ""},
				{"DELETE", icureUser + "/purge/" + id + "?rev=" + is.Field("rev"), ""}, {"POST", "/msggw/x/email/to/" + is.Field("email"), `{"subject":"s","html":"h"}`},
			} {
				icureRefused(t, ask.method+" "+ask.path, g.staff.Do(ask.method, ask.path, ask.body), http.StatusForbidden)
			}
		}
		icureRefused(t, "another's practitioner as one's own", g.staff.PUT(icureUser+"/current/hcparty/"+strings.TrimPrefix(g.admin.Profile, "Practitioner/"), ""), http.StatusForbidden)
	})
}

func (g *icureGuard) own(t *testing.T) {
	token := g.enter("dup", "Mine-and-nobodys-24").WantStatus(http.StatusOK).Field("token")
	me := g.bearer(token)
	is := me.GET(icureUser + "/current").WantStatus(http.StatusOK)
	g.unchanged(t, func() {
		for name, value := range map[string]string{
			"login": `"x"`, "email": `"x@example.com"`, "mobilePhone": `"+4911111111"`, "passwordHash": `"Another-password-24"`, "status": `"DISABLED"`,
			"healthcarePartyId": `"x"`, "patientId": `"x"`, "deviceId": `"x"`, "roles": `["x"]`, "name": `"Some One"`, "type": `"ldap"`,
		} {
			icureRefused(t, name, me.PUT(icureUser, icureEdited(t, is, name, value)), http.StatusForbidden)
		}
		for _, ask := range []struct{ method, path, body string }{
			{"GET", icureUser, ""}, {"POST", icureUser, `{"login":"x"}`}, {"DELETE", icureUser + "/" + is.Field("id"), ""}, {"PUT", icureUser + "/current/hcparty/x", ""},
			{"POST", icureUser + "/byIds", `{"ids":["` + is.Field("id") + `"]}`}, {"POST", "/msggw/x/email/to/mine@example.com", `{"subject":"s","html":"h"}`},
		} {
			icureRefused(t, ask.method+" "+ask.path, me.Do(ask.method, ask.path, ask.body), http.StatusForbidden)
		}
	})
}

func (g *icureGuard) switching(t *testing.T) {
	g.Invite(g.admin, "Practitioner", "both@example.com", "")
	g.other.POST("/admin/projects/"+g.other.Project+"/invite", `{"resourceType":"Practitioner","firstName":"B","lastName":"Oth","email":"both@example.com"}`).WantStatus(http.StatusOK)
	got := g.enter(g.admin.Project+"/both@example.com", apptest.Password).WantStatus(http.StatusOK)
	change := func(project, token string) *apptest.Answer {
		return g.nobody.With("Refresh-Token", token).POST("/rest/v2/auth/switch/"+project, "")
	}
	icureRefused(t, "by a password that one project gave", change(g.other.Project, got.Field("refreshToken")), http.StatusForbidden)
	g.As(apptest.SuperAdmin).POST("/admin/super/setpassword", `{"email":"both@example.com","password":"`+apptest.Password+`"}`).WantStatus(http.StatusOK)
	got = g.enter(g.admin.Project+"/both@example.com", apptest.Password).WantStatus(http.StatusOK)
	there := change(g.other.Project, got.Field("refreshToken")).WantStatus(http.StatusOK)
	assert.Equal(t, g.other.Project, g.bearer(there.Field("token")).GET(icureUser+"/current").WantStatus(http.StatusOK).Field("groupId"))
	icureRefused(t, "what one may in the first project", g.bearer(there.Field("token")).GET(icureUser), http.StatusForbidden)
	assert.Equal(t, g.admin.Project, g.bearer(got.Field("token")).GET(icureUser+"/current").WantStatus(http.StatusOK).Field("groupId"))
	for _, project := range []string{g.As(apptest.SuperAdmin).Project, "x", "00000000-0000-4000-8000-000000000000"} {
		icureRefused(t, "a third project", change(project, got.Field("refreshToken")), http.StatusForbidden)
	}
	alone := g.enter("dup", "Mine-and-nobodys-24").WantStatus(http.StatusOK)
	icureRefused(t, "a User of one project", change(g.other.Project, alone.Field("refreshToken")), http.StatusForbidden)
	key := g.admin.POST(icureUser+"/token/"+g.mine.Field("id")+"/k", "").WantStatus(http.StatusOK)
	byToken := g.enter("dup", string(key.Body)).WantStatus(http.StatusOK)
	icureRefused(t, "a further token by a token", g.bearer(byToken.Field("token")).POST(icureUser+"/token/"+g.mine.Field("id")+"/more", ""), http.StatusForbidden)
}

func (g *icureGuard) tokens(t *testing.T) {
	session := g.enter("dup", "Mine-and-nobodys-24").WantStatus(http.StatusOK)
	access, renewal := session.Field("token"), session.Field("refreshToken")
	refresh := func(token string) *apptest.Answer {
		return g.nobody.With("Refresh-Token", token).POST("/rest/v2/auth/refresh", "")
	}
	refresh(renewal).WantStatus(http.StatusOK)
	named := string(g.admin.POST(icureUser+"/token/"+g.mine.Field("id")+"/named", "").WantStatus(http.StatusOK).Body)
	for name, token := range map[string]string{"access": access, "native access": g.admin.Token, "native refresh": g.admin.RefreshToken, "named": named, "nothing": "", "junk": "a.b.c"} {
		icureRefused(t, name+" to renew with", refresh(token), http.StatusUnauthorized)
		icureRefused(t, name+" to switch with", g.nobody.With("Refresh-Token", token).POST("/rest/v2/auth/switch/"+g.other.Project, ""), http.StatusUnauthorized)
	}
	for name, token := range map[string]string{"renewal": renewal, "native refresh": g.admin.RefreshToken, "named": named, "junk": "a.b.c", "of no one": "eyJhbGciOiJub25lIn0.e30."} {
		icureRefused(t, name+" as bearer", g.bearer(token).GET(icureUser+"/current"), http.StatusUnauthorized)
	}
	for _, token := range []string{renewal, access, named} {
		for _, grant := range []string{"grant_type=refresh_token&refresh_token=", "grant_type=authorization_code&code_verifier=x&code="} {
			g.nobody.FORM("/oauth2/token", grant+url.QueryEscape(token)).WantStatus(http.StatusBadRequest)
		}
	}
	g.bearer(access).POST("/rest/v2/auth/logout", "").WantStatus(http.StatusOK)
	icureRefused(t, "an ended session", g.bearer(access).GET(icureUser+"/current"), http.StatusUnauthorized)
	icureRefused(t, "the renewal of an ended session", refresh(renewal), http.StatusUnauthorized)

	session = g.enter("dup", named).WantStatus(http.StatusOK)
	basic := g.nobody.With("Authorization", basicAuth("dup", "Mine-and-nobodys-24"))
	basic.GET(icureUser + "/current").WantStatus(http.StatusOK)
	was := g.admin.GET(icureUser + "/" + g.mine.Field("id")).WantStatus(http.StatusOK)
	off := g.admin.PUT(icureUser, icureEdited(t, was, "status", `"DISABLED"`)).WantStatus(http.StatusOK)
	icureRefused(t, "blocked, by bearer", g.bearer(session.Field("token")).GET(icureUser+"/current"), http.StatusUnauthorized)
	icureRefused(t, "blocked, by renewal", refresh(session.Field("refreshToken")), http.StatusUnauthorized)
	icureRefused(t, "blocked, by Basic", basic.GET(icureUser+"/current"), http.StatusUnauthorized)
	icureRefused(t, "blocked, by token", g.enter("dup", named), http.StatusUnauthorized)
	on := g.admin.PUT(icureUser, icureEdited(t, off, "status", `"ACTIVE"`, "authenticationTokens", `{"named":{"deletionDate":1}}`)).WantStatus(http.StatusOK)
	icureRefused(t, "an ended token", g.enter("dup", named), http.StatusUnauthorized)
	g.admin.PUT(icureUser, icureEdited(t, on, "passwordHash", `"Mine-once-more-2024"`)).WantStatus(http.StatusOK)
	icureRefused(t, "an old password", basic.GET(icureUser+"/current"), http.StatusUnauthorized)
}

func (g *icureGuard) oneRev(t *testing.T) {
	is := icureMade(g.admin, `{"login":"raced"}`)
	statuses := make([]int, 6)
	var all sync.WaitGroup
	for i := range statuses {
		body := icureEdited(t, is, "name", fmt.Sprintf(`"Racer %d"`, i))
		all.Go(func() { statuses[i] = g.admin.PUT(icureUser, body).Status })
	}
	all.Wait()
	slices.Sort(statuses)
	assert.Equal(t, []int{200, 409, 409, 409, 409, 409}, statuses)
	g.unchanged(t, func() {
		icureRefused(t, "an old rev", g.admin.PUT(icureUser, string(is.Body)), http.StatusConflict)
		icureRefused(t, "an old rev to delete", g.admin.DELETE(icureUser+"/"+is.Field("id")+"?rev="+is.Field("rev")), http.StatusConflict)
		for _, rev := range []string{`""`, `"1"`, `"-"`, `"1-0"`, `"2-` + strings.Repeat("0", 32) + `"`} {
			icureRefused(t, "rev "+rev, g.admin.PUT(icureUser, icureEdited(t, is, "rev", rev)), http.StatusConflict)
		}
	})
}

func (g *icureGuard) massAssignment(t *testing.T) {
	made := icureMade(g.admin, `{"login":"massive","passwordHash":"Massive-and-strong-24","roles":["ADMIN","all of it"],"autoDelegations":{"all":["x"]},
		"systemMetadata":{"isAdmin":true,"roles":["all of it"],"inheritsRoles":true},"applicationTokens":{"app":"secret"},
		"authenticationTokens":{"k":{"token":"Chosen-by-the-client-24","creationTime":1,"validity":99999999}},
		"properties":[{"type":{"identifier":"org.taktik.icure.admin"},"typedValue":{"booleanValue":true}}]}`)
	changed := g.admin.PUT(icureUser, icureEdited(t, made, "systemMetadata", `{"isAdmin":true,"roles":["all of it"],"inheritsRoles":true}`,
		"authenticationTokens", `{"k":{"token":"Chosen-by-the-client-24","creationTime":1,"validity":99999999}}`)).WantStatus(http.StatusOK)
	for _, got := range []*apptest.Answer{made, changed} {
		assert.Equal(t, "false", got.Field("systemMetadata.isAdmin"))
		assert.NotContains(t, got.Field("systemMetadata.roles"), "all of it")
		assert.Equal(t, "{}", got.Field("authenticationTokens"))
		assert.Equal(t, "{}", got.Field("applicationTokens"))
		assert.NotContains(t, string(got.Body), "Massive-and-strong-24")
	}
	member := g.admin.GET(usersOf(g.admin) + "/" + made.Field("id")).WantStatus(http.StatusOK)
	assert.Equal(t, "false", member.Field("admin"))
	assert.NotContains(t, member.Field("roles"), "all of it")
	icureRefused(t, "a token that the client chose", g.enter("massive", "Chosen-by-the-client-24"), http.StatusUnauthorized)
	me := g.bearer(g.enter("massive", "Massive-and-strong-24").WantStatus(http.StatusOK).Field("token"))
	icureRefused(t, "an administrator by its roles", me.GET(icureUser), http.StatusForbidden)
	me.GET(usersOf(g.admin)).WantStatus(http.StatusForbidden)
}

// opaque: what means nothing to the server comes back as it was written, whatever is in it.
func (g *icureGuard) opaque(t *testing.T) {
	for name, value := range map[string]string{
		"properties": `[{"id":"p","type":{"identifier":"a\u0000b","type":"STRING"},"typedValue":{"type":"STRING","stringValue":"nul \u0000, quote \" and \ud83d\ude00"}}]`,
		"roles":      `["a\u0000b","'; DROP TABLE resource; --","%profile"]`, "autoDelegations": `{"a\u0000b":["x\u0000"]}`, "identifier": `[{"value":"a\u0000b","number":1.00}]`,
	} {
		made := icureMade(g.admin, `{"login":"opaque `+name+`","`+name+`":`+value+`}`)
		for _, got := range []*apptest.Answer{made, g.admin.GET(icureUser + "/" + made.Field("id")).WantStatus(http.StatusOK)} {
			assert.JSONEq(t, value, got.Field(name), name)
		}
		found := g.admin.POST(icureUser+"/match", `{"$type":"UserByIdsFilter","ids":["`+made.Field("id")+`"]}`).WantStatus(http.StatusOK)
		assert.Contains(t, string(found.Body), made.Field("id"), name)
	}
}

func (g *icureGuard) gateway(t *testing.T) {
	send := func(to, body string) *apptest.Answer { return g.admin.POST("/msggw/spec/email/to/"+to, body) }
	fine := `{"subject":"s","html":"h"}`
	g.unchanged(t, func() {
		for _, to := range []string{
			"stranger@example.com", "theirs@example.com", "mine@example.com,stranger@example.com", "mine@example.com%0d%0aBcc:stranger@example.com",
			"%22mine%22%20%3Cmine@example.com%3E", "mine@example.com%00", "mine%40example.com%20", "%ff@example.com", g.mine.Field("id"), "dup",
		} {
			icureRefused(t, to, send(to, fine), http.StatusBadRequest, http.StatusNotFound)
		}
		for _, body := range []string{``, `{}`, `[]`, `{"html":7}`, `{"subject":7,"html":"h"}`, `{"html":"<script>x</script>"}`, `{"html":"` + strings.Repeat("x", 20_001) + `"}`,
			`{"html":"h","subject":"` + strings.Repeat("x", 201) + `"}`} {
			icureRefused(t, fmt.Sprintf("%.60s", body), send("mine@example.com", body), http.StatusBadRequest)
		}
		icureRefused(t, "a text message", g.admin.POST("/msggw/spec/sms/to/+4912345678", `{"message":"m"}`), http.StatusBadRequest, http.StatusNotFound, http.StatusNotImplemented)
	})
	send("mine@example.com", `{"from":"ceo@bank.example","subject":"Attack\r\nBcc: stranger@example.com\r\n\r\nbody","html":"<p>text</p>"}`).WantStatus(http.StatusNoContent)
	sent := g.MailAbout("mine@example.com", "Attack")
	assert.NotContains(t, sent.Subject, "\n")
	assert.NotContains(t, sent.Subject, "\r")
	for _, mail := range g.Mails() {
		assert.NotContains(t, mail.To, "stranger")
	}
}

func (g *icureGuard) expired(t *testing.T) {
	user := icureMade(g.admin, `{"login":"late","passwordHash":"Late-and-nobodys-24"}`)
	named := string(g.admin.POST(icureUser+"/token/"+user.Field("id")+"/k?tokenValidity=60", "").WantStatus(http.StatusOK).Body)
	g.enter("late", named).WantStatus(http.StatusOK)
	session := g.enter("late", "Late-and-nobodys-24").WantStatus(http.StatusOK)
	current := func() *apptest.Answer { return g.bearer(session.Field("token")).GET(icureUser + "/current") }
	refresh := func() *apptest.Answer {
		return g.nobody.With("Refresh-Token", session.Field("refreshToken")).POST("/rest/v2/auth/refresh", "")
	}
	g.at.Ahead = 61 * time.Second
	icureRefused(t, "a token after its time", g.enter("late", named), http.StatusUnauthorized)
	current().WantStatus(http.StatusOK)
	g.at.Ahead = 23 * time.Hour
	icureRefused(t, "an access token after its time", current(), http.StatusUnauthorized)
	refresh().WantStatus(http.StatusOK)
	g.at.Ahead = 25 * time.Hour
	icureRefused(t, "a renewal after its time", refresh(), http.StatusUnauthorized)
}
