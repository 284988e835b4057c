package scim

import (
	"net/http"

	"github.com/elimity-com/scim/schema"
	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// mountDiscovery adds the routes that say what the surface can do (RFC 7644 §4).
func (h *Handler) mountDiscovery(g *echo.Group) {
	g.GET("/ServiceProviderConfig", h.config)
	g.GET("/ResourceTypes", h.listed(h.resourceTypes))
	g.GET("/ResourceTypes/:id", h.one(h.resourceTypes))
	g.GET("/Schemas", h.listed(h.schemas))
	g.GET("/Schemas/:id", h.one(h.schemas))
}

func (h *Handler) config(c echo.Context) error {
	yes := object{"supported": true}
	return write(c, http.StatusOK, object{
		attrSchemas: []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":     yes, "changePassword": yes, "sort": yes, "etag": yes,
		"bulk":   object{"supported": true, "maxOperations": maxBulk, "maxPayloadSize": web.MaxJSON},
		"filter": object{"supported": true, "maxResults": maxCount},
		"authenticationSchemes": []object{
			{"type": "oauthbearertoken", "name": "OAuth 2.0", "description": "An access token of an administrator or of a client that is one", "primary": true},
			{"type": "httpbasic", "name": "HTTP Basic", "description": "The id and the secret of a client that is an administrator"},
		},
		attrMeta: h.described("ServiceProviderConfig", "ServiceProviderConfig"),
	})
}

func (h *Handler) described(resourceType string, at ...string) object {
	return object{"resourceType": resourceType, "location": h.base.JoinPath(at...).String()}
}

func (h *Handler) resourceTypes() (all []object) {
	for _, one := range h.collections() {
		k := one.kindOf()
		doc := object{
			attrSchemas: []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"}, attrID: k.name, "name": k.name,
			"description": k.description, "endpoint": "/" + k.endpoint, "schema": k.core.ID,
			attrMeta: h.described("ResourceType", "ResourceTypes", k.name),
		}
		if k.extension != nil {
			doc["schemaExtensions"] = []object{{"schema": k.extension.ID, "required": false}}
		}
		all = append(all, doc)
	}
	return all
}

func (h *Handler) schemas() (all []object) {
	for _, one := range h.collections() {
		k := one.kindOf()
		defined := []schema.Schema{k.core}
		if k.extension != nil {
			defined = append(defined, *k.extension)
		}
		for _, s := range defined {
			doc := s.ToMap()
			doc[attrMeta] = h.described("Schema", "Schemas", s.ID)
			all = append(all, doc)
		}
	}
	return all
}

// listed answers a list, which no filter narrows (RFC 7644 §4).
func (h *Handler) listed(all func() []object) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.QueryParam("filter") != "" {
			return &refusal{status: http.StatusForbidden, detail: "No filter is possible here"}
		}
		docs := all()
		return write(c, http.StatusOK, listOf(docs, len(docs), 1))
	}
}

func (h *Handler) one(all func() []object) echo.HandlerFunc {
	return func(c echo.Context) error {
		for _, doc := range all() {
			if doc[attrID] == c.Param("id") {
				return write(c, http.StatusOK, doc)
			}
		}
		return outcome.New(outcome.NotFound, "")
	}
}
