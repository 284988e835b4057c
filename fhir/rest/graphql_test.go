package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// ask sends a query; variables are JSON, or empty.
func (s *server) ask(t *testing.T, as, query, variables string) answer {
	t.Helper()
	quoted, err := json.Marshal(query)
	require.NoError(t, err)
	if variables == "" {
		variables = "{}"
	}
	return s.do(t, "POST", "/$graphql", `{"query":`+string(quoted)+`,"variables":`+variables+`}`, "As", as, "Content-Type", "application/json")
}

// data is what a query without errors gives.
func (s *server) data(t *testing.T, query string) string {
	t.Helper()
	got := s.ask(t, "staff", query, "")
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Empty(t, got.field("errors"), got.body)
	return got.field("data")
}

// ward is a practitioner, two patients and an observation of each.
type ward struct{ doctor, eve, adam, ofEve, ofAdam string }

func (s *server) ward(t *testing.T) ward {
	t.Helper()
	make := func(resourceType, rest string) string {
		id, _ := s.do(t, "POST", "/"+resourceType, `{"resourceType":"`+resourceType+`"`+rest+`}`).made(t)
		return id
	}
	var w ward
	w.doctor = make("Practitioner", `,"name":[{"family":"Who"}]`)
	patient := func(given, gender string) string {
		return make("Patient", `,"gender":"`+gender+`","name":[{"use":"official","family":"Example","given":["`+given+`"]},{"use":"usual","given":["`+given[:1]+`"]}],`+
			`"generalPractitioner":[{"reference":"Practitioner/`+w.doctor+`"}]`)
	}
	w.eve, w.adam = patient("Eve", "female"), patient("Adam", "male")
	observation := func(subject string) string {
		return make("Observation", `,"status":"final","code":{"text":"weight"},"valueQuantity":{"value":70.10},"subject":{"reference":"Patient/`+subject+`"}`)
	}
	w.ofEve, w.ofAdam = observation(w.eve), observation(w.adam)
	return w
}

