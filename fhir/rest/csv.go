package rest

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// The bounds of a table.
const (
	defaultCSV    = "1000" // rows
	maxCSVColumns = 100
)

// csv answers a search as a table (Medplum's $csv): a column for each of _fields, which are elements
// or search parameters, and a row for each match.
func (h *Handler) csv(c echo.Context) error {
	resourceType := c.Param("type")
	if !definitions.IsResource(resourceType) {
		return outcome.New(outcome.Structure, "Unknown resource type")
	}
	query, err := searchQuery(c)
	if err != nil {
		return err
	}
	if given, err := url.ParseQuery(query); err != nil || !given.Has("_count") {
		query = strings.TrimSuffix("_count="+defaultCSV+"&"+query, "&")
	}
	ctx, session := c.Request().Context(), h.session(c)
	request, err := h.parse(ctx, session, []string{resourceType}, query, handling{})
	if err != nil {
		return err
	}
	columns, err := csvColumns(resourceType, request.Elements)
	if err != nil {
		return err
	}
	rows, err := session.Search(ctx, request)
	if err != nil {
		return err
	}
	rows, _ = request.Page(rows)
	table, err := csvTable(columns, rows)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+resourceType+`.csv"`)
	return c.Blob(http.StatusOK, "text/csv; charset=utf-8", table)
}

// csvColumn is one column: its name and what is in it.
type csvColumn struct {
	name       string
	expression *fhirpath.Expression
}

func csvColumns(resourceType string, fields []string) ([]csvColumn, error) {
	if len(fields) == 0 {
		fields = []string{"id", "_lastUpdated"}
	}
	if len(fields) > maxCSVColumns {
		return nil, outcome.New(outcome.TooCostly, "A table has at most %d columns", maxCSVColumns)
	}
	var columns []csvColumn
	for _, field := range fields {
		source := ""
		switch structure := definitions.StructureOf(resourceType); {
		case field == "_lastUpdated":
			source = resourceType + ".meta.lastUpdated"
		case structure.Element(field) != nil, field == "id", field == "meta":
			source = resourceType + "." + field
		default:
			if p, ok := definitions.SearchParamOf(resourceType, field); ok {
				source = p.Expression
			}
		}
		if source == "" {
			return nil, outcome.New(outcome.Invalid, "%s has no element or search parameter %s", resourceType, field)
		}
		compiled, err := fhirpath.Compile(source)
		if err != nil {
			return nil, err
		}
		columns = append(columns, csvColumn{field, compiled})
	}
	return columns, nil
}

func csvTable(columns []csvColumn, rows []store.Row) ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	line := make([]string, len(columns))
	for i, column := range columns {
		line[i] = column.name
	}
	if err := w.Write(line); err != nil {
		return nil, err
	}
	for _, row := range rows {
		doc, err := document.Parse(row.Content)
		if err != nil {
			return nil, err
		}
		env, root := fhirpath.NewEnv(doc, row.Type), fhirpath.Root(doc, row.Type)
		for i, column := range columns {
			if line[i], err = csvCell(env, root, column); err != nil {
				return nil, err
			}
		}
		if err := w.Write(line); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return out.Bytes(), w.Error()
}

func csvCell(env *fhirpath.Env, root fhirpath.Value, column csvColumn) (string, error) {
	found, err := column.expression.Evaluate(env, root)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, v := range found {
		if text := csvText(v); text != "" {
			parts = append(parts, text)
		}
	}
	return unformulated(strings.Join(parts, "; ")), nil
}

// csvText is a value as people read it.
func csvText(v fhirpath.Value) string {
	if _, text, ok := v.Primitive(); ok {
		return text
	}
	n := v.Node
	if n == nil {
		return ""
	}
	switch v.TypeName() {
	case "HumanName":
		if n.Text("text") != "" {
			return n.Text("text")
		}
		return words(n, "prefix", "given", "family", "suffix")
	case "Address":
		if n.Text("text") != "" {
			return n.Text("text")
		}
		return words(n, "line", "city", "state", "postalCode", "country")
	case "ContactPoint", "Identifier":
		return n.Text("value")
	case "Reference":
		return first(n.Text("display"), n.Text("reference"))
	case "Coding":
		return first(n.Text("display"), n.Text("code"))
	case "CodeableConcept":
		text := n.Text("text")
		for _, coding := range n.Get("coding").Values() {
			text = first(text, first(coding.Text("display"), coding.Text("code")))
		}
		return text
	case "Quantity", "Age", "Duration", "SimpleQuantity", "Money":
		return words(n, "value", "unit", "currency")
	case "Period":
		return n.Text("start") + "/" + n.Text("end")
	}
	return string(n.Compact(nil))
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// words joins the values of members.
func words(n *document.Node, members ...string) string {
	var all []string
	for _, member := range members {
		for _, value := range n.Get(member).Values() {
			all = append(all, value.String())
		}
	}
	return strings.Join(all, " ")
}

var plainNumber = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// unformulated keeps a spreadsheet from taking a cell for a formula (OWASP, CSV injection).
func unformulated(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) || plainNumber.MatchString(cell) {
		return cell
	}
	return "'" + cell
}
