package apptest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// dialectRecording is what one client of another system sent, and the answers that it took.
type dialectRecording struct {
	Client     string
	Operations []struct {
		Operation string
		Exchanges []dialectExchange
	}
}

type dialectExchange struct {
	Method, URL string
	Headers     map[string]string
	Body        *json.RawMessage
	Response    struct {
		Status      int
		ContentType string
		Body        any
	}
}

// dialectReplay plays recordings in one project.
type dialectReplay struct {
	t       *testing.T
	dialect string
	nobody  *apptest.Client
	ours    map[string]string   // for what is recorded
	token   string              // the last that was given
	key     string              // of passwords, of Authing
	fields  map[string][]string // of GraphQL, by the head of the operation
	chosen  []string            // the names that the document asks for; nil: every one
	schema  *ast.Schema
	used    map[difference]bool
	where   string
}

// TestRecordedClientsOfOtherSystems plays what the clients of iCure and Authing sent, those too that no
// registry has any more, and compares each answer with the one that the client took: its status, its keys
// and their types, and the codes. What is different is in a table, with the reason.
func TestRecordedClientsOfOtherSystems(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		used := map[difference]bool{}
		for _, file := range []struct {
			name string
			as   apptest.Role
		}{
			{"icure/icure-api-6.4.4.json", apptest.Admin}, {"icure/icure-api-4.0.82.json", apptest.Admin}, {"icure/cardinal-sdk-1.0.0-RC.7.json", apptest.Admin},
			{"icure/medtech-sdk-2.2.4.json", apptest.OtherAdmin}, {"authing/authing-js-sdk-4.23.55.json", apptest.Admin}, {"authing/authing-node-sdk-4.0.1.json", apptest.Admin},
			{"authing/authing-py-sdk-4.x.json", apptest.OtherAdmin}, {"authing/authing-py-sdk-5.x.json", apptest.OtherAdmin},
		} {
			t.Run(file.name, func(t *testing.T) {
				r := &dialectReplay{t: t, nobody: s.As(apptest.Anonymous), fields: map[string][]string{}, used: used}
				r.dialect, _, _ = strings.Cut(file.name, "/")
				if owner := s.As(file.as); r.dialect == "icure" {
					speakICure(owner)
					r.ours = map[string]string{"group-1": owner.Project, "admin@example.com": owner.Email, "admin-pass": owner.Password, "hcp-1": strings.TrimPrefix(owner.Profile, "Practitioner/"), "/rest/v1/": "/rest/v2/"}
				} else {
					pool := poolOf(owner)
					r.ours = map[string]string{"pool-1": pool.id, "pool-secret": pool.secret}
					r.schema = authingSchema(t)
					r.token = r.nobody.POST("/api/v3/get-management-token", `{"accessKeyId":"`+pool.id+`","accessKeySecret":"`+pool.secret+`"}`).Field("data.access_token")
					manager := pool.manage(t, s)
					if strings.Contains(file.name, "py-sdk-4") { // its recording begins with a policy
						manager.POST("/graphql/v2", gql(`mutation{createPolicy(code:"p1",statements:[{resource:"r",actions:["a"]}]){code}}`, `{}`))
					}
					r.key = manager.GET("/api/v2/.well-known").Field("data.publicKey")
				}
				r.play(file.name)
			})
		}
		for _, d := range dialectDifferences {
			assert.True(t, used[d], "no such difference any more: %s %s (%s)", d.file, d.path, d.reason)
		}
	})
}

func authingSchema(t *testing.T) *ast.Schema {
	text, err := os.ReadFile("../../../admin/authing/schema.graphql")
	require.NoError(t, err)
	schema, err := validator.LoadSchema(validator.Prelude, &ast.Source{Input: string(text)})
	require.NoError(t, err)
	return schema
}

func (r *dialectReplay) play(name string) {
	data, err := os.ReadFile(filepath.Join("../../../testdata/recorded", filepath.FromSlash(name)))
	require.NoError(r.t, err)
	var recorded dialectRecording
	require.NoError(r.t, json.Unmarshal(data, &recorded))
	for _, operation := range recorded.Operations {
		for _, e := range operation.Exchanges {
			r.where = name + ": " + operation.Operation
			r.exchange(e)
		}
	}
}

func (r *dialectReplay) exchange(e dialectExchange) {
	c := r.nobody
	for name, value := range e.Headers {
		c = c.With(name, r.header(name, value))
	}
	body := ""
	if e.Body != nil {
		body = r.body(*e.Body, e.Response.Body)
	}
	got := c.Do(e.Method, r.text(e.URL), body)
	if e.Response.Status != got.Status {
		r.differs("status", "%d, not %d: %.300s", got.Status, e.Response.Status, got.Body)
		return
	}
	if e.Response.Body != nil && !strings.HasPrefix(got.Header.Get("Content-Type"), strings.Split(e.Response.ContentType, ";")[0]) {
		r.differs("type", "%s, not %s", got.Header.Get("Content-Type"), e.Response.ContentType)
	}
	if _, isText := e.Response.Body.(string); isText {
		r.compare("", e.Response.Body, string(got.Body))
		return
	}
	r.compare("", e.Response.Body, decode(got.Body))
}

