package apptest_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// gql is a request of GraphQL with its variables as they are.
func gql(query, variables string) string {
	body, _ := json.Marshal(map[string]any{"query": query, "variables": json.RawMessage(variables)}) // both are JSON
	return string(body)
}

const (
	askToken    = "query($p:String!,$s:String!){accessToken(userPoolId:$p,secret:$s){accessToken exp iat}}"
	askUser     = "query($id:String){user(id:$id){id username email}}"
	askUsers    = "query($page:Int,$limit:Int){users(page:$page,limit:$limit){totalCount list{id username}}}"
	makeUser    = "mutation($u:CreateUserInput!){createUser(userInfo:$u){id username email}}"
	changeUser  = "mutation($id:String,$u:UpdateUserInput!){updateUser(id:$id,input:$u){id status emailVerified}}"
	removeUser  = "mutation($id:String!){deleteUser(id:$id){code}}"
	removeUsers = "mutation($ids:[String!]!){deleteUsers(ids:$ids){code}}"
	giveRole    = "mutation($r:[String],$u:[String!],$n:String){assignRole(roleCodes:$r,userIds:$u,namespace:$n){code}}"
	joinGroup   = "mutation($c:String,$u:[String!]!){addUserToGroup(code:$c,userIds:$u){code}}"
	freshToken  = "mutation($id:String){refreshToken(id:$id){token}}"
	makePolicy  = "mutation($c:String!,$n:String,$d:String,$s:[PolicyStatementInput!]!){createPolicy(code:$c,namespace:$n,description:$d,statements:$s){namespace code statements{resource effect}}}"
	givePolicy  = "mutation($p:[String!]!,$t:PolicyAssignmentTargetType!,$u:[String!],$i:Boolean){addPolicyAssignments(policies:$p,targetType:$t,targetIdentifiers:$u,inheritByChildren:$i){code}}"
	dropPolicy  = "mutation($c:String!){deletePolicy(code:$c){code}}"
	askPolicies = "query($c:String,$t:PolicyAssignmentTargetType,$u:String,$page:Int){policyAssignments(code:$c,targetType:$t,targetIdentifier:$u,page:$page){totalCount list{code targetIdentifier}}}"
	findUser    = "query($e:String,$p:String,$n:String){findUser(email:$e,phone:$p,username:$n){id}}"
)

// code is what GraphQL answered: Authing's code of the error, 0 for none.
func code(a *apptest.Answer) int64 { return gjson.GetBytes(a.Body, "errors.0.message.code").Int() }

// manage is the pool's client with its access token.
func (p userPool) manage(t *testing.T, s *apptest.Server) *apptest.Client {
	t.Helper()
	got := s.As(apptest.Anonymous).POST("/graphql/v2", gql(askToken, fmt.Sprintf(`{"p":%q,"s":%q}`, p.id, p.secret))).WantStatus(http.StatusOK)
	token := got.Field("data.accessToken.accessToken")
	require.NotEmpty(t, token, "%s", got.Body)
	require.Greater(t, gjson.GetBytes(got.Body, "data.accessToken.exp").Int()-gjson.GetBytes(got.Body, "data.accessToken.iat").Int(), int64(3600), "its clients ask anew otherwise")
	return s.As(apptest.Anonymous).With("Authorization", "Bearer "+token).With("X-Authing-Userpool-Id", p.id)
}

