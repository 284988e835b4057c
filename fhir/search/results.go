package search

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// result reads a parameter that shapes the answer instead of filtering (R4
// search.html#modifyingresults), and gives it as the self link repeats it; no name: not at all.
type result func(r *Request, value string) (parameter, error)

// resultParams are those parameters. _include and _revinclude may be given several times, the
// others once.
var resultParams = map[string]result{
	"_count":              (*Request).readCount,
	"_offset":             (*Request).readOffset,
	"_cursor":             (*Request).readCursorParam,
	"_sort":               (*Request).readSort,
	"_total":              (*Request).readTotal,
	"_summary":            (*Request).readSummary,
	"_elements":           (*Request).readElements,
	"_fields":             (*Request).readElements,
	"_type":               (*Request).readType,
	"_include":            (*Request).readInclude,
	"_include:iterate":    (*Request).readIncludeIterate,
	"_revinclude":         (*Request).readRevinclude,
	"_revinclude:iterate": (*Request).readRevincludeIterate,
	"_contained":          (*Request).readContained,
	"_format":             (*Request).readFormat,
	"_pretty":             (*Request).readPretty,
}

// unsupported are parameters that R4 defines for every type and that are not implemented.
var unsupported = []string{"_text", "_content", "_query", "_containedType", "_score", "_deleted"}

func isUnsupported(name string) bool {
	code, _, _ := strings.Cut(name, ":")
	return slices.Contains(unsupported, code)
}

// results reads what shapes the answer and gives back the rest.
func (r *Request) results(params []parameter) (filters []parameter, err error) {
	seen := map[string]bool{}
	for _, param := range params {
		if isUnsupported(param.name) {
			code, _, _ := strings.Cut(param.name, ":")
			return nil, outcome.New(outcome.NotSupported, "Search parameter %s is not supported", code)
		}
		read, ok := resultParams[param.name]
		if !ok {
			filters = append(filters, param)
			continue
		}
		if seen[param.name] && !strings.Contains(param.name, "include") {
			return nil, outcome.New(outcome.Invalid, "Search parameter %s is given twice", param.name)
		}
		seen[param.name] = true
		normal, err := read(r, param.value)
		if err != nil {
			return nil, err
		}
		if normal.name != "" {
			r.params = append(r.params, normal)
		}
	}
	if r.cursor != "" && seen["_offset"] {
		return nil, outcome.New(outcome.Invalid, "Cannot use both offset and cursor")
	}
	// A page of none is a count (R4 search.html#count).
	if r.Summary == SummaryCount || seen["_count"] && r.Count == 0 && r.Total == "" {
		r.Count, r.Total = 0, TotalAccurate
		r.params = slices.DeleteFunc(r.params, func(p parameter) bool { return p.name == "_total" })
		r.params = append(r.params, parameter{"_total", string(TotalAccurate)})
	}
	return filters, nil
}

func (r *Request) readFormat(value string) (parameter, error) {
	r.Format = value
	return parameter{}, nil
}

func (r *Request) readPretty(value string) (parameter, error) {
	if value != "true" && value != "false" {
		return parameter{}, outcome.New(outcome.Invalid, "Invalid value of _pretty: %s", value)
	}
	return parameter{}, nil
}

func natural(name, value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || value[0] == '+' {
		return 0, outcome.New(outcome.Invalid, "Invalid value of %s: %s", name, value)
	}
	return n, nil
}

func (r *Request) readCount(value string) (parameter, error) {
	n, err := natural("_count", value)
	r.Count = min(n, maxCount)
	return parameter{}, err // the link says what was made of it
}

func (r *Request) readOffset(value string) (parameter, error) {
	n, err := natural("_offset", value)
	if err != nil {
		return parameter{}, err
	}
	if n > maxOffset {
		return parameter{}, outcome.New(outcome.Invalid, "Search offset exceeds maximum (got %d, max %d)", n, maxOffset)
	}
	r.Offset = n
	return parameter{}, nil
}

func (r *Request) readCursorParam(value string) (parameter, error) {
	if value == "" {
		return parameter{}, outcome.New(outcome.Invalid, "Invalid value of _cursor")
	}
	r.cursor = value
	return parameter{}, nil
}

