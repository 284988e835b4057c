package main

import (
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
)

// properties are those of concepts that $expand and $lookup tell: which code may not be chosen,
// which is no longer in use, which are below it besides those written so.
var properties = []string{"notSelectable", "abstract", "inactive", "status", "child", "parent", "subsumedBy"}

// valueSetTable are the value sets with what their codes are put together from.
func (s *source) valueSetTable() []definitions.ValueSet {
	var out []definitions.ValueSet
	for _, set := range s.composes {
		if set.URL == "" || set.Compose == nil {
			continue
		}
		for _, parts := range [][]definitions.Include{set.Compose.Include, set.Compose.Exclude} {
			for i := range parts {
				trim(parts[i].Concept)
			}
		}
		set.Title = ""
		out = append(out, set)
	}
	slices.SortFunc(out, func(a, b definitions.ValueSet) int { return strings.Compare(a.URL, b.URL) })
	return out
}

// codeSystemTable are the code systems with their concepts.
func (s *source) codeSystemTable() []definitions.CodeSystem {
	var out []definitions.CodeSystem
	for _, system := range s.hierarchies {
		if system.URL == "" || system.Content == "supplement" {
			continue
		}
		trim(system.Concept)
		system.Title = ""
		out = append(out, system)
	}
	slices.SortFunc(out, func(a, b definitions.CodeSystem) int { return strings.Compare(a.URL, b.URL) })
	return out
}

// trim leaves codes, their displays, and of their properties those that decide something.
func trim(concepts []definitions.Concept) {
	for i := range concepts {
		c := &concepts[i]
		c.Definition, c.Designation = "", nil
		c.Property = slices.DeleteFunc(c.Property, func(p definitions.ConceptProperty) bool {
			return !slices.Contains(properties, p.Code) || p.Code == "status" && p.ValueCode == "active"
		})
		if len(c.Property) == 0 {
			c.Property = nil
		}
		trim(c.Concept)
	}
}
