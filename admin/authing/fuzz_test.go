package authing

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzDocument: a document of GraphQL is refused in Authing's form, or an answer to it can be completed.
func FuzzDocument(f *testing.F) {
	for _, query := range []string{
		"query($id:String){user(id:$id){id username roles(namespace:\"n\"){totalCount list{code parent{code}}}}}", "{users(page:1,limit:2){totalCount list{id ...a}}} fragment a on User{email}",
		"mutation($u:CreateUserInput!){createUser(userInfo:$u){id}}", "{user{id @include(if:false) ... on User{id} again:id}}", "{__schema{types{name}}}", "{users{...a}} fragment a on PaginatedUsers{...a}", "{a:users{totalCount} b:users{totalCount}}",
	} {
		f.Add(query, `{"id":"x","u":{"username":"bob"}}`)
	}
	user := object{"id": "1", "username": "bob", "roles": computed(func(arguments) any { return listed(0, []object{}) })}
	f.Fuzz(func(t *testing.T, query, variables string) {
		if !json.Valid([]byte(variables)) {
			variables = "{}"
		}
		body, err := json.Marshal(map[string]any{"query": query, "variables": json.RawMessage(variables)})
		require.NoError(t, err)
		request := httptest.NewRequest(http.MethodPost, "/graphql/v2", strings.NewReader(string(body)))
		request.Header.Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
		answer := httptest.NewRecorder()
		c := echo.New().NewContext(request, answer)
		read, err := readField(c)
		if err != nil {
			require.NoError(t, writeGraphQL(c, err))
			var told struct {
				Errors []struct{ Message struct{ Code int } }
			}
			require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &told), "%s", answer.Body)
			assert.NotZero(t, told.Errors[0].Message.Code)
			return
		}
		assert.True(t, read.name == "accessToken" || resolvers()[read.name] != nil, read.name)
		for _, value := range []any{user, []object{user}, listed(1, []object{user}), nil, true} {
			assert.True(t, json.Valid(read.complete(value, read.selection)), query)
		}
	})
}