func (r *Request) readTotal(value string) (parameter, error) {
	switch r.Total = Total(value); r.Total {
	case TotalNone, TotalEstimate, TotalAccurate:
		return parameter{"_total", value}, nil
	}
	return parameter{}, outcome.New(outcome.Invalid, "Invalid value of _total: %s", value)
}

// ParseSubset reads what a read may say of the elements that it wants, _summary and _elements (R4
// http.html#parameters); both are empty when all of them are wanted.
//
// Errors: outcome Invalid.
func ParseSubset(summary, elements string) (*Request, error) {
	r := &Request{}
	if summary != "" {
		if _, err := r.readSummary(summary); err != nil {
			return nil, err
		}
	}
	if r.Summary == SummaryCount {
		return nil, outcome.New(outcome.Invalid, "Invalid value of _summary: only a search counts")
	}
	if elements != "" {
		if _, err := r.readElements(elements); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Request) readSummary(value string) (parameter, error) {
	switch r.Summary = Summary(value); r.Summary {
	case SummaryCount:
		return parameter{}, nil // the link has _count=0 and _total
	case SummaryTrue, SummaryText, SummaryData, SummaryFalse:
		return parameter{"_summary", value}, nil
	}
	return parameter{}, outcome.New(outcome.Invalid, "Invalid value of _summary: %s", value)
}

// elementName is how an element is named at the top of a resource, choices without their type.
// Medplum's App also names search parameters (_lastUpdated), which select nothing.
var elementName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)

func (r *Request) readElements(value string) (parameter, error) {
	for name := range strings.SplitSeq(value, ",") {
		if !elementName.MatchString(name) {
			return parameter{}, outcome.New(outcome.Invalid, "Invalid value of _elements: %s", name)
		}
		r.Elements = append(r.Elements, name)
	}
	return parameter{"_fields", value}, nil // Medplum's name for it, which its clients compare
}

// knownElements checks that one of the types has each element of _elements.
func (r *Request) knownElements() error {
	for _, name := range r.Elements {
		if !slices.ContainsFunc(r.Types, func(t string) bool { return hasElement(t, name) }) {
			return outcome.New(outcome.Invalid, "Unknown element in _elements: %s", name)
		}
	}
	return nil
}

func hasElement(resourceType, name string) bool {
	structure := definitions.StructureOf(resourceType)
	_, ok := structure.Property(name)
	return ok || structure.Element(name) != nil
}

// readType names the types of a system search; a search of one type may only repeat it.
func (r *Request) readType(value string) (parameter, error) {
	types := strings.Split(value, ",")
	if !r.system {
		if !slices.Equal(types, r.Types) {
			return parameter{}, outcome.New(outcome.Invalid, "Invalid value of _type: %s", value)
		}
		return parameter{}, nil
	}
	for _, t := range types {
		if !slices.Contains(r.Types, t) {
			r.Types = append(r.Types, t)
		}
	}
	return parameter{"_type", value}, nil
}

func (r *Request) readSort(value string) (parameter, error) {
	for key := range strings.SplitSeq(value, ",") {
		code, desc := strings.CutPrefix(key, "-")
		if code == "" {
			return parameter{}, outcome.New(outcome.Invalid, "Invalid value of _sort: %s", value)
		}
		r.sort = append(r.sort, store.Sort{Param: code, Desc: desc})
	}
	if len(r.sort) > maxSortKeys {
		return parameter{}, outcome.New(outcome.Invalid, "Search has too many sort keys (max %d)", maxSortKeys)
	}
	return parameter{"_sort", value}, nil
}

// order finds the tables of the sort keys.
func (p *parser) order(r *Request) error {
	for i := range r.sort {
		key := &r.sort[i]
		for _, t := range r.Types {
			found, err := p.sortKind(t, key)
			if err != nil {
				return err
			}
			if key.Kind != 0 && key.Kind != found {
				return outcome.New(outcome.NotSupported, "Cannot sort by %s: its types differ", key.Param)
			}
			key.Kind = found
			p.use(t, key.Param)
		}
	}
	return nil
}

