package scim

import (
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

const (
	defaultCount = 100
	maxCount     = 1_000
	// maxScanned is how many resources are looked at for what the index cannot tell.
	maxScanned = 1_000
)

// query is what a list is asked for.
type query struct {
	filter     expression // nil: everything
	sortBy     *path
	descending bool
	startIndex int // from 1
	count      int
	chosen     choice
}

// asked is how a query comes: as parameters, or as a SearchRequest (RFC 7644 §3.4.3).
type asked struct {
	Filter             string   `json:"filter"`
	SortBy             string   `json:"sortBy"`
	SortOrder          string   `json:"sortOrder"`
	StartIndex         *int     `json:"startIndex"`
	Count              *int     `json:"count"`
	Attributes         []string `json:"attributes"`
	ExcludedAttributes []string `json:"excludedAttributes"`
}

func (k *kind) queryOf(c echo.Context) (query, error) {
	in := asked{
		Filter: c.QueryParam("filter"), SortBy: c.QueryParam("sortBy"), SortOrder: c.QueryParam("sortOrder"),
		Attributes: names(c, "attributes"), ExcludedAttributes: names(c, "excludedAttributes"),
	}
	for name, into := range map[string]**int{"startIndex": &in.StartIndex, "count": &in.Count} {
		if text := c.QueryParam(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				return query{}, refuse(invalidValue, "%s must be an integer", name)
			}
			*into = &n
		}
	}
	return k.query(in)
}

// searchOf reads a SearchRequest.
func (k *kind) searchOf(c echo.Context) (query, error) {
	in := struct {
		Schemas []string `json:"schemas"`
		asked
	}{}
	if err := readJSON(c, &in); err != nil {
		return query{}, err
	}
	if !slices.Contains(in.Schemas, searchSchema) {
		return query{}, refuse(invalidSyntax, "schemas must name %s", searchSchema)
	}
	return k.query(in.asked)
}

const searchSchema = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"

// readJSON reads a body into v; what it cannot be read as is a matter of syntax.
func readJSON(c echo.Context, v any) error {
	err := web.ReadJSON(c, v)
	if r := (&refusal{}); err != nil {
		if r = refusalOf(c, err); r.scimType == invalidValue {
			return refuse(invalidSyntax, "%s", r.detail)
		}
	}
	return err
}

func names(c echo.Context, param string) []string {
	return strings.FieldsFunc(c.QueryParam(param), func(r rune) bool { return r == ',' || r == ' ' })
}

func (k *kind) query(in asked) (q query, err error) {
	q = query{startIndex: 1, count: defaultCount}
	if in.StartIndex != nil {
		q.startIndex = max(1, *in.StartIndex)
	}
	if in.Count != nil {
		q.count = min(max(0, *in.Count), maxCount)
	}
	if in.Filter != "" {
		parsed, err := parseFilter(in.Filter)
		if err != nil {
			return q, err
		}
		if q.filter, err = k.check(parsed); err != nil {
			return q, err
		}
	}
	if in.SortBy != "" {
		a, at, known := k.attribute(split(in.SortBy))
		if !known || at.name == attrPassword {
			return q, refuse(invalidPath, "sortBy: %s is no attribute", in.SortBy)
		}
		if at.sub == "" && a.HasSubAttributes() {
			at.sub = subValue
		}
		q.sortBy = &at
	}
	switch strings.ToLower(in.SortOrder) {
	case "", "ascending":
	case "descending":
		q.descending = true
	default:
		return q, refuse(invalidValue, "sortOrder must be ascending or descending")
	}
	q.chosen, err = k.choose(in.Attributes, in.ExcludedAttributes)
	return q, err
}

// fetch reads a page of resources and says how many there are.
type fetch func(predicate store.Predicate, sort []store.Sort, offset, limit int) (docs []object, total int, err error)

// page is the page of a query. What the store can filter and order exactly it does; of what it cannot, up
// to maxScanned resources are filtered and ordered here.
func (q query) page(of terms, sort []store.Sort, sorted bool, read fetch) ([]object, int, error) {
	w := all
	if q.filter != nil {
		w = compile(q.filter, of)
	}
	if w.exact && sorted {
		return read(w.predicate, sort, q.startIndex-1, q.count)
	}
	docs, _, err := read(w.predicate, nil, 0, maxScanned+1)
	if err != nil {
		return nil, 0, err
	}
	if len(docs) > maxScanned {
		return nil, 0, refuse(tooMany, "More than %d resources would be looked at; filter or sort by what is indexed", maxScanned)
	}
	if q.filter != nil {
		docs = slices.DeleteFunc(docs, func(doc object) bool { return !holds(q.filter, doc) })
	}
	q.order(docs)
	total := len(docs)
	begin := min(q.startIndex-1, total)
	return docs[begin:min(begin+q.count, total)], total, nil
}

// order sorts by the first value at a path; what has none comes last (RFC 7644 §3.4.2.3).
func (q query) order(docs []object) {
	if q.sortBy == nil {
		return
	}
	slices.SortStableFunc(docs, func(a, b object) int {
		left, hasLeft := sortText(a, *q.sortBy)
		right, hasRight := sortText(b, *q.sortBy)
		compared := strings.Compare(left, right)
		if q.descending {
			compared = -compared
		}
		switch {
		case hasLeft && hasRight:
			return compared
		case hasLeft:
			return -1
		case hasRight:
			return 1
		}
		return 0
	})
}

// sortText is the primary value at a path, else the first.
func sortText(doc object, at path) (string, bool) {
	for _, entry := range valuesAt(doc, path{at.urn, at.name, ""}) {
		if entry, ok := entry.(object); ok && entry[subPrimary] == true && at.sub != "" {
			text, ok := entry[at.sub].(string)
			return strings.ToLower(text), ok
		}
	}
	for _, value := range valuesAt(doc, at) {
		switch value := value.(type) {
		case string:
			return strings.ToLower(value), true
		case bool:
			return strconv.FormatBool(value), true
		}
	}
	return "", false
}

const listSchema = "urn:ietf:params:scim:api:messages:2.0:ListResponse"

func listOf(docs []object, total, startIndex int) object {
	if docs == nil {
		docs = []object{}
	}
	return object{"schemas": []string{listSchema}, "totalResults": total, "startIndex": startIndex, "itemsPerPage": len(docs), "Resources": docs}
}
