package rest

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/r4"
	"github.com/admitdev/admit/fhir/terminology"
	"github.com/admitdev/admit/pkg/outcome"
)

// lookup tells what a code system says of a code (R4 codesystem-operation-lookup.html).
func (h *Handler) lookup(c echo.Context) error {
	in, err := operationInput(c, "code", "system", "version", "coding", "property"+repeated, "displayLanguage")
	if err != nil {
		return err
	}
	if err := in.onlyParameters(); err != nil {
		return err
	}
	asked, err := in.codings()
	if err != nil {
		return err
	}
	version := in.text("version")
	if version == "" {
		version = asked[0].Version
	}
	system, err := systemOf(h.session(c).Terminology(c.Request().Context()), asked[0].System, version)
	if err != nil {
		return err
	}
	found, ok := system.Find(asked[0].Code)
	if !ok {
		return outcome.New(outcome.NotFound, "The code %s is not in CodeSystem %s", asked[0].Code, system.URL)
	}
	list, err := describe(system, found, in.texts("property"))
	if err != nil {
		return err
	}
	body, err := r4.Parameters(list)
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, body)
}

// describe lists what is known of a concept; wanted are the properties asked for, none means all.
func describe(system *terminology.System, found *terminology.Concept, wanted []string) ([]r4.Parameter, error) {
	name := system.Name
	if name == "" {
		name = system.URL
	}
	display := found.Display
	if display == "" {
		display = found.Code
	}
	list := []r4.Parameter{{Name: "name", ValueString: name}}
	if system.Version != "" {
		list = append(list, r4.Parameter{Name: "version", ValueString: system.Version})
	}
	list = append(list, r4.Parameter{Name: "display", ValueString: display})
	asks := func(name string) bool { return len(wanted) == 0 || slices.Contains(wanted, name) }
	if asks("designation") {
		for _, raw := range found.Designation {
			designation, err := designationOf(raw)
			if err != nil {
				return nil, err
			}
			list = append(list, designation)
		}
	}
	for _, p := range propertiesOf(system, found) {
		if asks(p.Part[0].ValueCode) {
			list = append(list, p)
		}
	}
	return list, nil
}

func designationOf(raw json.RawMessage) (r4.Parameter, error) {
	var d struct {
		Language, Value string
		Use             json.RawMessage
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return r4.Parameter{}, err
	}
	p := r4.Parameter{Name: "designation"}
	if d.Language != "" {
		p.Part = append(p.Part, r4.Parameter{Name: "language", ValueCode: d.Language})
	}
	if d.Use != nil {
		p.Part = append(p.Part, r4.Parameter{Name: "use", ValueCoding: d.Use})
	}
	p.Part = append(p.Part, r4.Parameter{Name: "value", ValueString: d.Value})
	return p, nil
}

// propertiesOf are the relations of a concept and what its system says besides.
func propertiesOf(system *terminology.System, found *terminology.Concept) []r4.Parameter {
	property := func(code string, value r4.Parameter) r4.Parameter {
		value.Name = "value"
		return r4.Parameter{Name: "property", Part: []r4.Parameter{{Name: "code", ValueCode: code}, value}}
	}
	var list []r4.Parameter
	if found.Definition != "" {
		list = append(list, property("definition", r4.Parameter{ValueString: found.Definition}))
	}
	for _, at := range found.Parents {
		list = append(list, property("parent", r4.Parameter{ValueCode: system.Concepts[at].Code}))
	}
	for _, at := range found.Children {
		list = append(list, property("child", r4.Parameter{ValueCode: system.Concepts[at].Code}))
	}
	list = append(list, property("inactive", r4.Parameter{ValueBoolean: &found.Inactive}))
	for _, p := range found.Property {
		if slices.Contains([]string{"parent", "child", "inactive", "subsumedBy"}, p.Code) {
			continue
		}
		list = append(list, property(p.Code, valueOf(p)))
	}
	return list
}

func valueOf(p definitions.ConceptProperty) r4.Parameter {
	value := r4.Parameter{
		ValueCode: p.ValueCode, ValueString: p.ValueString, ValueBoolean: p.ValueBoolean, ValueInteger: p.ValueInteger,
		ValueDecimal: p.ValueDecimal, ValueTime: p.ValueDateTime,
	}
	if p.ValueCoding != nil {
		if raw, err := r4.Marshal(p.ValueCoding); err == nil {
			value.ValueCoding = raw
		}
	}
	return value
}