// header is a header as ours must be; the tokens of a signature are those of a client that signs in.
func (r *dialectReplay) header(name, value string) string {
	basic, isBasic := strings.CutPrefix(value, "Basic ")
	switch {
	case isBasic:
		plain, err := base64.StdEncoding.DecodeString(basic)
		require.NoError(r.t, err)
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(r.text(string(plain))))
	case name == "authorization" && r.ours[strings.TrimPrefix(value, "Bearer ")] == "" && !strings.Contains(r.where, "wrong secret"):
		return "Bearer " + r.token
	}
	return r.text(value)
}

// text has ours where the recording has its own.
func (r *dialectReplay) text(recorded string) string {
	known := slices.SortedFunc(maps.Keys(r.ours), func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, was := range known {
		pairs = append(pairs, was, r.ours[was])
	}
	return strings.NewReplacer(pairs...).Replace(recorded)
}

var encrypted = regexp.MustCompile(`"password": ?"[A-Za-z0-9+/=]{100,}"`)

func (r *dialectReplay) body(recorded json.RawMessage, answer any) string {
	body := encrypted.ReplaceAllStringFunc(r.text(string(recorded)), func(string) string {
		return `"password":"` + encrypt(r.t, r.key, apptest.Password) + `"`
	})
	var in struct {
		Query *struct {
			Operation string
			Fields    []string
		}
		Variables json.RawMessage
	}
	r.chosen = nil
	if json.Unmarshal([]byte(body), &in) != nil || in.Query == nil {
		return body
	}
	return gql(r.document(in.Query.Operation, in.Query.Fields, answer), string(in.Variables))
}

var variable = regexp.MustCompile(`\$(\w+):`)

// document is a query of which its head and the names of the fields were kept.
func (r *dialectReplay) document(head string, fields []string, answer any) string {
	if head == "IntrospectionQuery" {
		return "query IntrospectionQuery { __schema { queryType { name } } }"
	}
	if fields == nil { // those of the answer, else of another to the same query
		body, _ := answer.(map[string]any)
		if fields = names(body["data"]); len(fields) < len(r.fields[head]) {
			fields = r.fields[head]
		}
		r.fields[head] = fields
	}
	kind := map[bool]string{true: "Mutation", false: "Query"}[strings.HasPrefix(head, "mutation")]
	root := r.schema.Types[kind].Fields.ForName(fields[0])
	require.NotNil(r.t, root, "%s: %s", r.where, fields[0])
	var variables []string
	for _, name := range variable.FindAllStringSubmatch(head, -1) {
		variables = append(variables, name[1])
	}
	selection := r.selection(root.Type.Name(), fields, variables, 0)
	r.chosen = append(strings.Fields(selection), "data", root.Name, "errors", "code", "message", "path", "locations")
	return head + " { " + fieldCall(root, variables) + selection + " }"
}

// fieldCall is a field with those of its arguments of which there are variables.
func fieldCall(field *ast.FieldDefinition, variables []string) string {
	var arguments []string
	for _, name := range variables {
		if field.Arguments.ForName(name) != nil {
			arguments = append(arguments, name+": $"+name)
		}
	}
	if arguments == nil {
		return field.Name
	}
	return field.Name + "(" + strings.Join(arguments, ", ") + ")"
}

// names are all names in a value, each once.
func names(value any) (all []string) {
	add := func(name string) {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	switch value := value.(type) {
	case []any:
		for _, one := range value {
			for _, name := range names(one) {
				add(name)
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			add(name)
			for _, inner := range names(value[name]) {
				add(inner)
			}
		}
	}
	return all
}

// selection asks a type for those of the names that it has.
func (r *dialectReplay) selection(kind string, asked, variables []string, depth int) string {
	var parts []string
	if depth < 4 {
		for _, field := range r.schema.Types[kind].Fields {
			below := r.selection(field.Type.Name(), asked, variables, depth+1)
			if slices.Contains(asked, field.Name) && (below != "" || r.schema.Types[field.Type.Name()].IsLeafType()) {
				parts = append(parts, fieldCall(field, variables)+below)
			}
		}
	}
	if parts == nil {
		return ""
	}
	return " { " + strings.Join(parts, " ") + " }"
}

// compare compares what clients read of an answer, and keeps what later requests hold of it.
func (r *dialectReplay) compare(path string, recorded, ours any) {
	switch was := recorded.(type) {
	case nil:
	case map[string]any:
		is, ok := ours.(map[string]any)
		if !ok {
			r.differs(path, "%v is no object", ours)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(was)) {
			if ours, has := is[name]; has {
				r.compare(path+"."+name, was[name], ours)
			} else if was[name] != nil && r.asked(name) {
				r.differs(path+"."+name, "it is missing")
			}
		}
		for name := range is { // of which Authing's clients read nothing, and Cardinal fails
			if _, known := was[name]; !known && r.dialect == "icure" {
				r.differs("+"+path+"."+name, "it is new: %v", is[name])
			}
		}
	case []any:
		is, ok := ours.([]any)
		if !ok || len(was) > 0 && len(is) == 0 {
			r.differs(path, "%v, not %v", ours, was)
			return
		}
		for i := range min(len(was), len(is)) {
			if same, known := r.counterpart(was[i], is, is[i]); known {
				r.compare(path, was[i], same)
			}
		}
	case string:
		is, ok := ours.(string)
		if !ok {
			r.differs(path, "%v is no text", ours)
		} else if len(was) > 5 {
			r.learn(path, was, is)
		}
	default:
		if fmt.Sprintf("%T", plainNumber(ours)) != fmt.Sprintf("%T", was) {
			r.differs(path, "%v, not as %v", ours, was)
		} else if strings.HasSuffix(strings.ToLower(path), "code") && plainNumber(ours) != was {
			r.differs(path, "%v, not %v", ours, was)
		}
	}
}

// asked says whether a client that asks for some names asked for this one: the recorded server told more.
func (r *dialectReplay) asked(name string) bool {
	return r.chosen == nil || slices.Contains(r.chosen, name)
}

// counterpart is the one of ours in whatever order, or the one beside it when it is not known yet.
func (r *dialectReplay) counterpart(recorded any, all []any, beside any) (any, bool) {
	was, _ := recorded.(map[string]any)
	for _, name := range []string{"id", "userId"} {
		id := r.ours[text(was[name])]
		if id == "" {
			continue
		}
		for _, one := range all {
			if one, _ := one.(map[string]any); one[name] == id {
				return one, true
			}
		}
		return nil, false
	}
	return beside, true
}

var keptNames = regexp.MustCompile(`(^|\.)(id|userId|rev|token|refreshToken|accessToken|access_token|startKeyDocId)$`)

func (r *dialectReplay) learn(path, was, is string) {
	if path == "" || keptNames.MatchString(path) {
		if _, isID := r.ours[was]; !isID || !strings.HasSuffix(strings.ToLower(path), "id") {
			r.ours[was] = is
		}
	}
	if strings.HasSuffix(strings.ToLower(strings.ReplaceAll(path, "_", "")), "token") && strings.Count(is, ".") == 2 && !strings.HasSuffix(path, "refreshToken") {
		r.token = is
	}
}

func plainNumber(v any) any {
	if number, ok := v.(json.Number); ok {
		f, _ := number.Float64()
		return f
	}
	return v
}

func (r *dialectReplay) differs(path, format string, args ...any) {
	for _, d := range dialectDifferences {
		if strings.HasPrefix(r.where, d.file) && regexp.MustCompile("^("+d.path+")$").MatchString(path) {
			r.used[d] = true
			return
		}
	}
	r.t.Errorf("%s: %s: %s", r.where, path, fmt.Sprintf(format, args...))
}

// dialectDifferences are the differences that stay.
var dialectDifferences = []difference{
	{"icure/", "", `.*\.passwordHash`, "nothing of a password is told; absent is as good as *"},
	{"icure/", "", `\+.*\.systemMetadata`, "what the server itself makes of a user, which newer servers tell"},
	{"icure/", "", `\+(\.rows)?\.name`, "a user without a name is called by the login"},
	{"icure/cardinal", "", `\.nextKeyPair`, "users are listed in the order of their ids, so another is the last"},
	{"icure/cardinal", "", `\.authenticationTokens\.ck`, "a token ends with its user and does not come back"},
	{"icure/medtech-sdk-2.2.4.json: createAndInviteUser (e-mail)", "", `status`, "204, as there is nothing to say"},
	{"icure/medtech-sdk-2.2.4.json: createAndInviteUser (SMS)", "", `status`, "no text messages are sent"},
	{"authing/", "", `.*\.photo`, "nobody has a picture who was given none"},
	{"authing/", "", `.*\.registerSource`, "only what was written is told"},
	{"authing/authing-js", "", `\.data\.customData`, "it is told when it is asked for"},
	{"authing/authing-js", "", `.*\.list\.customData`, "a list, as the schema of the clients has it"},
	{"authing/", "", `.*\.(workStatus|userSourceType)`, "Admit knows of no employment and no source"},
	{"authing/authing-node", "", `.*\.description`, "none is null"},
	{"authing/authing-node", "", `\.data\.list\.username`, "the recording has a user of another one"},
}
