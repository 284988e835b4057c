package rest

import (
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// validate says whether a resource is valid and, with a mode, whether it could be written. What is
// not is 400, as upstream, whose clients tell by it; nothing is ever written.
func (h *Handler) validate(c echo.Context) error {
	in, err := operationInput(c, "resource", "mode", "profile"+repeated)
	if err != nil {
		return err
	}
	asked := repo.Validation{Type: c.Param("type"), ID: c.Param("id"), Mode: in.text("mode"), Profiles: in.texts("profile")}
	if asked.Mode != "" && !slices.Contains([]string{"create", "update", "delete"}, asked.Mode) {
		return outcome.New(outcome.Invalid, "Invalid value of mode: create, update or delete is wanted")
	}
	if asked.Mode != "delete" {
		if asked.Body, err = h.validated(c, asked, &in); err != nil {
			return err
		}
	}
	warnings, err := h.session(c).Validate(c.Request().Context(), asked)
	if err != nil {
		return err
	}
	if len(warnings) > 0 {
		return web.WriteOutcome(c, &outcome.Outcome{Code: outcome.OK, Issues: warnings})
	}
	return web.WriteOutcome(c, outcome.New(outcome.OK, ""))
}

// validated is the resource that is asked about: the body, a parameter, or the one that is stored.
func (h *Handler) validated(c echo.Context, asked repo.Validation, in *input) ([]byte, error) {
	given, err := in.object("resource")
	switch {
	case err != nil:
		return nil, err
	case given != nil && in.bare != nil: // the resource is named in the query
		return nil, outcome.New(outcome.Invalid, "The parameter resource is given twice")
	case given != nil:
		return given.Raw, nil
	case in.bare != nil:
		return in.bare.Raw, nil
	case asked.ID == "":
		return nil, outcome.New(outcome.Invalid, "Incorrect resource type: expected %s, but found <EMPTY>", asked.Type)
	}
	stored, err := h.session(c).Read(c.Request().Context(), asked.Type, asked.ID)
	return stored.Content, err
}

// The bounds of $expand-profile.
const (
	maxProfileDepth = 10
	maxNested       = 100
)

// expandProfile gives a profile and the profiles of the extensions and types that it uses, in a
// Bundle (Medplum's SDK: requestProfileSchema).
func (h *Handler) expandProfile(c echo.Context) error {
	in, err := operationInput(c, "url")
	if err != nil {
		return err
	}
	url := in.text("url")
	if url == "" {
		return outcome.New(outcome.Invalid, "Profile url not specified")
	}
	x := nesting{session: h.session(c), base: h.base, seen: map[string]bool{}}
	if err := x.add(c.Request().Context(), url, 1); err != nil {
		return err
	}
	if len(x.bundle.Entries) == 0 {
		return outcome.New(outcome.NotFound, "")
	}
	x.bundle.Type = "collection"
	return blob(c, outcome.OK.Status, x.bundle.JSON())
}

// profilesOf are the profiles that the elements of a definition have for their types.
func profilesOf(definition *document.Node) []string {
	var out []string
	for _, view := range []string{"snapshot", "differential"} {
		for _, element := range definition.Find(view, "element").Values() {
			for _, t := range element.Get("type").Values() {
				for _, canonical := range t.Get("profile").Values() {
					out = append(out, canonical.String())
				}
			}
		}
	}
	return out
}