// authingCallers asks as everybody else.
func authingCallers(t *testing.T, s *apptest.Server, pool, other userPool) {
	made := pool.manage(t, s).POST("/graphql/v2", gql(makeUser, `{"u":{"username":"token holder"}}`))
	user := made.Field("data.createUser.id")
	promoted := pool.POST(usersOf(pool.Client), `{"profileType":"Practitioner","login":"boss","admin":true}`).WantStatus(http.StatusCreated).Field("id")
	inPool := func(c *apptest.Client) *apptest.Client { return c.With("X-Authing-Userpool-Id", pool.id) }
	bearer := func(id string) *apptest.Client {
		token := pool.manage(t, s).POST("/graphql/v2", gql(freshToken, `{"id":"`+id+`"}`)).Field("data.refreshToken.token")
		require.NotEmpty(t, token)
		return inPool(s.As(apptest.Anonymous).With("Authorization", "Bearer "+token))
	}
	askers := map[string]*apptest.Client{
		"nobody": inPool(s.As(apptest.Anonymous)), "a wrong token": inPool(s.As(apptest.Anonymous).With("Authorization", "Bearer x")),
		"the token of a user": bearer(user), "the token of a user who administers": bearer(promoted), "a client of another pool": inPool(other.manage(t, s)),
	}
	for _, role := range []apptest.Role{apptest.Patient, apptest.Practitioner, apptest.Program, apptest.Bot, apptest.Admin, apptest.SuperAdmin} {
		askers[string(role)] = inPool(s.As(role))
	}
	s.As(apptest.Admin)
	for name, asker := range askers {
		for _, body := range []string{
			gql(askUsers, `{}`), gql(makeUser, `{"u":{"username":"mallory"}}`), gql(removeUser, `{"id":"`+user+`"}`), gql(freshToken, `{"id":"`+promoted+`"}`),
			gql(giveRole, `{"r":["x"],"u":["`+user+`"]}`), gql(changeUser, `{"id":"`+user+`","u":{"password":"x"}}`),
		} {
			got := asker.POST("/graphql/v2", body).WantStatus(http.StatusOK)
			assert.Contains(t, []int64{1001, 2020}, code(got), "%s: %s: %s", name, body, got.Body)
			assert.Equal(t, "null", gjson.GetBytes(got.Body, "data").Raw)
		}
		for _, ask := range []func() *apptest.Answer{
			func() *apptest.Answer { return asker.GET("/api/v2/users/" + user) },
			func() *apptest.Answer { return asker.POST("/api/v2/users/batch", `{"ids":["`+user+`"]}`) },
			func() *apptest.Answer { return asker.POST("/api/v2/users/kick", `{"userIds":["`+user+`"]}`) },
			func() *apptest.Answer { return asker.POST("/api/v3/create-user", `{"username":"mallory"}`) },
			func() *apptest.Answer { return asker.GET("/api/v3/get-user?userId=" + user) },
		} {
			got := ask().WantStatus(http.StatusOK)
			assert.Contains(t, []string{"1001", "2020"}, got.Field("code")+got.Field("apiCode"), "%s: %s", name, got.Body)
		}
	}
	s.WantUnchanged("User", "ProjectMembership", "Patient", "AccessPolicy")

	blocked := pool.POST("/admin/projects/"+pool.id+"/client", `{"name":"No administrator"}`).WantStatus(http.StatusCreated)
	got := s.As(apptest.Anonymous).POST("/graphql/v2", gql(askToken, fmt.Sprintf(`{"p":%q,"s":%q}`, pool.id, blocked.Field("secret"))))
	assert.EqualValues(t, 1001, code(got), "%s", got.Body)
	for _, secret := range []string{other.secret, "", pool.secret + "x"} {
		got := s.As(apptest.Anonymous).POST("/graphql/v2", gql(askToken, fmt.Sprintf(`{"p":%q,"s":%q}`, pool.id, secret)))
		assert.EqualValues(t, 2206, code(got), "%s", got.Body)
	}
	manager := pool.manage(t, s)
	body := manager.GET("/api/v2/users/" + user).WantStatus(http.StatusOK)
	assert.Equal(t, "token holder", body.Field("data.username"))
	manager.POST("/auth/revoke", "{}")
	manager.POST("/oauth2/logout", "")
	assert.EqualValues(t, 2020, code(manager.POST("/graphql/v2", gql(askUsers, `{}`))), "its session has ended")
}

