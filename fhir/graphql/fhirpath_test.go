package graphql_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/graphql"
)

// TestFHIRPathIsBounded: the expressions of a query share one budget, and come in no variables longer
// than a query may be.
func TestFHIRPathIsBounded(t *testing.T) {
	ask := func(query string, variables map[string]string) graphql.Answer {
		raw, err := json.Marshal(map[string]any{"query": query, "variables": variables})
		require.NoError(t, err)
		var q graphql.Query
		require.NoError(t, json.Unmarshal(raw, &q))
		answer, err := graphql.New(graphql.Options{Base: "https://a.example/fhir/R4/"}).Execute(context.Background(), &session{}, q, false)
		require.NoError(t, err)
		return answer
	}
	const query = `query($f: String){Patient(id:"1"){name(fhirpath:$f){family}}}`
	answer := ask(query, map[string]string{"f": "family = 'Example'"})
	require.Empty(t, answer.Errors)
	require.JSONEq(t, `{"Patient":{"name":[{"family":"Example"}]}}`, string(answer.Data))

	answer = ask(query, map[string]string{"f": strings.Repeat("(", 65<<10)})
	require.Nil(t, answer.Data)
	require.Contains(t, answer.Errors.Error(), "Variables are too long")

	var fields strings.Builder
	for i := range 200 {
		fields.WriteString(" a" + itoa(i) + ":name(fhirpath:$f){family}")
	}
	costly := "family" + strings.Repeat(".select($this.combine($this))", 13) + ".exists()"
	answer = ask(`query($f: String){Patient(id:"1"){`+fields.String()+`}}`, map[string]string{"f": costly})
	require.Nil(t, answer.Data)
	require.Contains(t, answer.Errors.Error(), "too much FHIRPath")
}
