package rest

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/r4"
)

// definitional is an operation on definitions, at the level of its type and maybe of an instance.
type definitional struct {
	resourceType, name string
	definition         string // its OperationDefinition
	instance           bool
	do                 func(*Handler, echo.Context) error
}

const hl7Operation = "http://hl7.org/fhir/OperationDefinition/"

// definitionals are the operations of terminology-service.html and those about profiles.
func definitionals() []definitional {
	return []definitional{
		{"ValueSet", "expand", hl7Operation + "ValueSet-expand", true, (*Handler).expand},
		{"ValueSet", "validate-code", hl7Operation + "ValueSet-validate-code", true, (*Handler).validateCode},
		{"CodeSystem", "lookup", hl7Operation + "CodeSystem-lookup", false, (*Handler).lookup},
		{"CodeSystem", "validate-code", hl7Operation + "CodeSystem-validate-code", true, (*Handler).validateSystemCode},
		{"StructureDefinition", "expand-profile", "https://medplum.com/fhir/OperationDefinition/StructureDefinition-expand-profile", false, (*Handler).expandProfile},
	}
}

// mountDefinitionals adds their routes and those of $validate, which every type has.
func (h *Handler) mountDefinitionals(g *echo.Group) {
	for _, op := range definitionals() {
		handler := func(c echo.Context) error { return op.do(h, c) }
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			g.Add(method, "/"+op.resourceType+"/$"+op.name, handler)
			if op.instance {
				g.Add(method, "/"+op.resourceType+"/:id/$"+op.name, handler)
			}
		}
	}
	g.POST("/:type/$validate", h.validate)
	g.POST("/:type/:id/$validate", h.validate)
	g.GET("/:type/:id/$validate", h.validate)
}

// operationsOf are those of a type, for the CapabilityStatement.
func operationsOf(resourceType string) []r4.CapabilityOperation {
	list := []r4.CapabilityOperation{{Name: "validate", Definition: hl7Operation + "Resource-validate"}}
	for _, op := range definitionals() {
		if op.resourceType == resourceType {
			list = append(list, r4.CapabilityOperation{Name: op.name, Definition: op.definition})
		}
	}
	return list
}
