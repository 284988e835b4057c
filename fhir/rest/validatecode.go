package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/r4"
	"github.com/admitdev/admit/fhir/terminology"
	"github.com/admitdev/admit/pkg/outcome"
)

// verdict is what is said of one code.
type verdict struct {
	valid            bool
	message, display string
}

func refuse(format string, args ...any) verdict {
	return verdict{message: fmt.Sprintf(format, args...)}
}

// parameters is the verdict as R4 has it.
func (v verdict) parameters() ([]byte, error) {
	list := []r4.Parameter{{Name: "result", ValueBoolean: &v.valid}}
	if v.message != "" {
		list = append(list, r4.Parameter{Name: "message", ValueString: v.message})
	}
	if v.display != "" {
		list = append(list, r4.Parameter{Name: "display", ValueString: v.display})
	}
	return r4.Parameters(list)
}

// validateCode says whether a code is in a value set (R4 valueset-operation-validate-code.html).
func (h *Handler) validateCode(c echo.Context) error {
	in, err := operationInput(c, "url", "valueSet", "valueSetVersion", "code", "system", "systemVersion", "display", "coding",
		"codeableConcept", "abstract", "displayLanguage")
	if err != nil {
		return err
	}
	asked, err := in.codings()
	if err != nil {
		return err
	}
	abstract, err := in.boolean("abstract")
	if err != nil {
		return err
	}
	set, err := h.valueSet(c.Request().Context(), h.session(c), c.Param("id"), &in)
	if err != nil {
		return err
	}
	return answer(c, asked, func(coding definitions.Coding) verdict { return inSet(set, coding, abstract) })
}

// answer gives the verdict on the first coding that is valid, or else on the last.
func answer(c echo.Context, asked []definitions.Coding, judge func(definitions.Coding) verdict) error {
	var v verdict
	for _, coding := range asked {
		if v = judge(coding); v.valid {
			break
		}
	}
	body, err := v.parameters()
	if err != nil {
		return err
	}
	return blob(c, http.StatusOK, body)
}

// codings are the codes that are asked about: one, or those of a CodeableConcept.
func (in *input) codings() ([]definitions.Coding, error) {
	coding, err := in.object("coding")
	if err != nil {
		return nil, err
	}
	concept, err := in.object("codeableConcept")
	if err != nil {
		return nil, err
	}
	switch {
	case in.has("code") && coding == nil && concept == nil:
		return []definitions.Coding{{System: in.text("system"), Version: in.text("systemVersion"), Code: in.text("code"), Display: in.text("display")}}, nil
	case !in.has("code") && coding != nil && concept == nil:
		return readCodings([]*document.Node{coding})
	case !in.has("code") && coding == nil && concept != nil:
		return readCodings(concept.Get("coding").Values())
	}
	return nil, outcome.New(outcome.Required, "One of code, coding and codeableConcept is wanted")
}

func readCodings(list []*document.Node) ([]definitions.Coding, error) {
	if len(list) == 0 {
		return nil, outcome.New(outcome.Required, "The CodeableConcept has no coding")
	}
	out := make([]definitions.Coding, len(list))
	for i, n := range list {
		if err := json.Unmarshal(n.Raw, &out[i]); err != nil {
			return nil, outcome.New(outcome.Structure, "A Coding cannot be read")
		}
	}
	return out, nil
}

func inSet(set *terminology.Set, coding definitions.Coding, abstract bool) verdict {
	if coding.System == "" {
		return refuse("The code %s has no system", coding.Code)
	}
	m, answer := set.Contains(coding.System, coding.Code)
	switch {
	case answer == terminology.Unknown:
		return refuse("Whether ValueSet %s holds %s is not known: the content of %s is not here", set.URL, coding.Code, coding.System)
	case answer == terminology.No:
		return refuse("The code %s of %s is not in ValueSet %s", coding.Code, coding.System, set.URL)
	case m.Abstract && !abstract:
		return verdict{message: fmt.Sprintf("The code %s is abstract and may not be chosen", coding.Code), display: m.Display}
	}
	return withDisplay(coding, m.Display, m.Named)
}

// withDisplay is the verdict on a code that is valid, once its display has been looked at.
func withDisplay(coding definitions.Coding, display string, named func(string) bool) verdict {
	if coding.Display == "" || display == "" || strings.EqualFold(coding.Display, display) || named(coding.Display) {
		return verdict{valid: true, display: display}
	}
	return verdict{message: fmt.Sprintf("The display of %s is %q, not %q", coding.Code, display, coding.Display), display: display}
}

// validateSystemCode says whether a code is one of a code system (R4
// codesystem-operation-validate-code.html).
func (h *Handler) validateSystemCode(c echo.Context) error {
	in, err := operationInput(c, "url", "codeSystem", "code", "version", "display", "coding", "codeableConcept", "abstract", "displayLanguage")
	if err != nil {
		return err
	}
	asked, err := in.codings()
	if err != nil {
		return err
	}
	system, err := h.codeSystem(c.Request().Context(), h.session(c), c.Param("id"), &in, asked)
	if err != nil {
		return err
	}
	return answer(c, asked, func(coding definitions.Coding) verdict { return inSystem(system, coding) })
}

func inSystem(system *terminology.System, coding definitions.Coding) verdict {
	if coding.System != "" && coding.System != system.URL {
		return refuse("The code %s is of %s, not of %s", coding.Code, coding.System, system.URL)
	}
	found, ok := system.Find(coding.Code)
	switch {
	case !ok && !system.Complete():
		return refuse("The code %s is not known: the content of %s is not all here", coding.Code, system.URL)
	case !ok:
		return refuse("The code %s is not in CodeSystem %s", coding.Code, system.URL)
	}
	return withDisplay(coding, found.Display, found.Named)
}

// codeSystem is the system that an operation is about: that of the address, of a parameter, or
// the one that is known by its URL or by the coding's.
func (h *Handler) codeSystem(ctx context.Context, as reader, id string, in *input, asked []definitions.Coding) (*terminology.System, error) {
	if err := in.onlyParameters(); err != nil {
		return nil, err
	}
	object, err := in.object("codeSystem")
	if err != nil {
		return nil, err
	}
	named := in.text("url")
	switch {
	case id != "" && object == nil && named == "":
		found, err := as.Read(ctx, "CodeSystem", id)
		if err != nil {
			return nil, err
		}
		return readSystem(found.Content)
	case id == "" && object != nil && named == "":
		if object.Text("resourceType") != "CodeSystem" {
			return nil, outcome.New(outcome.Structure, "A CodeSystem is expected").At("codeSystem")
		}
		return readSystem(object.Raw)
	case id == "" && object == nil:
		if named == "" {
			named = asked[0].System
		}
		return systemOf(as.Terminology(ctx), named, in.text("version"))
	}
	return nil, outcome.New(outcome.Required, "One code system is wanted: by its id, url or codeSystem")
}

func readSystem(raw []byte) (*terminology.System, error) {
	var definition definitions.CodeSystem
	if err := json.Unmarshal(raw, &definition); err != nil {
		return nil, outcome.New(outcome.Structure, "The CodeSystem cannot be read")
	}
	return terminology.NewSystem(&definition), nil
}

// systemOf is the system of that URL.
//
// Errors: outcome NotFound, Required when there is no URL.
func systemOf(source terminology.Source, url, version string) (*terminology.System, error) {
	if url == "" {
		return nil, outcome.New(outcome.Required, "The code system is wanted")
	}
	system, err := source.CodeSystem(url, version)
	if err == nil && system == nil {
		err = outcome.New(outcome.NotFound, "CodeSystem %s not found", url)
	}
	return system, err
}
