package repo_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/repo/repotest"
)

// hl7Files are HL7's examples: those in testdata, and with ADMIT_LONG_TESTS all of the npm package
// hl7.fhir.r4.examples.
func hl7Files(t *testing.T) []string {
	t.Helper()
	dir, least := "../../testdata/hl7", 70
	if os.Getenv("ADMIT_LONG_TESTS") != "" {
		dir, least = "../../testdata/examples/node_modules/hl7.fhir.r4.examples", 5300
	}
	files, err := filepath.Glob(filepath.Join(dir, "*-*.json"))
	require.NoError(t, err)
	require.Greater(t, len(files), least, "npm ci in testdata/examples fetches them")
	return files
}

// TestHL7Examples stores every example, reads it back and finds it by every parameter that has a value
// in it. What is refused is named in hl7Faults.
func TestHL7Examples(t *testing.T) {
	files := hl7Files(t)
	each(t, func(t *testing.T, w *repotest.World) {
		var searches atomic.Int64
		work := make(chan string)
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				s := w.Repo.System("store HL7's examples", w.A.ID)
				for file := range work {
					searches.Add(int64(hl7Example(t, s, file)))
				}
			})
		}
		for _, file := range files {
			work <- file
		}
		close(work)
		workers.Wait()
		t.Logf("%d searches", searches.Load())
		if int(searches.Load()) < 3*len(files) {
			t.Error("too few searches to say anything")
		}
	})
}

func hl7Example(t *testing.T, s *repo.Session, file string) (searches int) {
	name := strings.TrimSuffix(filepath.Base(file), ".json")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
		return 0
	}
	doc, err := document.Parse(data)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return 0
	}
	resourceType, id := doc.Text("resourceType"), doc.Text("id")
	_, err = s.Create(ctx, resourceType, data)
	fault := hl7Fault(name)
	switch {
	case err != nil && (fault == "" || !strings.Contains(err.Error(), fault)):
		t.Errorf("%s is refused: %v", name, err)
		return 0
	case err != nil:
		return 0
	case fault != "" && !strings.Contains(name, "-extensions-"): // of which some are whole
		t.Errorf("%s is not refused any more", name)
	}
	got, err := s.Read(ctx, resourceType, id)
	if err != nil {
		t.Errorf("%s cannot be read: %v", name, err)
		return 0
	}
	if !reflect.DeepEqual(withoutStamp(t, data), withoutStamp(t, got.Content)) {
		t.Errorf("%s is not read back as it was stored", name)
	}
	env := fhirpath.NewEnv(doc, resourceType)
	for _, p := range definitions.SearchParams(resourceType) {
		query, ok := hl7Query(env, p)
		if !ok || hl7Unfound[name+" "+p.Code] {
			continue
		}
		searches++
		query = "_id=" + id + "&" + query
		found, err := foundBy(s, resourceType, query)
		if err != nil || len(found) != 1 {
			t.Errorf("%s is not found by %s: %v", name, query, err)
		}
	}
	return searches
}