// authingPools asks one pool for what is in another.
func authingPools(t *testing.T, s *apptest.Server, pool, other userPool) {
	here, there := pool.manage(t, s), other.manage(t, s)
	theirs := there.POST("/graphql/v2", gql(makeUser, `{"u":{"username":"theirs","email":"theirs@example.com","phone":"13911112222"}}`)).Field("data.createUser.id")
	mine := here.POST("/graphql/v2", gql(makeUser, `{"u":{"username":"theirs","email":"theirs@example.com","phone":"13911112222"}}`)).Field("data.createUser.id")
	require.NotEmpty(t, theirs)
	require.NotEmpty(t, mine, "names are taken within a pool")
	there.POST("/graphql/v2", gql(`mutation{createRole(code:"theirs"){id}}`, `{}`))
	there.POST("/graphql/v2", gql(`mutation{createGroup(code:"theirs",name:"T"){code}}`, `{}`))
	there.POST("/graphql/v2", gql(makePolicy, `{"c":"theirs","s":[{"resource":"r","actions":["a"]}]}`))
	s.As(apptest.Admin)
	for _, tc := range []struct {
		query, variables string
		code             int64
	}{
		{askUser, `{"id":"` + theirs + `"}`, 2004}, {changeUser, `{"id":"` + theirs + `","u":{"nickname":"x"}}`, 2004}, {removeUser, `{"id":"` + theirs + `"}`, 2004},
		{removeUsers, `{"ids":["` + mine + `","` + theirs + `"]}`, 2004}, {freshToken, `{"id":"` + theirs + `"}`, 2004},
		{givePolicy, `{"p":["theirs"],"t":"USER","u":["` + mine + `"]}`, 404}, {dropPolicy, `{"c":"theirs"}`, 404}, {askPolicies, `{"c":"theirs"}`, 404}, {askPolicies, `{"u":"` + theirs + `"}`, 2004},
		{giveRole, `{"r":["theirs"],"u":["` + mine + `"]}`, 404}, {joinGroup, `{"c":"theirs","u":["` + mine + `"]}`, 2080},
	} {
		got := here.POST("/graphql/v2", gql(tc.query, tc.variables)).WantStatus(http.StatusOK)
		assert.Equal(t, tc.code, code(got), "%s %s: %s", tc.query, tc.variables, got.Body)
	}
	assert.JSONEq(t, `{"code":200,"message":"ok","data":null}`, string(here.GET("/api/v2/users/"+theirs).WantStatus(http.StatusOK).Body))
	assert.Equal(t, "[]", here.POST("/api/v2/users/batch", `{"ids":["`+theirs+`"]}`).Field("data"))
	assert.Equal(t, "2004", here.POST("/api/v2/users/kick", `{"userIds":["`+theirs+`"]}`).Field("code"))
	assert.Equal(t, mine, here.POST("/graphql/v2", gql(findUser, `{"e":"theirs@example.com"}`)).Field("data.findUser.id"))
	list := here.POST("/graphql/v2", gql(askUsers, `{"limit":200}`)).WantStatus(http.StatusOK)
	assert.NotContains(t, string(list.Body), theirs)
	s.WantUnchanged("User", "ProjectMembership", "Patient")
}

