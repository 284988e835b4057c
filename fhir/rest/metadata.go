package rest

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/patch"
	"github.com/admitdev/admit/fhir/r4"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/fhir/search"
)

// capabilities answers with what the server can do (R4 http.html#capabilities): bytes made once.
func (h *Handler) capabilities(c echo.Context) error {
	if _, err := parameters(c, "mode"); err != nil {
		return err
	}
	c.Response().Header().Set("ETag", etag(h.metadataVersion))
	if noneMatch(c.Request().Header, h.metadataVersion) {
		return c.NoContent(http.StatusNotModified)
	}
	return blob(c, http.StatusOK, h.metadata)
}

// versions says which FHIR versions are served (R4 capabilitystatement-operation-versions.html, as
// plain JSON).
func (h *Handler) versions(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]any{"versions": []string{"4.0"}, "default": "4.0"})
}

// interactions are what this package routes for a type.
var interactions = [...]string{"read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type"}

// commonParams are the search parameters of every type.
var commonParams = [...]r4.CapabilitySearchParam{
	{Name: "_id", Type: "token"},
	{Name: "_lastUpdated", Type: "date"},
	{Name: "_filter", Type: "special"},
	{Name: "_list", Type: "special"},
}

// searchNotes are where searches differ from what a reader of R4 search.html might expect.
const searchNotes = "Searches do not look into contained resources, nor do chains (search.html#contained): only _contained=false is taken. " +
	"A bare id as the value of a reference parameter finds the references to it of every type: name the type where ids may be the same (subject:Patient=1). " +
	"Reference parameters have neither :above nor :below, but for :below of canonical ones. " +
	"A parameter that is not supported is refused, or left out with Prefer: handling=lenient; a modifier or value that is not supported is always refused."

// oauthURIs is the extension by which SMART clients of old find the endpoints.
const oauthURIs = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"

const securityServices = "http://terminology.hl7.org/CodeSystem/restful-security-service"

func capabilities(o Options) ([]byte, error) {
	var resources []r4.CapabilityResource
	for _, name := range definitions.ResourceTypes() {
		resources = append(resources, capability(name))
	}
	root := strings.TrimSuffix(o.Base, "fhir/R4/")
	statement := fhir.CapabilityStatement{
		Id:             new("admit"),
		Url:            new(o.Base + "metadata"),
		Version:        new(o.Version),
		Name:           new("AdmitCapabilityStatement"),
		Title:          new("Admit Capability Statement"),
		Status:         fhir.PublicationStatusActive,
		Date:           o.Released.UTC().Format(document.InstantFormat),
		Kind:           fhir.CapabilityStatementKindInstance,
		Software:       &fhir.CapabilityStatementSoftware{Name: "admit", Version: new(o.Version)},
		Implementation: &fhir.CapabilityStatementImplementation{Description: "admit", Url: new(o.Base)},
		FhirVersion:    fhir.FHIRVersion4_0_1,
		Format:         []string{"json"},
		Rest: []fhir.CapabilityStatementRest{{
			Mode: fhir.RestfulCapabilityModeServer, Documentation: new(searchNotes), Security: security(root, o.CORS),
			Interaction: []fhir.CapabilityStatementRestInteraction{
				{Code: fhir.SystemRestfulInteractionTransaction}, {Code: fhir.SystemRestfulInteractionBatch}, {Code: fhir.SystemRestfulInteractionSearchSystem},
				{Code: fhir.SystemRestfulInteractionHistorySystem},
			},
			Operation: []fhir.CapabilityStatementRestResourceOperation{
				{Name: "graphql", Definition: hl7Operation + "Resource-graphql"},
				{Name: "reindex", Definition: medplumOperation + "reindex"},
				{Name: "versions", Definition: hl7Operation + "CapabilityStatement-versions"},
			},
		}},
		PatchFormat: []string{patch.MediaType, "application/fhir+json"},
	}
	return r4.Capabilities(statement, resources)
}

func security(root string, cors bool) *fhir.CapabilityStatementRestSecurity {
	s := &fhir.CapabilityStatementRestSecurity{Cors: new(cors)}
	for _, code := range []string{"OAuth", "Basic", "SMART-on-FHIR"} {
		s.Service = append(s.Service, fhir.CodeableConcept{Coding: []fhir.Coding{{System: new(securityServices), Code: new(code)}}})
	}
	s.Extension = []fhir.Extension{{Url: oauthURIs, Extension: []fhir.Extension{
		{Url: "authorize", ValueUri: new(root + "oauth2/authorize")},
		{Url: "token", ValueUri: new(root + "oauth2/token")},
	}}}
	return s
}

func capability(name string) r4.CapabilityResource {
	resource := r4.CapabilityResource{
		Type:              name,
		Versioning:        "versioned-update",
		ReadHistory:       true,
		ConditionalCreate: true,
		ConditionalRead:   "full-support",
		ConditionalUpdate: true,
		ConditionalDelete: "single",
		ReferencePolicy:   []string{"literal", "logical", "local"},
	}
	for _, code := range interactions {
		if writes := code == "create" || code == "update" || code == "patch" || code == "delete"; writes && repo.ServerMade(name) {
			continue
		}
		resource.Interaction = append(resource.Interaction, r4.CapabilityInteraction{Code: code})
	}
	resource.Operation = operationsOf(name)
	resource.SearchParam = append([]r4.CapabilitySearchParam(nil), commonParams[:]...)
	for _, p := range definitions.SearchParams(name) {
		if search.Supports(name, p) && p.Code != "_id" && p.Code != "_lastUpdated" {
			resource.SearchParam = append(resource.SearchParam, r4.CapabilitySearchParam{Name: p.Code, Definition: p.URL, Type: string(p.Type)})
		}
	}
	return resource
}