func TestQueriesAreAnswered(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		w := s.ward(t)
		fill := strings.NewReplacer("$eve", w.eve, "$adam", w.adam, "$ofEve", w.ofEve, "$ofAdam", w.ofAdam, "$doctor", w.doctor)
		for _, tc := range []struct{ name, query, want string }{
			{"read", `{Patient(id:"$eve"){resourceType id gender birthDate}}`, `{"Patient":{"resourceType":"Patient","id":"$eve","gender":"female","birthDate":null}}`},
			{"nested elements and lists", `{Patient(id:"$eve"){name{given}}}`, `{"Patient":{"name":[{"given":["Eve"]},{"given":["E"]}]}}`},
			{"numbers as spelled", `{Observation(id:"$ofEve"){valueQuantity{value}}}`, `{"Observation":{"valueQuantity":{"value":70.10}}}`},
			{"search", `{PatientList(gender:"male"){id}}`, `{"PatientList":[{"id":"$adam"}]}`},
			{"search with a dashed parameter, count and sort", `{PatientList(general_practitioner:"Practitioner/$doctor",_sort:"gender",_count:1){gender}}`, `{"PatientList":[{"gender":"female"}]}`},
			{"offset", `{PatientList(general_practitioner:"Practitioner/$doctor",_sort:"gender",_offset:1){gender}}`, `{"PatientList":[{"gender":"male"}]}`},
			{"a simple filter", `{PatientList(_filter:"gender eq male"){id}}`, `{"PatientList":[{"id":"$adam"}]}`},
			{"nothing found", `{PatientList(gender:"unknown"){id}}`, `{"PatientList":[]}`},
			{"connection", `{PatientConnection(gender:"male"){count offset pageSize next edges{mode score resource{id}}}}`,
				`{"PatientConnection":{"count":1,"offset":0,"pageSize":20,"next":null,"edges":[{"mode":"match","score":null,"resource":{"id":"$adam"}}]}}`},
			{"reverse", `{Patient(id:"$eve"){ObservationList(_reference:subject){id}}}`, `{"Patient":{"ObservationList":[{"id":"$ofEve"}]}}`},
			{"reverse, narrowed", `{Patient(id:"$eve"){ObservationList(_reference:patient,status:"draft"){id}}}`, `{"Patient":{"ObservationList":[]}}`},
			{"reference", `{Observation(id:"$ofEve"){subject{reference resource{__typename ...on Patient{gender} ...on Group{id}}}}}`,
				`{"Observation":{"subject":{"reference":"Patient/$eve","resource":{"__typename":"Patient","gender":"female"}}}}`},
			{"reference of a type", `{Observation(id:"$ofEve"){subject{resource(type:"Group"){__typename}}}}`, `{"Observation":{"subject":{"resource":null}}}`},
			{"reference that leads nowhere, optional", `{Observation(id:"$ofEve"){encounter{resource(optional:true){__typename}}}}`, `{"Observation":{"encounter":null}}`},
			{"aliases", `{a:Patient(id:"$eve"){g:gender} b:Patient(id:"$adam"){gender}}`, `{"a":{"g":"female"},"b":{"gender":"male"}}`},
			{"fragments", `{Patient(id:"$eve"){...P}} fragment P on Patient{gender name{...N}} fragment N on HumanName{use}`,
				`{"Patient":{"gender":"female","name":[{"use":"official"},{"use":"usual"}]}}`},
			{"fields that are named twice", `{Patient(id:"$eve"){name{use} name{given}}}`, `{"Patient":{"name":[{"use":"official","given":["Eve"]},{"use":"usual","given":["E"]}]}}`},
			{"include and skip", `{Patient(id:"$eve"){id @skip(if:true) gender @include(if:true) active @include(if:false)}}`, `{"Patient":{"gender":"female"}}`},
			{"list by a value", `{Patient(id:"$eve"){name(use:"usual"){given}}}`, `{"Patient":{"name":[{"given":["E"]}]}}`},
			{"list by place", `{Patient(id:"$eve"){name(_offset:1,_count:1){use}}}`, `{"Patient":{"name":[{"use":"usual"}]}}`},
			{"list by an expression", `{Patient(id:"$eve"){name(fhirpath:"family.exists()"){use}}}`, `{"Patient":{"name":[{"use":"official"}]}}`},
			{"typename", `{__typename Patient(id:"$eve"){__typename}}`, `{"__typename":"QueryType","Patient":{"__typename":"Patient"}}`},
		} {
			assert.Equal(t, fill.Replace(tc.want), s.data(t, fill.Replace(tc.query)), tc.name)
		}
	})
}

func TestVariablesAndOperations(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		w := s.ward(t)
		query := `query A($id:ID!,$n:Int=1,$x:Boolean!){Patient(id:$id){gender @include(if:$x) name(_count:$n){use}}} query B{__typename}`
		body := func(name, variables string) answer {
			return s.do(t, "POST", "/$graphql", fmt.Sprintf(`{"query":%q,"operationName":%s,"variables":%s}`, query, name, variables), "Content-Type", "application/json")
		}
		got := body(`"A"`, `{"id":"`+w.eve+`","x":false}`)
		assert.JSONEq(t, `{"data":{"Patient":{"name":[{"use":"official"}]}}}`, got.body)
		assert.JSONEq(t, `{"data":{"__typename":"QueryType"}}`, body(`"B"`, `null`).body)
		for name, bad := range map[string]answer{
			"no operation named":  body("null", "{}"),
			"unknown operation":   body(`"C"`, "{}"),
			"variable missing":    body(`"A"`, `{"x":true}`),
			"variable of no type": body(`"A"`, `{"id":"1","x":"yes"}`),
			"variable too deep":   body(`"A"`, `{"id":{"a":[[[1]]]},"x":true}`),
		} {
			assert.Equal(t, http.StatusBadRequest, bad.status, name+bad.body)
		}
	})
}