// authingBadInput asks for what cannot be.
func authingBadInput(t *testing.T, manager *apptest.Client) {
	made := manager.POST("/graphql/v2", gql(makeUser, `{"u":{"username":"fine"}}`)).Field("data.createUser.id")
	long := strings.Repeat("x", 5000)
	for _, tc := range []struct{ query, variables, says string }{
		{makeUser, `{"u":{}}`, "One of username, email, phone"},
		{makeUser, `{"u":{"username":7}}`, "String"},
		{makeUser, `{"u":{"username":"b","loginsCount":"many"}}`, "Int"},
		{makeUser, `{"u":{"username":"b","signedUpd":"2020-10-15T17:55:37+08:00"}}`, "signedUpd"},
		{makeUser, `{"u":{"username":"b","signedUp":"1600000000000"}}`, "signedUp"},
		{makeUser, `{"u":{"username":"b","lastLogin":"yesterday"}}`, "lastLogin"},
		{makeUser, `{"u":{"username":"b","isDeleted":true}}`, "isDeleted"},
		{makeUser, `{"u":{"username":"b","email":"no address"}}`, "email"},
		{makeUser, `{"u":{"username":"b","phone":"12"}}`, "phone"},
		{makeUser, `{"u":{"username":"` + long[:300] + `"}}`, "username"},
		{makeUser, `{"u":{"username":"b","nickname":"` + long[:300] + `"}}`, "nickname"},
		{makeUser, `{"u":{"username":"b","address":"` + long + `"}}`, "address"},
		{makeUser, `{"u":{"username":"b\u0000"}}`, "username"},
		{makeUser, `{"u":{"username":"an@other.example"}}`, "username"},
		{makeUser, `{"u":{"username":"b","password":"plain text"}}`, "encrypted"},
		{makeUser, `{}`, "must be defined"},
		{changeUser, `{"id":"` + made + `","u":{"isDeleted":true}}`, "isDeleted"},
		{changeUser, `{"id":"` + made + `","u":{"tokenExpiredAt":"soon"}}`, "tokenExpiredAt"},
		{changeUser, `{"id":"` + made + `","u":{"username":""}}`, "One of"},
		{changeUser, `{"id":"not an id","u":{"nickname":"x"}}`, "does not exist"},
		{removeUsers, `{"ids":[]}`, "ids"},
		{giveRole, `{"r":[],"u":["` + made + `"]}`, "roleCodes"},
		{giveRole, `{"r":["none"],"u":["` + made + `"]}`, "none"},
		{joinGroup, `{"u":["` + made + `"]}`, "Group"},
		{findUser, `{}`, "email"},
		{askUsers, `{"page":0}`, "page"}, {askUsers, `{"limit":100000}`, "limit"}, {askUsers, `{"page":2000000000}`, "page"},
		{`{searchUser(query:"x",fields:["birthdate"]){totalCount}}`, `{}`, "birthdate"},
		{`{searchUser(query:"x",departmentOpts:[{departmentId:"d"}]){totalCount}}`, `{}`, "departmentOpts"},
		{`{findUser(identity:{provider:"p",userIdInIdp:"i"}){id}}`, `{}`, "identity"},
		{`{users(sortBy:UPDATEDAT_DESC){totalCount}}`, `{}`, "sortBy"},
		{`mutation{setUdv(targetType:ORG,targetId:"x",key:"k",value:"v"){key}}`, `{}`, "ORG"},
		{`{users{totalCount} again:users{totalCount}}`, `{}`, "one field"},
		{`{nonsense}`, `{}`, "nonsense"}, {`{users{list{secret}}}`, `{}`, "secret"}, {`{`, `{}`, "query"}, {``, `{}`, "query"},
		{makePolicy, `{"c":"","s":[{"resource":"r","actions":["a"]}]}`, "code"}, {makePolicy, `{"c":"p","s":[]}`, "statements"}, {makePolicy, `{"c":"p","n":"a:b","s":[{"resource":"r","actions":["a"]}]}`, "namespace"},
		{makePolicy, `{"c":"p","s":[{"resource":"r","actions":["` + strings.Repeat("x", 70_000) + `"]}]}`, "statements"}, {makePolicy, `{"c":"p","d":"a\u0000b","s":[{"resource":"r","actions":["a"]}]}`, "description"},
		{makePolicy, `{"c":"` + long[:300] + `","s":[{"resource":"r","actions":["a"]}]}`, "255"},
		{makePolicy, `{"c":"p","s":[{"resource":"r","actions":["a"],"effect":"PERHAPS"}]}`, "PERHAPS"}, {givePolicy, `{"p":[],"t":"USER","u":["` + made + `"]}`, "policies"}, {givePolicy, `{"p":["x"],"t":"USER"}`, "targetIdentifiers"},
		{givePolicy, `{"p":["x"],"t":"GROUP","u":["x"]}`, "GROUP"}, {givePolicy, `{"p":["x"],"t":"USER","u":["` + made + `"],"i":true}`, "inheritByChildren"}, {askPolicies, `{}`, "code"}, {askPolicies, `{"t":"ROLE","u":"x"}`, "ROLE"},
		{`mutation{createRole(code:"x",namespace:"Authing policy default"){code}}`, `{}`, "namespace"}, {`mutation{createRole(code:"x",description:"` + long + `"){code}}`, `{}`, "description"},
		{`mutation{createGroup(code:"x",name:"x",description:"` + long + `"){code}}`, `{}`, "description"}, {`mutation{setUdf(targetType:ORG,key:"k",dataType:STRING,label:"l"){key}}`, `{}`, "ORG"},
		{`{__schema{types{name}}}`, `{}`, "__schema"},
		{`subscription{users{totalCount}}`, `{}`, "subscription"},
		{`{users{list{` + strings.Repeat("id ", 2500) + `}}}`, `{}`, "query"},
		{`{users{list{` + manyAliases(400) + `}}}`, `{}`, "fields"},
		{`{user(id:"x"){roles{list{` + strings.Repeat("parent{", 12) + "code" + strings.Repeat("}", 12) + `}}}}`, `{}`, "fields"},
		{`{users{...a}} fragment a on PaginatedUsers{...b} fragment b on PaginatedUsers{...a}`, `{}`, "itself"},
	} {
		got := manager.POST("/graphql/v2", gql(tc.query, tc.variables)).WantStatus(http.StatusOK)
		assert.NotZero(t, code(got), "%.100s %.100s: %s", tc.query, tc.variables, got.Body)
		assert.Contains(t, got.Field("errors.0.message.message"), tc.says, "%.100s %.100s", tc.query, tc.variables)
	}
	for body, want := range map[string]string{"{": "400", `{"query":7}`: "400", `[]`: "400"} {
		assert.Equal(t, want, manager.POST("/graphql/v2", body).WantStatus(http.StatusOK).Field("errors.0.message.code"))
	}
	for body, says := range map[string]string{`{"ids":[]}`: "ids", `{"ids":["a"],"type":"shoe size"}`: "shoe size", `{"ids":7}`: "ids", `{`: "parsed"} {
		got := manager.POST("/api/v2/users/batch", body).WantStatus(http.StatusOK)
		assert.Equal(t, "400", got.Field("code"))
		assert.Contains(t, got.Field("message"), says)
	}
	assert.Equal(t, "413", manager.POST("/graphql/v2", gql(makeUser, `{"u":{"username":"`+strings.Repeat("x", 1<<20)+`"}}`)).Field("errors.0.message.code"))
}