// sortKind is the table of a sort key; what else the key stands for goes into it.
func (p *parser) sortKind(resourceType string, key *store.Sort) (store.Kind, error) {
	code := key.Param
	switch code {
	case "_id":
		return store.TokenKind, nil
	case "_lastUpdated":
		return store.DateKind, nil
	}
	param, err := p.lookUp(resourceType, code)
	if err != nil {
		return 0, err
	}
	if param.Type == definitions.Composite {
		return 0, outcome.New(outcome.NotSupported, "Cannot sort by %s: it has several values", code)
	}
	for _, shared := range index.Codes(resourceType, param) {
		if shared != code && !slices.Contains(key.Also, shared) {
			key.Also = append(key.Also, shared)
		}
	}
	return kinds[param.Type].table, nil
}

func (r *Request) readInclude(value string) (parameter, error) {
	return r.include("_include", value, Include{})
}

func (r *Request) readIncludeIterate(value string) (parameter, error) {
	return r.include("_include:iterate", value, Include{Iterate: true})
}

func (r *Request) readRevinclude(value string) (parameter, error) {
	return r.include("_revinclude", value, Include{Reverse: true})
}

func (r *Request) readRevincludeIterate(value string) (parameter, error) {
	return r.include("_revinclude:iterate", value, Include{Reverse: true, Iterate: true})
}

// wildcard stands for every reference parameter.
const wildcard = "*"

// maxIncludes bounds the searches that one search may cause.
const maxIncludes = 10

// include reads Source:param[:Target], of which param may be * for every reference of the source (R4
// search.html#include). In _include a * alone is short for that of each type that is searched.
func (r *Request) include(name, value string, in Include) (parameter, error) {
	parts := strings.Split(value, ":")
	switch {
	case name == "_include" && value == wildcard:
		parts = []string{"", wildcard}
	case value == wildcard:
		return parameter{}, outcome.New(outcome.NotSupported, "%s=* must name the type that refers, as Type:*", name)
	case len(parts) < 2 || len(parts) > 3:
		return parameter{}, outcome.New(outcome.NotSupported, "Invalid value of %s: %s", name, value)
	}
	in.Source, in.Params = parts[0], parts[1:2]
	if len(parts) == 3 {
		in.Target = parts[2]
	}
	if r.Includes = append(r.Includes, in); len(r.Includes) > maxIncludes {
		return parameter{}, outcome.New(outcome.Invalid, "Search has too many includes (max %d)", maxIncludes)
	}
	return parameter{name, value}, nil
}

// follow checks the includes. What is followed by its name tells of a resource as a filter does.
func (p *parser) follow(r *Request) error {
	if len(r.Includes) > 0 && r.Summary == SummaryText {
		return outcome.New(outcome.Invalid, "_summary=text does not go with _include and _revinclude")
	}
	r.Includes = ofEach(r.Types, r.Includes)
	for i := range r.Includes {
		in := &r.Includes[i]
		for _, t := range []string{in.Source, in.Target} {
			if t != "" && !definitions.IsResource(t) {
				return outcome.New(outcome.Structure, "Unknown resource type")
			}
		}
		if in.Params[0] == wildcard {
			in.Params, in.Every = referencesOf(in.Source), true
			continue
		}
		for _, code := range in.Params {
			param, err := p.lookUp(in.Source, code)
			switch {
			case outcome.Has(err, outcome.Invalid):
				return outcome.New(outcome.Invalid, "Unknown search parameter of %s: %s:%s", in.name(), in.Source, code)
			case err != nil:
				return err
			}
			if param.Type != definitions.Reference {
				return outcome.New(outcome.Invalid, "Search parameter %s is no reference", code)
			}
			p.use(in.Source, code)
		}
	}
	return nil
}

// ofEach puts each of the types that are searched in the place of a source that is not named.
func ofEach(types []string, includes []Include) []Include {
	var all []Include
	for _, in := range includes {
		if in.Source != "" {
			all = append(all, in)
			continue
		}
		for _, in.Source = range types {
			all = append(all, in)
		}
	}
	return all
}

// referencesOf are R4's reference parameters of a type.
func referencesOf(resourceType string) []string {
	var codes []string
	for _, param := range definitions.SearchParams(resourceType) {
		if param.Type == definitions.Reference && param.Expression != "" {
			codes = append(codes, param.Code)
		}
	}
	return codes
}

// readContained takes what R4 has anyway when nothing is said: contained resources are not searched.
func (r *Request) readContained(value string) (parameter, error) {
	if value != "false" {
		return parameter{}, outcome.New(outcome.NotSupported, "Contained resources are not searched: _contained=%s", value)
	}
	return parameter{"_contained", value}, nil
}
