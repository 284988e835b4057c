package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/r4"
	"github.com/admitdev/admit/fhir/terminology"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// reader is who an operation of terminology acts as.
type reader interface {
	Read(ctx context.Context, resourceType, id string) (store.Resource, error)
	Terminology(ctx context.Context) terminology.Source
}

// maxExpansion is how many codes one page of an expansion has, asked for or not.
const maxExpansion = 1000

// expand lists the codes of a value set (R4 valueset-operation-expand.html). The list is flat:
// excludeNested and excludePostCoordinated change nothing, nor does displayLanguage, for displays
// have one language; none of them is named in the expansion.
func (h *Handler) expand(c echo.Context) error {
	in, err := operationInput(c, "url", "valueSet", "valueSetVersion", "filter", "offset", "count", "activeOnly",
		"includeDesignations", "includeDefinition", "displayLanguage", "excludeNested", "excludeNotForUI", "excludePostCoordinated")
	if err != nil {
		return err
	}
	as, err := readExpansion(&in)
	if err != nil {
		return err
	}
	set, err := h.valueSet(c.Request().Context(), h.session(c), c.Param("id"), &in)
	if err != nil {
		return err
	}
	page, total, err := set.Expand(as)
	if err != nil {
		return err
	}
	body, err := h.expansion(&in, set, as, page, total)
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, body)
}

func readExpansion(in *input) (as terminology.Expansion, err error) {
	as.Filter = in.text("filter")
	if as.Offset, err = in.number("offset", 0, 1<<30); err != nil {
		return as, err
	}
	if as.Count, err = in.number("count", maxExpansion, maxExpansion); err != nil {
		return as, err
	}
	if as.ActiveOnly, err = in.boolean("activeOnly"); err != nil {
		return as, err
	}
	if as.Selectable, err = in.boolean("excludeNotForUI"); err != nil {
		return as, err
	}
	as.Designations, err = in.boolean("includeDesignations")
	return as, err
}

// valueSet is the set that an operation is about: that of the address, of a parameter, or one
// that is known by its URL.
func (h *Handler) valueSet(ctx context.Context, as reader, id string, in *input) (*terminology.Set, error) {
	if err := in.onlyParameters(); err != nil {
		return nil, err
	}
	object, err := in.object("valueSet")
	if err != nil {
		return nil, err
	}
	named := in.text("url")
	source := as.Terminology(ctx)
	switch {
	case id != "" && object == nil && named == "":
		found, err := as.Read(ctx, "ValueSet", id)
		if err != nil {
			return nil, err
		}
		return resolveRaw(source, found.Content)
	case id == "" && object != nil && named == "":
		if object.Text("resourceType") != "ValueSet" {
			return nil, outcome.New(outcome.Structure, "A ValueSet is expected").At("valueSet")
		}
		return resolveRaw(source, object.Raw)
	case id == "" && object == nil && named != "":
		if version := in.text("valueSetVersion"); version != "" {
			named += "|" + version
		}
		return terminology.Resolve(source, named)
	}
	return nil, outcome.New(outcome.Required, "One value set is wanted: by its id, url or valueSet")
}

func resolveRaw(source terminology.Source, raw []byte) (*terminology.Set, error) {
	var definition definitions.ValueSet
	if err := json.Unmarshal(raw, &definition); err != nil {
		return nil, outcome.New(outcome.Structure, "The ValueSet cannot be read")
	}
	return terminology.ResolveDefinition(source, &definition)
}

// expandedSet is a ValueSet as an expansion shows it.
type expandedSet struct {
	ResourceType string               `json:"resourceType"`
	URL          string               `json:"url,omitempty"`
	Version      string               `json:"version,omitempty"`
	Name         string               `json:"name,omitempty"`
	Title        string               `json:"title,omitempty"`
	Status       string               `json:"status"`
	Compose      *definitions.Compose `json:"compose,omitempty"`
	Expansion    expansion            `json:"expansion"`
}

type expansion struct {
	Identifier string         `json:"identifier"`
	Timestamp  string         `json:"timestamp"`
	Total      int            `json:"total"`
	Offset     int            `json:"offset"`
	Parameter  []r4.Parameter `json:"parameter,omitempty"`
	Contains   []contained    `json:"contains,omitempty"`
}

type contained struct {
	System      string          `json:"system,omitempty"`
	Abstract    bool            `json:"abstract,omitempty"`
	Inactive    bool            `json:"inactive,omitempty"`
	Version     string          `json:"version,omitempty"`
	Code        string          `json:"code"`
	Display     string          `json:"display,omitempty"`
	Designation json.RawMessage `json:"designation,omitempty"`
}

func (h *Handler) expansion(in *input, set *terminology.Set, as terminology.Expansion, page []terminology.Member, total int) ([]byte, error) {
	clock := h.repo.Clock
	out := expandedSet{
		ResourceType: "ValueSet", URL: set.URL, Version: set.Version, Name: set.Name, Title: set.Title, Status: set.Status,
		Expansion: expansion{
			Identifier: "urn:uuid:" + clock.NewID(), Timestamp: clock.Now().UTC().Format(document.InstantFormat),
			Total: total, Offset: as.Offset, Parameter: used(in, as),
		},
	}
	if out.Status == "" {
		out.Status = "unknown"
	}
	if whole, err := in.boolean("includeDefinition"); err != nil {
		return nil, err
	} else if whole {
		out.Compose = set.Compose
	}
	for _, m := range page {
		out.Expansion.Contains = append(out.Expansion.Contains, contained{
			m.System, m.Abstract, m.Inactive, m.Version, m.Code, m.Display, m.Designation,
		})
	}
	return r4.Marshal(out)
}

// used are the parameters that made the expansion what it is.
func used(in *input, as terminology.Expansion) []r4.Parameter {
	var out []r4.Parameter
	if in.has("filter") {
		out = append(out, r4.Parameter{Name: "filter", ValueString: in.text("filter")})
	}
	if in.has("offset") {
		out = append(out, r4.Parameter{Name: "offset", ValueInteger: json.Number(strconv.Itoa(as.Offset))})
	}
	if in.has("count") {
		out = append(out, r4.Parameter{Name: "count", ValueInteger: json.Number(strconv.Itoa(as.Count))})
	}
	for _, name := range []string{"activeOnly", "excludeNotForUI", "includeDesignations"} {
		if in.has(name) {
			out = append(out, r4.Parameter{Name: name, ValueBoolean: new(in.text(name) == "true")})
		}
	}
	return out
}