func foundBy(s *repo.Session, resourceType, query string) ([]string, error) {
	language, err := s.Language(ctx, "http://localhost/fhir/R4/")
	if err != nil {
		return nil, err
	}
	req, err := language.Parse([]string{resourceType}, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.Search(ctx, req)
	var ids []string
	for _, row := range rows {
		ids = append(ids, row.ID)
	}
	return ids, err
}

// withoutStamp is a resource with its numbers as spelled, without what the server says of it.
func withoutStamp(t *testing.T, content []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	var all map[string]any
	if err := decoder.Decode(&all); err != nil {
		t.Error(err)
	}
	if meta, ok := all["meta"].(map[string]any); ok {
		for _, name := range []string{"versionId", "lastUpdated", "project", "author", "account", "compartment"} {
			delete(meta, name)
		}
		if len(meta) == 0 {
			delete(all, "meta")
		}
	}
	return all
}

// hl7Query is the search that the first value of a parameter that can be searched for asks for.
func hl7Query(env *fhirpath.Env, p *definitions.SearchParam) (string, bool) {
	if p.Expression == "" || p.Code == "_id" || p.Code == "_lastUpdated" {
		return "", false
	}
	expression, err := fhirpath.Compile(p.Expression)
	if err != nil {
		return "", false
	}
	values, err := expression.Evaluate(env, env.Root)
	if err != nil {
		return "", false
	}
	for _, v := range values {
		modifier, value := hl7Value(p.Type, v)
		if p.Type == definitions.Composite {
			value = hl7Composite(env, v, p)
		}
		if value != "" {
			return p.Code + modifier + "=" + url.QueryEscape(value), true
		}
	}
	return "", false
}

// hl7Composite joins the values of the parts that an element has; empty unless it has all of them.
func hl7Composite(env *fhirpath.Env, base fhirpath.Value, p *definitions.SearchParam) string {
	var parts []string
	for _, component := range p.Components {
		part := ""
		expression, err := fhirpath.Compile(component.Expression)
		if err != nil {
			return ""
		}
		values, err := expression.Evaluate(env, base)
		if err != nil {
			return ""
		}
		for _, known := range definitions.SearchParams(env.Root.Node.Text("resourceType")) {
			for _, v := range values {
				if modifier, value := hl7Value(known.Type, v); known.URL == component.Definition && modifier == "" && part == "" {
					part = value
				}
			}
		}
		if part == "" {
			return ""
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "$")
}

var searchEscapes = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`)

// hl7Value spells a value as search.html has it for the type of the parameter.
func hl7Value(kind definitions.ParamType, v fhirpath.Value) (modifier, value string) {
	_, text, primitive := v.Primitive()
	escaped := searchEscapes.Replace(text)
	switch kind {
	case definitions.String:
		if !primitive {
			escaped = firstText(v.Node, "family", "text", "given", "city", "line", "country", "coding.display")
		}
		return "", beginning(escaped)
	case definitions.Token:
		if primitive {
			return "", escaped
		}
		return hl7Token(v.Node)
	case definitions.Reference:
		switch {
		case primitive:
			return "", escaped
		case v.Node.Text("reference") != "":
			return "", searchEscapes.Replace(v.Node.Text("reference"))
		case v.Node.Find("identifier", "value") != nil:
			return ":identifier", v.Node.Find("identifier").Text("system") + "|" + searchEscapes.Replace(v.Node.Find("identifier").Text("value"))
		}
	case definitions.Date:
		if _, _, ok := fhirpath.Interval(text); primitive && ok { // a time may also be told in words
			return "", text
		}
		return "", hl7Date(v.Node)
	case definitions.Number, definitions.Quantity:
		return "", hl7Number(v, text, primitive)
	case definitions.URI:
		return "", escaped
	}
	return "", ""
}

// beginning is as much of an escaped string as anybody looks for.
func beginning(s string) string {
	const most = 200
	if runes := []rune(strings.TrimSpace(s)); len(runes) > most {
		s = strings.TrimRight(string(runes[:most]), `\`)
	}
	return strings.TrimSpace(s)
}

func hl7Token(n *document.Node) (modifier, value string) {
	if codings := n.Get("coding").Values(); len(codings) > 0 {
		n = codings[0]
	}
	switch code := firstText(n, "code", "value"); {
	case code != "" && n.Text("system") != "" && n.Get("use") == nil && n.Get("rank") == nil:
		if n.Text("system") == "phone" || n.Text("system") == "email" || n.Text("system") == "url" || n.Text("system") == "fax" || n.Text("system") == "other" || n.Text("system") == "sms" {
			return "", code // a ContactPoint
		}
		return "", searchEscapes.Replace(n.Text("system")) + "|" + code
	case code != "":
		return "", code
	}
	if text := firstText(n, "text", "display"); text != "" {
		return ":text", text
	}
	return "", ""
}

func hl7Date(n *document.Node) string {
	for _, path := range [][]string{{"start"}, {"end"}, {"event"}, {"repeat", "boundsPeriod", "start"}} {
		for _, at := range n.Find(path...).Values() {
			return "ap" + at.String()
		}
	}
	return ""
}

func hl7Number(v fhirpath.Value, text string, primitive bool) string {
	switch {
	case primitive:
		return text
	case v.Node.Get("comparator") != nil:
		return ""
	case v.Node.Text("system") != "" && v.Node.Text("code") != "" && v.Node.Get("value") != nil:
		return fmt.Sprintf("%s|%s|%s", v.Node.Get("value").String(), v.Node.Text("system"), searchEscapes.Replace(v.Node.Text("code")))
	case v.Node.Get("value") != nil:
		return v.Node.Get("value").String()
	}
	return ""
}

// firstText is the first text at one of the paths, escaped.
func firstText(n *document.Node, paths ...string) string {
	for _, path := range paths {
		for _, found := range n.Find(strings.Split(path, ".")...).Values() {
			if found.Kind == document.String && strings.TrimSpace(found.String()) != "" {
				return searchEscapes.Replace(found.String())
			}
		}
	}
	return ""
}

// hl7Fault is the fault of an example; a name with a star stands for all that begin so.
func hl7Fault(name string) string {
	for pattern, fault := range hl7Faults {
		if prefix, ok := strings.CutSuffix(pattern, "*"); pattern == name || ok && strings.HasPrefix(name, prefix) {
			return fault
		}
	}
	return ""
}

// hl7Faults are the examples that are refused, each with the fault that it has.
var hl7Faults = map[string]string{
	"ActivityDefinition-blood-tubes-supply":              "Invalid xhtml format",
	"ActivityDefinition-heart-valve-replacement":         "Invalid xhtml format",
	"EventDefinition-example":                            "Invalid xhtml format",
	"Questionnaire-zika-virus-exposure-assessment":       "Invalid xhtml format",
	"Bundle-dataelements":                                "bdl-7",               // one fullUrl several times
	"Bundle-v2-valuesets":                                "Invalid code format", // codes with spaces around
	"CodeSystem-v2-0550":                                 "Invalid code format",
	"DeviceMetric-example":                               "Invalid reference: expected Device",
	"DeviceUseStatement-example":                         "but found Procedure",
	"MedicationRequest-medrx0301":                        "expected Organization, but found Practitioner",
	"Observation-clinical-gender":                        "but found Encounter",
	"ImplementationGuide-fhir":                           "Missing required property", // resources without reference
	"ig-r4":                                              "Missing required property", // the same again
	"Questionnaire-qs1":                                  "Missing required property", // linkId
	"SearchParameter-codesystem-extensions-CodeSystem-*": "Missing required property", // description
	"SearchParameter-valueset-extensions-ValueSet-*":     "Missing required property", // description
	"SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject": "Invalid id format", // longer than 64
	"StructureDefinition-Definition": "sdf-4",
	"StructureDefinition-Event":      "sdf-4",
	"StructureDefinition-FiveWs":     "sdf-4",
	"StructureDefinition-Request":    "sdf-4",
}

// hl7Unfound are values that nobody can look for: a canonical that is no URL but looks like an id.
var hl7Unfound = map[string]bool{"Library-library-fhir-helpers predecessor": true}
