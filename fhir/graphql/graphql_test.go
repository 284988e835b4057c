package graphql_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/fhir/graphql"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// session has one Patient, which is everywhere, and counts what is asked.
type session struct{ asked int }

func resource(resourceType, id string) store.Resource {
	content := `{"resourceType":"` + resourceType + `","id":"` + id + `","name":[{"family":"Example"}],"link":[{"other":{"reference":"Patient/1"},"type":"seealso"}],` +
		`"contained":[{"resourceType":"Organization","id":"o"},{"resourceType":"Martian"},null]}`
	return store.Resource{Ref: store.Ref{Project: store.SystemProject, Type: resourceType, ID: id}, Content: []byte(content)}
}

func (s *session) Read(_ context.Context, resourceType, id string) (store.Resource, error) {
	s.asked++
	if id != "1" {
		return store.Resource{}, outcome.New(outcome.NotFound, "")
	}
	return resource(resourceType, id), nil
}

func (s *session) ReadMany(_ context.Context, resourceType string, ids []string) (map[string]store.Resource, error) {
	s.asked++
	found := map[string]store.Resource{}
	for _, id := range ids {
		found[id] = resource(resourceType, id)
	}
	return found, nil
}

func (s *session) Search(_ context.Context, req *search.Request) ([]store.Row, error) {
	s.asked++
	return []store.Row{{Resource: resource(req.Types[0], "1")}, {Resource: resource(req.Types[0], "2")}}, nil
}

func (s *session) Count(context.Context, *search.Request) (int, error) { s.asked++; return 2, nil }

func (s *session) Language(_ context.Context, base string) (search.Language, error) {
	return search.Language{Base: base}, nil
}

func (s *session) Create(_ context.Context, resourceType string, _ []byte) (store.Resource, error) {
	return resource(resourceType, "1"), nil
}

func (s *session) Update(_ context.Context, resourceType, id string, _ []byte, _ string) (store.Resource, error) {
	return resource(resourceType, id), nil
}

func (s *session) Delete(context.Context, string, string) error { return nil }

func ask(t testing.TB, query string, whole bool, limits graphql.Limits) (graphql.Answer, int) {
	t.Helper()
	s := &session{}
	engine := graphql.New(graphql.Options{Base: "https://a.example/fhir/R4/", Limits: limits})
	answer, err := engine.Execute(context.Background(), s, graphql.Query{Query: query}, whole)
	require.NoError(t, err)
	return answer, s.asked
}

func TestWhatIsSchemaOfClients(t *testing.T) {
	answer, _ := ask(t, `{StructureDefinitionList(_filter:"name eq Observation"){resourceType name kind type url snapshot{element{
		id path min max base{path min max} contentReference type{code targetProfile} binding{strength valueSet}}}}
		SearchParameterList(base:"Observation",_count:100){base code type expression target}}`, false, graphql.Limits{})
	require.Empty(t, answer.Errors)
	element := func(path string) gjson.Result {
		return gjson.GetBytes(answer.Data, `StructureDefinitionList.#(name=="Observation").snapshot.element.#(path=="`+path+`")`)
	}
	require.Equal(t, "http://hl7.org/fhir/StructureDefinition/Observation", gjson.GetBytes(answer.Data, `StructureDefinitionList.#(name=="Observation").url`).String())
	require.Equal(t, `{"code":"BackboneElement","targetProfile":null}`, element("Observation.component").Get("type.0").Raw)
	require.Equal(t, "#Observation.referenceRange", element("Observation.component.referenceRange").Get("contentReference").String())
	require.Equal(t, "required", element("Observation.status").Get("binding.strength").String())
	require.EqualValues(t, 1, element("Observation.status").Get("min").Int())
	require.Contains(t, element("Observation.subject").Get("type.0.targetProfile").Raw, "StructureDefinition/Patient")
	require.Equal(t, "DomainResource.text", element("Observation.text").Get("base.path").String())
	require.Len(t, element("Observation.value[x]").Get("type").Array(), 11)
	require.Equal(t, "token", gjson.GetBytes(answer.Data, `SearchParameterList.#(code=="status").type`).String())
}

