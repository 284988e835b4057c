package api

import (
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/web"
)

// readInput reads what an operation is given: plain JSON, as Medplum's clients send it, or a Parameters
// resource (FHIR R4 §3.2.0.4), whose parameters are taken for the members of their names; those in lists are
// members that are lists.
func readInput(c echo.Context, into any, lists ...string) error {
	var sent struct {
		ResourceType string `json:"resourceType"`
		Parameter    []struct {
			Name   string                    `json:"name"`
			Values map[string]jsontext.Value `json:",inline"` // value[x], whatever its type
		} `json:"parameter"`
	}
	body, err := web.ReadBody(c, web.MaxJSON)
	if err != nil || len(body) == 0 {
		return err
	}
	if err := web.DecodeJSON(body, &sent); err != nil {
		return err
	}
	if sent.ResourceType != "Parameters" {
		return web.DecodeJSON(body, into)
	}
	members := map[string]any{}
	for _, p := range sent.Parameter {
		for _, value := range p.Values {
			if slices.Contains(lists, p.Name) {
				before, _ := members[p.Name].([]jsontext.Value)
				members[p.Name] = append(before, value)
				continue
			}
			members[p.Name] = value
		}
	}
	if body, err = json.Marshal(members); err != nil {
		return err
	}
	return web.DecodeJSON(body, into)
}
