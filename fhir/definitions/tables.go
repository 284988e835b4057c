package definitions

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the tables
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

//go:generate go run ./gen

// The tables are constant; what is remembered of them below is only what has been decoded.
var (
	//go:embed tables/structures.ndjson.gz
	structuresGz []byte
	//go:embed tables/params.ndjson.gz
	paramsGz []byte
	//go:embed tables/compartments.ndjson.gz
	compartmentsGz []byte
	//go:embed tables/codes.ndjson.gz
	codesGz []byte
	//go:embed tables/valuesets.ndjson.gz
	valueSetsGz []byte
	//go:embed tables/codesystems.ndjson.gz
	codeSystemsGz []byte

	structureLines  = sync.OnceValue(func() map[string][]byte { return lines(structuresGz) })
	paramLines      = sync.OnceValue(func() map[string][]byte { return lines(paramsGz) })
	codeLines       = sync.OnceValue(func() map[string][]byte { return lines(codesGz) })
	valueSetLines   = sync.OnceValue(func() map[string][]byte { return lines(valueSetsGz) })
	codeSystemLines = sync.OnceValue(func() map[string][]byte { return lines(codeSystemsGz) })
	resourceTypes   = sync.OnceValue(listResourceTypes)
	compartments    = sync.OnceValue(decodeCompartments)

	structures   = &linker{}
	searchParams memo[paramSet]
	valueSets    memo[map[string]bool]
	composes     memo[ValueSet]
	codeSystems  memo[CodeSystem]
)

// memo keeps what has been decoded, by name. Two goroutines may decode the same thing at once;
// the first to finish is kept.
type memo[T any] struct{ m sync.Map }

func (m *memo[T]) get(name string, decode func(name string) *T) *T {
	if v, ok := m.m.Load(name); ok {
		return v.(*T)
	}
	v := decode(name)
	if v == nil {
		return nil // unknown names are the client's; they are not kept
	}
	kept, _ := m.m.LoadOrStore(name, v)
	return kept.(*T)
}

// lines unpacks a table and finds its rows by the string that each begins with.
func lines(packed []byte) map[string][]byte {
	out := map[string][]byte{}
	for line := range bytes.Lines(unpack(packed)) {
		name := line[bytes.IndexByte(line, ':')+2:]
		out[string(name[:bytes.IndexByte(name, '"')])] = line
	}
	return out
}

func unpack(packed []byte) []byte {
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic(fmt.Sprintf("definitions: %v", err))
	}
	data, err := io.ReadAll(zip)
	if err != nil {
		panic(fmt.Sprintf("definitions: %v", err))
	}
	return data
}

func decode(line []byte, into any) {
	if err := json.Unmarshal(line, into); err != nil {
		panic(fmt.Sprintf("definitions: %v in %.60s", err, line))
	}
}

// IsResource says whether name is a concrete resource type, HL7's or Medplum's.
func IsResource(name string) bool {
	_, ok := paramLines()[name]
	return ok
}

// ResourceTypes are the concrete resource types, sorted.
func ResourceTypes() []string { return slices.Clone(resourceTypes()) }

func listResourceTypes() []string {
	var out []string
	for name := range paramLines() {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// StructureOf is the definition of a resource type, data type or backbone element, nil when
// there is none of that name.
func StructureOf(name string) *Structure { return structures.get(name) }

type paramSet struct {
	Params []*SearchParam `json:"params"`
	byCode map[string]*SearchParam
}

func paramsOf(resourceType string) *paramSet {
	return searchParams.get(resourceType, func(name string) *paramSet {
		line, ok := paramLines()[name]
		if !ok {
			return nil
		}
		set := &paramSet{byCode: map[string]*SearchParam{}}
		decode(line, set)
		for _, p := range set.Params {
			set.byCode[p.Code] = p
		}
		return set
	})
}

// SearchParams are the search parameters of a resource type, those of every type included, by
// code.
func SearchParams(resourceType string) []*SearchParam {
	if set := paramsOf(resourceType); set != nil {
		return set.Params
	}
	return nil
}

// SearchParamOf is one of them.
func SearchParamOf(resourceType, code string) (*SearchParam, bool) {
	set := paramsOf(resourceType)
	if set == nil {
		return nil, false
	}
	p, ok := set.byCode[code]
	return p, ok
}

type membership struct {
	Compartment string   `json:"c"`
	Type        string   `json:"t"`
	Params      []string `json:"p"`
}

func decodeCompartments() []membership {
	var out []membership
	for line := range bytes.Lines(unpack(compartmentsGz)) {
		var row membership
		decode(line, &row)
		out = append(out, row)
	}
	return out
}

// Compartment are the search parameters whose references put a resource of a type into a
// compartment ("Patient", "Practitioner", …). The code "{def}" stands for the resource itself;
// ok is false when the compartment never holds that type.
func Compartment(compartment, resourceType string) (params []string, ok bool) {
	for _, row := range compartments() {
		if row.Compartment == compartment && row.Type == resourceType {
			return row.Params, true
		}
	}
	return nil, false
}

// Compartments are the types that have a compartment.
func Compartments() []string {
	return []string{"Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"}
}

// Codes are the codes of a value set with a required binding; ok is false when the set cannot be
// listed (currencies, units, media types).
func Codes(valueSet string) (codes map[string]bool, ok bool) {
	set := valueSets.get(valueSet, func(url string) *map[string]bool {
		line, ok := codeLines()[url]
		if !ok {
			return nil
		}
		var row struct{ Codes []string }
		decode(line, &row)
		set := make(map[string]bool, len(row.Codes))
		for _, code := range row.Codes {
			set[code] = true
		}
		return &set
	})
	if set == nil {
		return nil, false
	}
	return *set, true
}

// Structures are all structures, sorted by name. Decoding them all takes time; it is for tests
// and for listings.
func Structures() []*Structure {
	var out []*Structure
	for name := range structureLines() {
		out = append(out, StructureOf(name))
	}
	slices.SortFunc(out, func(a, b *Structure) int { return strings.Compare(a.Name, b.Name) })
	return out
}
