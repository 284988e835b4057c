package definitions

import (
	"encoding/json"
	"maps"
	"slices"
)

// ValueSet is what a ValueSet says of its codes: in the tables as in a stored resource, whose
// JSON it reads.
type ValueSet struct {
	URL     string   `json:"url,omitempty"`
	Version string   `json:"version,omitempty"`
	Name    string   `json:"name,omitempty"`
	Title   string   `json:"title,omitempty"`
	Status  string   `json:"status,omitempty"`
	Compose *Compose `json:"compose,omitempty"`
}

// Compose is how a value set is put together.
type Compose struct {
	// Inactive says whether inactive codes are in the set; nil: they are.
	Inactive *bool     `json:"inactive,omitempty"`
	Include  []Include `json:"include,omitempty"`
	Exclude  []Include `json:"exclude,omitempty"`
}

// Include is a part of a value set: codes of a system, listed or filtered, that are in all of
// the value sets named.
type Include struct {
	System   string    `json:"system,omitempty"`
	Version  string    `json:"version,omitempty"`
	Concept  []Concept `json:"concept,omitempty"`
	Filter   []Filter  `json:"filter,omitempty"`
	ValueSet []string  `json:"valueSet,omitempty"`
}

// Filter picks concepts by a property.
type Filter struct {
	Property string `json:"property"`
	Op       string `json:"op"`
	Value    string `json:"value"`
}

// CodeSystem is a code system with its concepts.
type CodeSystem struct {
	URL              string    `json:"url,omitempty"`
	Version          string    `json:"version,omitempty"`
	Name             string    `json:"name,omitempty"`
	Title            string    `json:"title,omitempty"`
	Status           string    `json:"status,omitempty"`
	Content          string    `json:"content,omitempty"` // complete, fragment, not-present, …
	CaseSensitive    bool      `json:"caseSensitive,omitempty"`
	HierarchyMeaning string    `json:"hierarchyMeaning,omitempty"`
	Concept          []Concept `json:"concept,omitempty"`
}

// Concept is a code, in a system with those below it.
type Concept struct {
	Code        string            `json:"code"`
	Display     string            `json:"display,omitempty"`
	Definition  string            `json:"definition,omitempty"`
	Designation []json.RawMessage `json:"designation,omitempty"`
	Property    []ConceptProperty `json:"property,omitempty"`
	Concept     []Concept         `json:"concept,omitempty"`
}

// ConceptProperty is what a system says of a concept; the members are those of its value[x].
type ConceptProperty struct {
	Code          string      `json:"code"`
	ValueCode     string      `json:"valueCode,omitempty"`
	ValueString   string      `json:"valueString,omitempty"`
	ValueBoolean  *bool       `json:"valueBoolean,omitempty"`
	ValueInteger  json.Number `json:"valueInteger,omitempty"`
	ValueDecimal  json.Number `json:"valueDecimal,omitempty"`
	ValueDateTime string      `json:"valueDateTime,omitempty"`
	ValueCoding   *Coding     `json:"valueCoding,omitempty"`
}

// Coding is a code with its system.
type Coding struct {
	System  string `json:"system,omitempty"`
	Version string `json:"version,omitempty"`
	Code    string `json:"code,omitempty"`
	Display string `json:"display,omitempty"`
}

// ValueSetOf is R4's or Medplum's value set of that URL, nil when there is none.
func ValueSetOf(url string) *ValueSet {
	return composes.get(url, func(url string) *ValueSet { return row[ValueSet](valueSetLines(), url) })
}

// CodeSystemOf is R4's or Medplum's code system of that URL, nil when there is none.
func CodeSystemOf(url string) *CodeSystem {
	return codeSystems.get(url, func(url string) *CodeSystem { return row[CodeSystem](codeSystemLines(), url) })
}

func row[T any](table map[string][]byte, name string) *T {
	line, ok := table[name]
	if !ok {
		return nil
	}
	v := new(T)
	decode(line, v)
	return v
}

// ValueSets are the URLs of the value sets, sorted.
func ValueSets() []string { return slices.Sorted(maps.Keys(valueSetLines())) }