// TestQueriesThatCannotBeCarriedOut are refused in both forms, that of GraphQL and that of FHIR.
func TestQueriesThatCannotBeCarriedOut(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		bomb := "{Patient(id:\"1\"){...F0}}"
		for i := range 30 {
			bomb += fmt.Sprintf(" fragment F%d on Patient{...F%d ...F%d}", i, i+1, i+1)
		}
		bomb += " fragment F30 on Patient{id}"
		wide := "{Patient(id:\"1\"){...W0}}"
		for i := range 9 {
			wide += fmt.Sprintf(" fragment W%d on Patient{a:link{other{resource{...W%d}}} b:link{other{resource{...W%d}}}}", i, i+1, i+1)
		}
		wide += " fragment W9 on Patient{id}"
		for _, tc := range []struct{ name, query, says string }{
			{"nothing", "", "Must provide query"},
			{"no GraphQL", "{", "Expected Name"},
			{"an unknown field", "{Patient(id:\"1\"){nope}}", `Cannot query field "nope" on type "Patient"`},
			{"an unknown type", "{Martian(id:\"1\"){id}}", `Cannot query field "Martian"`},
			{"an unknown parameter", "{PatientList(nope:\"1\"){id}}", `Unknown argument "nope"`},
			{"no id", "{Patient{id}}", `argument "id"`},
			{"another way back", "{Patient(id:\"1\"){ObservationList(_reference:device){id}}}", "_reference"},
			{"a leaf that is none", "{Patient(id:\"1\"){name}}", "must have a selection"},
			{"a mutation that there is none of", "mutation{PatientForget(id:\"1\"){id}}", "Cannot query field"},
			{"a mutation as a query", "{PatientDelete(id:\"1\"){id}}", "Cannot query field"},
			{"a subscription", "subscription{x}", "not supported"},
			{"a cycle of fragments", "{Patient(id:\"1\"){...F}} fragment F on Patient{...G} fragment G on Patient{...F}", "Cannot spread fragment"},
			{"too deep", `{Patient(id:"1"){` + strings.Repeat("link{other{resource{...on Patient{", 4) + "id" + strings.Repeat("}}}}", 4) + "}}", "max depth"},
			{"too many fields", "{" + strings.Repeat("__typename ", 1001) + "}", "too many fields"},
			{"too many aliases", "{" + aliases(1001) + "}", "too many fields"},
			{"too long", "{" + strings.Repeat(" ", 1<<16) + "__typename}", "too long"},
			{"too many tokens", "{" + strings.Repeat("a:", 1) + "__typename " + strings.Repeat("@skip(if:false)", 2000) + "}", "token limit"},
			{"too expensive", "{PatientList(_count:1000){ObservationList(_reference:subject,_count:1000){ObservationList(_reference:derived_from){id}}}}", "too expensive"},
			{"a bomb of fragments that is too expensive", wide, "depth"},
			{"the whole schema", "{__schema{types{name}}}", "graphql-introspection"},
		} {
			begun := time.Now()
			got := s.ask(t, "staff", tc.query, "")
			require.Equal(t, http.StatusBadRequest, got.status, tc.name+got.body)
			assert.Contains(t, got.field("errors.0.message"), tc.says, tc.name)
			assert.Equal(t, "OperationOutcome", got.field("resourceType"))
			assert.Equal(t, got.field("errors.0.message"), got.field("issue.0.details.text"))
			assert.Less(t, time.Since(begun), 5*time.Second, tc.name)
		}
		assert.Equal(t, http.StatusOK, s.ask(t, "staff", bomb, "").status, "fragments that are spread often are looked at once")
		s.do(t, "POST", "/$graphql", `{"query":1}`, "Content-Type", "application/json").want(t, http.StatusBadRequest)
		s.do(t, "POST", "/$graphql?query=x", `{"query":"{__typename}"}`, "Content-Type", "application/json").want(t, http.StatusBadRequest)
		assert.NotEqual(t, http.StatusOK, s.do(t, "GET", "/$graphql?query=%7B__typename%7D", "").status, "no query stands in an address")
	})
}

func aliases(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, "a%d:__typename ", i)
	}
	return out.String()
}

