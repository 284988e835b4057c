package pages

import (
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
)

// The page on which a member says whom a client is opened about (SMART App Launch 2.2, standalone
// launch). It is there only where the client asks for a patient and nobody has named one.

// picker is the page for a patient, or for an encounter of the patient.
type picker struct {
	search *form // above the others; nil where there is nothing to search for
	choose form
}

// consent asks for what is missing first.
func (h *Handler) consent(c echo.Context, a asked, login string) error {
	missing, err := h.SignIn.MissingContext(c.Request().Context(), login, a.Authorization)
	switch {
	case err != nil:
		return err
	case missing == "":
		return h.page200(c, a, h.consentForm(a, login))
	}
	return h.pick(c, a, login, missing, "")
}

// pick offers the patients that find names, or the encounters. A patient without any goes on.
func (h *Handler) pick(c echo.Context, a asked, login, resourceType, find string) error {
	found, err := h.SignIn.Candidates(c.Request().Context(), login, resourceType, find, device(c))
	if err != nil {
		return err
	}
	encounters := resourceType == "Encounter"
	if encounters && len(found) == 0 {
		return h.page200(c, a, h.consentForm(a, login))
	}
	hidden := append(h.hiddenOf(a, login), field{name: "type", value: resourceType})
	choose := form{
		title: "Choose a patient", button: "Go on", action: h.action("launch"), hidden: hidden,
		choices: choices{legend: "Open " + clientName(a) + " about", name: "choice", kind: "radio"},
	}
	var search *form
	if encounters {
		choose.title = "Choose an encounter"
		choose.choices.options = []option{{"none", "No encounter", true}}
	} else {
		search = &form{
			button: "Search", action: choose.action, hidden: hidden,
			fields: []field{{name: "find", label: "Name of the patient", kind: "search", autocomplete: "off", value: find, focused: true, optional: true}},
		}
		choose.intro = tellOf(found, find)
	}
	for _, one := range found { // none of them is chosen already: the first may not be the right one
		choose.choices.options = append(choose.choices.options, option{one.ID, one.Text, false})
	}
	h.letThrough(c, a)
	return show(c, 200, h.pickPage(picker{search, choose}))
}

// tellOf says how the list came about.
func tellOf(found []admin.Candidate, find string) string {
	switch {
	case len(found) == 0 && find == "":
		return "There is no patient whom you may see."
	case len(found) == 0:
		return "Nobody of that name is to be seen by you."
	case len(found) == admin.MaxCandidates:
		return "There may be more: say more of the name to see them."
	}
	return ""
}

// launchFor is a search, or a choice.
func (h *Handler) launchFor(c echo.Context, a asked) error {
	login, err := h.pending(c, a)
	if err != nil {
		return err
	}
	resourceType, choice := a.entered.Get("type"), a.entered.Get("choice")
	switch {
	case resourceType != "Patient" && resourceType != "Encounter" || !oauth.WantsPatient(a.Scope):
		return outcome.New(outcome.Invalid, "")
	case choice == "":
		return h.pick(c, a, login, resourceType, strings.TrimSpace(a.entered.Get("find")))
	case choice == "none" && resourceType == "Encounter":
		return h.page200(c, a, h.consentForm(a, login))
	}
	if err := h.SignIn.ChooseContext(c.Request().Context(), login, resourceType, choice, device(c)); err != nil {
		return err
	}
	return h.consent(c, a, login)
}