func TestStatementsAndSizesAreBounded(t *testing.T) {
	deep := `{PatientList{link{other{resource{...on Patient{link{other{resource{...on Patient{id}}}}}}}}}}`
	_, asked := ask(t, deep, false, graphql.Limits{})
	require.Equal(t, 2, asked, "one search, and what all references lead to is one patient, read once")
	for name, limits := range map[string]graphql.Limits{
		"searches": {Searches: 1}, "resources": {Resources: 2}, "large": {Size: 50},
	} {
		answer, _ := ask(t, deep, false, limits)
		require.Nil(t, answer.Data, name)
		require.Contains(t, answer.Errors.Error(), name)
	}
}

// TestWholeSchema: what graphiql and code generators ask for.
func TestWholeSchema(t *testing.T) {
	const question = `query IntrospectionQuery{__schema{queryType{name} mutationType{name} subscriptionType{name} types{...FullType}
		directives{name description locations args{...InputValue}}}}
		fragment FullType on __Type{kind name description fields(includeDeprecated:true){name description args{...InputValue} type{...TypeRef} isDeprecated deprecationReason}
		inputFields{...InputValue} interfaces{...TypeRef} enumValues(includeDeprecated:true){name description isDeprecated deprecationReason} possibleTypes{...TypeRef}}
		fragment InputValue on __InputValue{name description type{...TypeRef} defaultValue}
		fragment TypeRef on __Type{kind name ofType{kind name ofType{kind name ofType{kind name ofType{kind name}}}}}`
	answer, asked := ask(t, question, true, graphql.Limits{})
	require.Empty(t, answer.Errors)
	require.Zero(t, asked)
	require.True(t, json.Valid(answer.Data))
	names := map[string]bool{}
	for _, name := range gjson.GetBytes(answer.Data, "__schema.types.#.name").Array() {
		require.False(t, names[name.String()], "%s is there twice", name)
		names[name.String()] = true
	}
	for _, mentioned := range gjson.GetBytes(answer.Data, "__schema.types.#.fields.#.type.name|@flatten").Array() {
		require.True(t, mentioned.Type == gjson.Null || names[mentioned.String()], "%s is mentioned and not there", mentioned)
	}
	require.True(t, names["PatientContact"] && names["PatientConnectionEdge"] && names["Patient_Observation_reference"])
	refused, _ := ask(t, question, false, graphql.Limits{})
	require.Nil(t, refused.Data)
}

// FuzzQuery: no query panics, hangs or gives what is no JSON.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		`{Patient(id:"1"){name{family} ...F}} fragment F on Patient{link{other{resource{__typename ...on Patient{id}}}}}`,
		`query($n:Int=2,$x:Boolean){PatientList(_count:$n,name:"x",_sort:"-birthdate"){id @include(if:$x)}}`,
		`{PatientConnection{count edges{resource{ObservationList(_reference:subject){id}}}}}`,
		`{__type(name:"Patient"){fields{name type{ofType{name}}}}}`, `{Patient(id:"1"){contained{__typename ...on Organization{id}} name(fhirpath:"family = 'x'",_offset:-1,_count:-5){use}}}`,
		`mutation($r:PatientCreate!){PatientCreate(res:$r){id} PatientUpdate(id:"1",res:{a:[1,$r,{b:null}]}){id} PatientDelete(id:1){id}}`, `{a:__typename a:Patient(id:1){id}}`, `subscription{x}`, `{...F} fragment F on QueryType{...F}`, "{\"\"\"", `{PatientList(_reference:x,_filter:"name eq \"a\""){id}}`,
	} {
		f.Add(seed)
	}
	engine := graphql.New(graphql.Options{Base: "https://a.example/fhir/R4/"})
	f.Fuzz(func(t *testing.T, query string) {
		begun := time.Now()
		answer, err := engine.Execute(t.Context(), &session{}, graphql.Query{Query: query}, false)
		require.NoError(t, err)
		require.Less(t, time.Since(begun), 10*time.Second)
		if answer.Data == nil {
			require.NotEmpty(t, answer.Errors)
			return
		}
		require.True(t, json.Valid(answer.Data), "%s", answer.Data)
	})
}