func TestErrorsOfFieldsLeaveTheRest(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		w := s.ward(t)
		got := s.ask(t, "staff", `{a:Patient(id:"none"){id} b:Patient(id:"`+w.eve+`"){id} c:PatientList(birthdate:"never"){id}}`, "")
		require.Equal(t, http.StatusOK, got.status)
		assert.JSONEq(t, `{"a":null,"b":{"id":"`+w.eve+`"},"c":null}`, got.field("data"))
		assert.JSONEq(t, `{"message":"Not found","path":["a"],"locations":[{"line":1,"column":2}],"extensions":{"code":"not-found"}}`, got.field("errors.0"))
		assert.Equal(t, `["c"]`, got.field("errors.1.path"))
	})
}

// TestQueriesShowWhatReadsShow: the policy holds in every way to a resource.
func TestQueriesShowWhatReadsShow(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		w := s.ward(t)
		s.members["half"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Observation"},
			medplum.PolicyResource{ResourceType: "Patient", Criteria: "Patient?gender=female", HiddenFields: []string{"name", "generalPractitioner"}}).Claims
		s.members["blind"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient"},
			medplum.PolicyResource{ResourceType: "Observation", HiddenFields: []string{"subject"}}).Claims
		unknown := "00000000-0000-4000-8000-000000000000"
		s.do(t, "PUT", "/Observation/"+w.ofAdam, body2("Observation", w.ofAdam,
			`,"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/`+w.adam+`"},"hasMember":[{"reference":"Observation/`+unknown+`"}]`)).want(t, http.StatusOK)

		for _, as := range []string{"other", "half", "blind", "patient"} {
			got := s.ask(t, as, `{PatientList{id} a:Patient(id:"`+w.adam+`"){id} ObservationList(subject:"Patient/`+w.adam+`"){id}}`, "")
			switch as {
			case "other", "patient":
				assert.NotContains(t, got.body, `"`+w.adam+`"`, as)
				assert.NotContains(t, got.body, w.eve, as)
				assert.NotContains(t, got.body, w.ofAdam, as)
			case "half":
				assert.NotContains(t, got.field("data"), w.adam)
				assert.Contains(t, got.field("data.PatientList"), w.eve)
			case "blind":
				assert.Equal(t, "null", gjson.Get(got.body, "data.ObservationList").Raw, "a hidden element cannot be searched by")
			}
		}

		half := s.ask(t, "half", `{Patient(id:"`+w.eve+`"){gender name{family} generalPractitioner{reference resource{__typename}}}}`, "")
		assert.JSONEq(t, `{"data":{"Patient":{"gender":"female","name":null,"generalPractitioner":null}}}`, half.body)

		hidden := s.ask(t, "half", `{Observation(id:"`+w.ofAdam+`"){subject{resource{...on Patient{gender}}} hasMember{resource{__typename}}}}`, "")
		assert.JSONEq(t, `{"Observation":{"subject":{"resource":null},"hasMember":[{"resource":null}]}}`, hidden.field("data"))
		assert.Equal(t, hidden.field("errors.0.message"), hidden.field("errors.1.message"), "what is hidden and what is not there are told alike")

		reverse := s.ask(t, "blind", `{Patient(id:"`+w.eve+`"){ObservationList(_reference:subject){id}}}`, "")
		assert.NotContains(t, reverse.field("data"), w.ofEve, "the way back leads through a hidden element")
		assert.Equal(t, "Unauthorized", s.ask(t, "nobody", `{__typename}`, "").field("issue.0.details.text"))
	})
}