func manyAliases(n int) string {
	var aliases strings.Builder
	for i := range n {
		fmt.Fprintf(&aliases, "a%d:id ", i)
	}
	return aliases.String()
}

// authingPasswords signs in with what a client has encrypted.
func authingPasswords(t *testing.T, s *apptest.Server, pool, other userPool) {
	manager := pool.manage(t, s)
	ours := encrypt(t, manager.GET("/api/v2/.well-known").WantStatus(http.StatusOK).Field("data.publicKey"), apptest.Password)
	theirs := encrypt(t, other.manage(t, s).GET("/api/v2/.well-known").Field("data.publicKey"), apptest.Password)
	made := manager.POST("/graphql/v2", gql(makeUser, `{"u":{"username":"secretive","password":"`+ours+`"}}`))
	require.NotEmpty(t, made.Field("data.createUser.id"), "%s", made.Body)
	signInByName(s, pool.id, "secretive", apptest.Password).WantStatus(http.StatusOK)
	again := manager.GET("/api/v2/.well-known").Field("data.publicKey")
	assert.Equal(t, again, s.As(apptest.Anonymous).With("X-Authing-Userpool-Id", pool.id).GET("/api/v2/.well-known").Field("data.publicKey"), "it is known to everybody")
	bad := map[string]string{"of another pool": theirs, "cut": ours[:100], "no base64": "%%%", "of nothing": base64.StdEncoding.EncodeToString(make([]byte, 256))}
	for name, password := range bad {
		got := manager.POST("/graphql/v2", gql(makeUser, `{"u":{"username":"x","password":"`+password+`"}}`))
		assert.EqualValues(t, 2016, code(got), "%s: %s", name, got.Body)
		assert.Equal(t, "The password is not encrypted with the public key of the user pool", got.Field("errors.0.message.message"), name)
	}
	weak := encrypt(t, again, "short")
	got := manager.POST("/graphql/v2", gql(makeUser, `{"u":{"username":"x","password":"`+weak+`"}}`))
	assert.Equal(t, "password", got.Field("errors.0.message.data.field"), "%s", got.Body)
	id := made.Field("data.createUser.id")
	manager.POST("/graphql/v2", gql(changeUser, `{"id":"`+id+`","u":{"blocked":true}}`)).WantStatus(http.StatusOK)
	signInByName(s, pool.id, "secretive", apptest.Password).WantStatus(http.StatusBadRequest)
	assert.NotContains(t, s.Log(), apptest.Password)
}

