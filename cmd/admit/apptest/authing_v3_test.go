package apptest_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/secret"
)

// signing is a request of version 3 as its clients sign it; params is what is signed of the body or query.
type signing struct {
	pool, secret, nonce string
	at                  time.Time
	method, path        string
	params              string
}

// ask sends the request with the query or the body that goes with it.
func (g signing) ask(s *apptest.Server, query, body string) *apptest.Answer {
	if g.nonce == "" {
		g.nonce = secret.Token(16)
	}
	if g.at.IsZero() {
		g.at = time.Now()
	}
	date := g.at.UTC().Format(http.TimeFormat)
	text := g.method + "\ndate:" + date + "\nx-authing-lang:zh-CN\nx-authing-signature-nonce:" + g.nonce + "\n" + g.path
	if g.params != "" {
		text += "?" + g.params
	}
	mac := hmac.New(sha1.New, []byte(g.secret))
	mac.Write([]byte(text))
	c := s.As(apptest.Anonymous).With("Date", date).With("X-Authing-Lang", "zh-CN").With("X-Authing-Signature-Nonce", g.nonce).
		With("Authorization", "authing "+g.pool+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return c.Do(g.method, g.path+query, body)
}

// authingSignatures tries signatures that are not.
func authingSignatures(t *testing.T, s *apptest.Server, pool, other userPool) {
	right := signing{pool: pool.id, secret: pool.secret, method: http.MethodPost, path: "/api/v3/create-user", params: "username=signed"}
	once := right
	once.nonce = "once"
	assert.Equal(t, "200", once.ask(s, "", `{"username":"signed"}`).Field("statusCode"))
	programs := pool.POST("/admin/projects/"+pool.id+"/client", `{"name":"No administrator"}`).WantStatus(http.StatusCreated)
	s.As(apptest.Admin)
	for name, change := range map[string]func(*signing){
		"replayed":              func(g *signing) { g.nonce = "once" },
		"of another secret":     func(g *signing) { g.secret = other.secret },
		"of no secret":          func(g *signing) { g.secret = "" },
		"for another pool":      func(g *signing) { g.pool = other.id },
		"of another method":     func(g *signing) { g.params = "" },
		"too old":               func(g *signing) { g.at = time.Now().Add(-20 * time.Minute) },
		"of the future":         func(g *signing) { g.at = time.Now().Add(20 * time.Minute) },
		"of another body":       func(g *signing) { g.params = "username=another" },
		"of no administrator's": func(g *signing) { g.secret = programs.Field("secret") },
	} {
		g := right
		change(&g)
		got := g.ask(s, "", `{"username":"forged"}`).WantStatus(http.StatusOK)
		assert.Contains(t, []string{"401", "403"}, got.Field("statusCode"), "%s: %s", name, got.Body)
	}
	for _, authorization := range []string{"authing " + pool.id, "authing " + pool.id + ":", "Bearer x", ""} {
		c := s.As(apptest.Anonymous).With("Authorization", authorization).With("X-Authing-Userpool-Id", pool.id)
		got := c.POST("/api/v3/create-user", `{"username":"forged"}`).WantStatus(http.StatusOK)
		assert.Equal(t, "401", got.Field("statusCode"), "%s: %s", authorization, got.Body)
	}
	s.WantUnchanged("User", "ProjectMembership", "Patient")

	list := signing{pool: pool.id, secret: pool.secret, method: http.MethodGet, path: "/api/v3/list-users", params: "limit=1&page=1"}
	assert.Equal(t, "200", list.ask(s, "?page=1&limit=1", "").Field("statusCode"))
	assert.Equal(t, "401", list.ask(s, "?page=2&limit=1", "").Field("statusCode"))

	token := s.As(apptest.Anonymous).POST("/api/v3/get-management-token", `{"accessKeyId":"`+pool.id+`","accessKeySecret":"`+pool.secret+`"}`).WantStatus(http.StatusOK)
	bearer := s.As(apptest.Anonymous).With("Authorization", "Bearer "+token.Field("data.access_token"))
	assert.Equal(t, "200", bearer.POST("/api/v3/list-users", `{}`).Field("statusCode"))
	wrong := s.As(apptest.Anonymous).POST("/api/v3/get-management-token", `{"accessKeyId":"`+pool.id+`","accessKeySecret":"x"}`)
	assert.Equal(t, "401", wrong.Field("statusCode"))
	s.As(apptest.Anonymous).POST("/api/v3/get-management-token", `{"accessKeyId":"none","accessKeySecret":"x"}`).WantStatus(http.StatusNotFound)
}

// TestAuthingCountsGuesses of the secret of a pool, in every way that it can be guessed.
func TestAuthingCountsGuesses(t *testing.T) {
	const limit = 60
	s := apptest.Start(t, apptest.With("ADMIT_AUTH_RATE_LIMIT="+strconv.Itoa(limit)), apptest.Standing())
	pool := poolOf(s.As(apptest.Admin))
	guess := signing{pool: pool.id, secret: "a guess", method: http.MethodPost, path: "/api/v3/list-users"}
	for range limit {
		guess.ask(s, "", "{}")
	}
	assert.Equal(t, "429", guess.ask(s, "", "{}").WantStatus(http.StatusOK).Field("statusCode"))
	guess.secret = pool.secret
	assert.Equal(t, "429", guess.ask(s, "", "{}").WantStatus(http.StatusOK).Field("statusCode"), "nor may one guess right")
	ask := gql(askToken, `{"p":"`+pool.id+`","s":"`+pool.secret+`"}`)
	assert.EqualValues(t, 429, code(s.As(apptest.Anonymous).POST("/graphql/v2", ask)))
}

// authingBadInputV3 asks version 3 for what cannot be.
func authingBadInputV3(t *testing.T, s *apptest.Server, pool, other userPool) {
	token := pool.manage(t, s)
	id := token.POST("/api/v3/create-user", `{"username":"v3"}`).Field("data.userId")
	theirs := other.manage(t, s).POST("/graphql/v2", gql(makeUser, `{"u":{"username":"v3"}}`)).Field("data.createUser.id")
	s.As(apptest.Admin)
	user := func(id string) string { return `"targets":[{"targetType":"USER","targetIdentifier":"` + id + `"}]` }
	for _, tc := range []struct{ operation, body, status, says string }{
		{"create-user", `{}`, "400", "One of username"}, {"create-user", `{"username":7}`, "400", "username"}, {"create-user", `{"username":"x","nonsense":1}`, "400", "nonsense"},
		{"create-user", `{"username":"x","status":"Asleep"}`, "400", "status"}, {"create-user", `{"username":"x","emailVerified":"yes"}`, "400", "emailVerified"},
		{"create-user", `{"username":"x","customData":[]}`, "400", "customData"}, {"create-user", `{"username":"x","identities":{}}`, "400", "identities"},
		{"create-user", `{"username":"x","departmentIds":["d"]}`, "400", "departmentIds"}, {"create-user", `{"username":"x","tenantIds":["d"]}`, "400", "tenantIds"},
		{"create-user", `{"username":"x","password":"secret","options":{"passwordEncryptType":"sm2"}}`, "400", "sm2"},
		{"create-user", `{"username":"x","password":"secret","options":{"passwordEncryptType":"rsa"}}`, "400", "encrypted"},
		{"create-user", `{"username":"x","options":{"autoGeneratePassword":true}}`, "400", "autoGeneratePassword"},
		{"create-user", `{"username":"x","password":"short"}`, "400", "password"}, {"create-user", `{"username":"x","birthdate":7}`, "400", "birthdate"},
		{"create-users-batch", `{"list":[]}`, "400", "list"}, {"create-users-batch", `{"list":[{"username":"x"},{"username":7}]}`, "400", "username"},
		{"update-user", `{"nickname":"x"}`, "400", "userId"}, {"update-user", `{"userId":"` + theirs + `","nickname":"x"}`, "404", "does not exist"},
		{"update-user", `{"userId":"` + id + `","nickname":7}`, "400", "nickname"}, {"update-user", `{"userId":"x","options":{"userIdType":"shoe"}}`, "400", "shoe"},
		{"delete-users-batch", `{"userIds":[]}`, "400", "userIds"}, {"delete-users-batch", `{"userIds":["` + id + `","` + theirs + `"]}`, "404", theirs},
		{"kick-users", `{"appIds":[],"userId":"` + theirs + `"}`, "404", "does not exist"}, {"kick-users", `{"appIds":[]}`, "400", "userId"},
		{"list-users", `{"options":{"pagination":{"limit":51}}}`, "400", "limit"}, {"list-users", `{"options":{"pagination":{"page":"first"}}}`, "400", "page"},
		{"list-users", `{"searchQuery":{}}`, "400", "searchQuery"}, {"list-users", `{"options":{"sort":[{"field":"x","order":"ASC"}]}}`, "400", "sort"},
		{"list-users", `{"advancedFilter":[{"field":"username","operator":"CONTAINS","value":"x"}]}`, "400", "CONTAINS"},
		{"list-users", `{"advancedFilter":[{"field":"gender","operator":"EQUAL","value":"M"}]}`, "400", "gender"},
		{"is-user-exists", `{}`, "400", "email"}, {"create-group", `{}`, "400", "code"}, {"create-group", `{"code":"c","name":"n","type":"dynamic"}`, "400", "dynamic"},
		{"add-group-members", `{"code":"none","userIds":["` + id + `"]}`, "404", "none"}, {"add-group-members", `{"code":"none"}`, "400", "userIds"},
		{"assign-role", `{"code":"none",` + user(id) + `}`, "404", "none"}, {"assign-role", `{"code":"none","targets":[{"targetType":"GROUP","targetIdentifier":"g"}]}`, "400", "GROUP"},
		{"assign-role", `{"code":"none","endTime":1,` + user(id) + `}`, "400", "endTime"}, {"assign-role", `{"code":"none",` + user(theirs) + `}`, "404", theirs},
		{"revoke-role", `{"code":"none","targets":[]}`, "400", "userIds"}, {"delete-roles-batch", `{"codeList":["none"]}`, "404", "none"},
		{"delete-groups-batch", `{"codeList":["none"]}`, "404", "none"}, {"create-role", `{"code":""}`, "400", "name"}, {"create-user", `[]`, "400", ""}, {"create-user", `{`, "400", "parsed"},
	} {
		got := token.POST("/api/v3/"+tc.operation, tc.body).WantStatus(http.StatusOK)
		assert.Equal(t, tc.status, got.Field("statusCode"), "%s %s: %s", tc.operation, tc.body, got.Body)
		assert.Contains(t, got.Field("message"), tc.says, "%s %s: %s", tc.operation, tc.body, got.Body)
	}
	for query, status := range map[string]string{
		"get-user?userId=" + theirs: "404", "get-user": "400", "get-user-batch": "400", "get-user-groups?userId=" + theirs: "404",
		"get-user-roles?userId=" + theirs: "404", "list-users?limit=51": "400", "list-users?status=Asleep": "400", "list-users?departmentIds[]=x": "400",
	} {
		assert.Equal(t, status, token.GET("/api/v3/"+query).WantStatus(http.StatusOK).Field("statusCode"), query)
	}
	s.WantUnchanged("User", "ProjectMembership", "Patient", "AccessPolicy")
}