func TestMutationsAreWrites(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.members["reader"] = s.With(t, s.A.ID, medplum.PolicyResource{ResourceType: "Patient", Readonly: true}).Claims
		made := s.ask(t, "staff", `mutation($q:ObservationCreate!){PatientCreate(res:{resourceType:"Patient",gender:"female"}){id gender} ObservationCreate(res:$q){id valueQuantity{value}}}`,
			`{"q":{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":70.10}}}`)
		require.Empty(t, made.field("errors"), made.body)
		id := made.field("data.PatientCreate.id")
		assert.Contains(t, made.body, `"value":70.10`, "a number stays as it was spelled")
		s.do(t, "GET", "/Patient/"+id, "").want(t, http.StatusOK)

		update := `mutation{PatientUpdate(id:"` + id + `",res:{resourceType:"Patient",id:"` + id + `",gender:"male"}){gender}}`
		remove := `mutation{PatientDelete(id:"` + id + `"){id}}`
		create := `mutation{PatientCreate(res:{resourceType:"Patient"}){id}}`
		for as, code := range map[string]string{"other": "not-found", "reader": "forbidden"} {
			for _, query := range []string{update, remove} {
				got := s.ask(t, as, query, "")
				assert.Equal(t, code, got.field("errors.0.extensions.code"), as+query+got.body)
			}
		}
		assert.Equal(t, "forbidden", s.ask(t, "reader", create, "").field("errors.0.extensions.code"))
		assert.Contains(t, s.stored(t, "Patient", id), `"female"`)
		assert.Equal(t, "male", s.ask(t, "staff", update, "").field("data.PatientUpdate.gender"))
		wrong := s.ask(t, "staff", `mutation{a:PatientCreate(res:{resourceType:"Patient",nope:1}){id} b:PatientCreate(res:{resourceType:"Observation"}){id} c:PatientUpdate(id:"x",res:{resourceType:"Patient",id:"y"}){id}}`, "")
		assert.JSONEq(t, `{"a":null,"b":null,"c":null}`, wrong.field("data"))
		assert.EqualValues(t, 3, gjson.Get(wrong.body, "errors.#").Int())
		assert.JSONEq(t, `{"data":{"PatientDelete":null}}`, s.ask(t, "staff", remove, "").body)
		s.do(t, "GET", "/Patient/"+id, "").want(t, http.StatusGone)
	})
}

// TestReferencesAreFollowedTogether: as many statements for two observations as for one.
func TestReferencesAreFollowedTogether(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.ward(t)
		query := func(fragment string) string {
			return `{ObservationList(code:"weight",_count:1000){subject{resource{...on Patient{` + fragment + `}}}}}`
		}
		for range 150 { // more than searches are allowed
			s.ward(t)
		}
		got := s.data(t, strings.Replace(query(`generalPractitioner{resource{...on Practitioner{name{family}}}}`), `code:"weight",`, "", 1))
		assert.EqualValues(t, 302, gjson.Get(got, "ObservationList.#").Int())
		assert.EqualValues(t, 302, gjson.Get(got, `ObservationList.#.subject.resource.generalPractitioner.0.resource.name.0.family|#`).Int())
		many := s.ask(t, "staff", `{PatientList(_count:300){ObservationList(_reference:subject){id}}}`, "")
		assert.Contains(t, many.field("errors.0.message"), "too many searches")
	})
}

func TestSchemaIsTold(t *testing.T) {
	s := start(t, storetest.SQLite(t))
	got := s.data(t, `{__type(name:"Patient"){kind name fields{name args{name type{name kind ofType{name}}} type{kind name ofType{kind name}}}}}`)
	assert.Equal(t, "OBJECT", gjson.Get(got, "__type.kind").String())
	assert.Equal(t, "HumanName", gjson.Get(got, `__type.fields.#(name=="name").type.ofType.name`).String())
	assert.Equal(t, "Patient_Observation_reference", gjson.Get(got, `__type.fields.#(name=="ObservationList").args.#(name=="_reference").type.ofType.name`).String())
	got = s.data(t, `{__type(name:"Patient_Observation_reference"){enumValues{name}}}`)
	assert.Contains(t, gjson.Get(got, "__type.enumValues.#.name").String(), `"subject"`)
	assert.Equal(t, `{"__type":null}`, s.data(t, `{__type(name:"Nope"){name}}`))
	assert.Contains(t, s.data(t, `{__type(name:"ResourceList"){possibleTypes{name}}}`), "ValueSet")
}