// authingPolicies: what a policy says is kept, and gives nobody anything.
func authingPolicies(t *testing.T, manager *apptest.Client, pool userPool) {
	ask := func(query, variables string) *apptest.Answer {
		return manager.POST("/graphql/v2", gql(query, variables))
	}
	user := ask(makeUser, `{"u":{"username":"under policy"}}`).Field("data.createUser.id")
	before := pool.GET(usersOf(pool.Client) + "/" + user).Field("roles")
	everything := `[{"resource":"*","actions":["*"],"effect":"ALLOW"},{"resource":"Patient","actions":["read"],"effect":"DENY"}]`
	for _, code := range []string{"all:of it", "other"} {
		made := ask(makePolicy, `{"c":"`+code+`","n":"ward","s":`+everything+`}`)
		require.Equal(t, code, made.Field("data.createPolicy.code"), "%s", made.Body)
		assert.Equal(t, `["ALLOW","DENY"]`, made.Field("data.createPolicy.statements.#.effect"))
	}
	assert.EqualValues(t, 2026, code(ask(makePolicy, `{"c":"other","n":"ward","s":`+everything+`}`)))
	assert.Zero(t, code(ask(makePolicy, `{"c":"other","s":`+everything+`}`)), "another namespace")
	const give = `mutation($u:[String!]){addPolicyAssignments(policies:["all:of it","other"],namespace:"ward",targetType:USER,targetIdentifiers:$u){code}}`
	require.Zero(t, code(ask(give, `{"u":["`+user+`"]}`)))
	assert.Equal(t, `["all:of it","other"]`, ask(askPolicies, `{"u":"`+user+`"}`).Field("data.policyAssignments.list.#.code"))
	assert.Equal(t, "[]", ask(askPolicies, `{"u":"`+user+`","page":2}`).Field("data.policyAssignments.list"))
	assert.Equal(t, "0", ask(`query($id:String){user(id:$id){roles{totalCount}}}`, `{"id":"`+user+`"}`).Field("data.user.roles.totalCount"))
	for _, role := range []string{"roles.1.id", "roles.2.id"} {
		id := pool.GET(usersOf(pool.Client) + "/" + user).WantStatus(http.StatusOK).Field(role)
		policy := pool.GET("/fhir/R4/AccessPolicy/" + id).WantStatus(http.StatusOK)
		assert.Empty(t, policy.Field("resource"), "it allows nothing")
		assert.Contains(t, policy.Field("extension.0.valueString"), `"DENY"`)
	}
	for _, code := range []string{"all:of it", "other"} {
		require.Equal(t, "200", ask(`mutation($c:String!){deletePolicy(code:$c,namespace:"ward"){code}}`, `{"c":"`+code+`"}`).Field("data.deletePolicy.code"))
	}
	assert.Equal(t, before, pool.GET(usersOf(pool.Client)+"/"+user).WantStatus(http.StatusOK).Field("roles"), "who had it has it no longer, and nothing else less")
}

func encrypt(t *testing.T, key, text string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(key))
	require.NotNil(t, block)
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	require.NoError(t, err)
	sealed, err := rsa.EncryptPKCS1v15(rand.Reader, public.(*rsa.PublicKey), []byte(text)) //nolint:staticcheck // as the clients do
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(sealed)
}

// authingOff turns the dialect off: its routes answer as those that are not there.
func authingOff(t *testing.T, s *apptest.Server, pool userPool) {
	manager := pool.manage(t, s)
	speak(pool.Client, "authing", false)
	missing := s.As(apptest.Anonymous).GET("/nothing/here")
	nobody := s.As(apptest.Anonymous)
	for name, got := range map[string]*apptest.Answer{
		"with a token": manager.POST("/graphql/v2", gql(askUsers, `{}`)), "without": nobody.POST("/graphql/v2", gql(askUsers, `{}`)),
		"for a token": nobody.POST("/graphql/v2", gql(askToken, fmt.Sprintf(`{"p":%q,"s":%q}`, pool.id, pool.secret))),
		"no project":  nobody.POST("/graphql/v2", gql(askToken, `{"p":"none","s":"x"}`)),
		"REST":        manager.GET("/api/v2/users/x"), "batch": manager.POST("/api/v2/users/batch", `{"ids":["x"]}`), "kick": manager.POST("/api/v2/users/kick", `{}`),
		"version 3": manager.POST("/api/v3/list-users", "{"), "version 3's users": nobody.GET("/api/v3/get-user?userId=x"),
		"version 3, signed": signing{pool: pool.id, secret: pool.secret, method: http.MethodPost, path: "/api/v3/list-users"}.ask(s, "", "{}"),
		"version 3's token": nobody.POST("/api/v3/get-management-token", `{"accessKeyId":"`+pool.id+`","accessKeySecret":"`+pool.secret+`"}`),
		"key":               nobody.With("X-Authing-Userpool-Id", pool.id).GET("/api/v2/.well-known"), "no pool": nobody.GET("/api/v2/.well-known"),
		"the system": nobody.With("X-Authing-Userpool-Id", "system").GET("/api/v2/.well-known"),
	} {
		got.WantStatus(http.StatusNotFound).WantIssue("not-found")
		assert.Equal(t, missing.Header.Get("Content-Type"), got.Header.Get("Content-Type"), name)
	}
	speak(pool.Client, "authing", true)
	assert.Zero(t, code(manager.POST("/graphql/v2", gql(askUsers, `{}`))))
}
