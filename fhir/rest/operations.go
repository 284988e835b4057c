package rest

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/r4"
)

// definitional is an operation on definitions, at the level of its type and maybe of an instance.
type definitional struct {
	resourceType, name string
	definition         string // its OperationDefinition
	instance           bool
	do                 func(*Handler, echo.Context) error
}

// Where the definitions of operations are: R4's, and those that only Medplum has.
const (
	hl7Operation     = "http://hl7.org/fhir/OperationDefinition/"
	medplumOperation = "https://medplum.com/fhir/OperationDefinition/"
)

// definitionals are the operations of terminology-service.html and those about profiles.
func definitionals() []definitional {
	return []definitional{
		{"ValueSet", "expand", hl7Operation + "ValueSet-expand", true, (*Handler).expand},
		{"ValueSet", "validate-code", hl7Operation + "ValueSet-validate-code", true, (*Handler).validateCode},
		{"CodeSystem", "lookup", hl7Operation + "CodeSystem-lookup", false, (*Handler).lookup},
		{"CodeSystem", "subsumes", hl7Operation + "CodeSystem-subsumes", true, (*Handler).subsumes},
		{"CodeSystem", "validate-code", hl7Operation + "CodeSystem-validate-code", true, (*Handler).validateSystemCode},
		{"StructureDefinition", "expand-profile", medplumOperation + "StructureDefinition-expand-profile", false, (*Handler).expandProfile},
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

// named are the operations of one type that are not about definitions.
func named(resourceType string) []r4.CapabilityOperation {
	switch resourceType {
	case "Patient":
		return []r4.CapabilityOperation{{Name: "everything", Definition: hl7Operation + "Patient-everything"}}
	case medplum.TypeClientApplication:
		return []r4.CapabilityOperation{
			{Name: "smart-launch", Definition: medplumOperation + "ClientApplication-smart-launch"},
			{Name: "rotate-secret", Definition: medplumOperation + "ClientApplication-rotate-secret"},
		}
	case medplum.TypeUser:
		return []r4.CapabilityOperation{
			{Name: "update-email", Definition: medplumOperation + "User-update-email"},
			{Name: "rescope", Definition: medplumOperation + "User-rescope"},
		}
	case medplum.TypeProject:
		return []r4.CapabilityOperation{
			{Name: "init", Definition: medplumOperation + "Project-init"},
			{Name: "clone", Definition: medplumOperation + "Project-clone"},
			{Name: "rate-limits", Definition: medplumOperation + "Project-rate-limits"},
		}
	case typeAsyncJob:
		return []r4.CapabilityOperation{{Name: "cancel", Definition: medplumOperation + "AsyncJob-cancel"}}
	}
	return nil
}

// operationsOf are those of a type, for the CapabilityStatement. A test compares them with the routes.
func operationsOf(resourceType string) []r4.CapabilityOperation {
	list := []r4.CapabilityOperation{
		{Name: "validate", Definition: hl7Operation + "Resource-validate"},
		{Name: "graph", Definition: hl7Operation + "Resource-graph"},
		{Name: "csv", Definition: medplumOperation + "Resource-csv"},
		{Name: "expunge", Definition: medplumOperation + "Resource-expunge"},
		{Name: "reindex", Definition: medplumOperation + "Resource-reindex"},
		{Name: "set-accounts", Definition: medplumOperation + "Resource-set-accounts"},
	}
	for _, op := range definitionals() {
		if op.resourceType == resourceType {
			list = append(list, r4.CapabilityOperation{Name: op.name, Definition: op.definition})
		}
	}
	return append(list, named(resourceType)...)
}