// TestHostileQueriesAreCheap: what is quadratic in the query is bounded before it begins.
func TestHostileQueriesAreCheap(t *testing.T) {
	nested := "id"
	for range 9 {
		nested = "link{other{resource{...on Patient{" + nested + "}}}} " + strings.Repeat("name{use} ", 30)
		if len(nested) > 60_000 {
			break
		}
	}
	for name, query := range map[string]string{
		"the same field often":    "{Patient(id:\"1\"){" + strings.Repeat("id ", 990) + "}}",
		"the same objects often":  "{Patient(id:\"1\"){" + strings.Repeat("name{family use given} ", 240) + "}}",
		"deep and wide":           "{Patient(id:\"1\"){" + nested + "}}",
		"many fragments":          "{Patient(id:\"1\"){...F0}}" + chain(400),
		"nested lists as a value": "{PatientList(name:" + strings.Repeat("[", 3000) + strings.Repeat("]", 3000) + "){id}}",
		"nested selections":       strings.Repeat("{a", 4000),
	} {
		begun := time.Now()
		ask(t, query, false, graphql.Limits{})
		require.Less(t, time.Since(begun), 5*time.Second, name)
	}
}

func chain(n int) string {
	var out strings.Builder
	for i := range n {
		out.WriteString(" fragment F" + itoa(i) + " on Patient{id ...F" + itoa(i+1) + " ...F" + itoa(min(i+2, n)) + "}")
	}
	return out.String() + " fragment F" + itoa(n) + " on Patient{gender}"
}

func itoa(n int) string { raw, _ := json.Marshal(n); return string(raw) }

// TestDefinitionsAreCheap: R4's own definitions are made once, however often a query asks for them, and
// count as what is stored does.
func TestDefinitionsAreCheap(t *testing.T) {
	aliases := func(n int, field string) string {
		var query strings.Builder
		for i := range n {
			query.WriteString(" a" + itoa(i) + ":" + field)
		}
		return "{" + query.String() + "}"
	}
	ask(t, `{StructureDefinitionList(_count:1000){id} SearchParameterList{id}}`, false, graphql.Limits{})
	for _, tc := range []struct{ name, query, refused string }{
		{"none that is found", aliases(60, `SearchParameterList(_count:1,name:"zzz"){id}`), ""},
		{"all, within bounds", aliases(10, `StructureDefinitionList(_count:1000){id snapshot{element{id}}}`), ""},
		{"all, often", aliases(100, `StructureDefinitionList(_count:1000){id snapshot{element{id}}}`), "too expensive"},
		{"one base, often", `{SearchParameterList(_count:1000,name:"zzz",base:"` + strings.Repeat("Patient,", 1900) + `Patient"){id}}`, ""},
	} {
		begun := time.Now()
		answer, _ := ask(t, tc.query, false, graphql.Limits{})
		require.Less(t, time.Since(begun), 10*time.Second, tc.name)
		if tc.refused == "" {
			require.Empty(t, answer.Errors, tc.name)
		} else {
			require.ErrorContains(t, answer.Errors, tc.refused, tc.name)
		}
	}
	for _, query := range []string{`{SearchParameterList(_count:1,name:"zzz"){id}}`, `{StructureDefinitionList(_count:1000,name:"Patient"){id snapshot{id}}}`} {
		made := testing.AllocsPerRun(2, func() { ask(t, query, false, graphql.Limits{}) })
		require.Less(t, made, 20_000.0, query)
	}
	answer, _ := ask(t, `{StructureDefinitionList(_count:1000){id}}`, false, graphql.Limits{Bytes: 100_000})
	require.Nil(t, answer.Data)
	require.ErrorContains(t, answer.Errors, "too large (max 100000 bytes)")
}
