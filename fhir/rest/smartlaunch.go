package rest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
)

// smartLaunch opens an application about a patient or an encounter (SMART App Launch 2.2, EHR launch): it
// makes the SmartAppLaunch and leads to where the application begins. The caller must see the
// application and what it is to be about, and may make a SmartAppLaunch; all by its policy.
func (h *Handler) smartLaunch(c echo.Context) error {
	in, err := operationInput(c, "patient", "encounter")
	if err != nil {
		return err
	}
	ctx, session := c.Request().Context(), h.session(c)
	client, err := session.Read(ctx, medplum.TypeClientApplication, c.Param("id"))
	if err != nil {
		return err
	}
	if client.Project != session.Caller().Project { // where its launches would not be found
		return outcome.New(outcome.NotFound, "")
	}
	address, err := launchAddress(client.Content)
	if err != nil {
		return err
	}
	about, err := launchedAbout(in)
	if err != nil {
		return err
	}
	if _, err := session.Read(ctx, about.resourceType, about.id); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"resourceType": typeSmartAppLaunch, strings.ToLower(about.resourceType): medplum.RefTo(about.resourceType, about.id, ""),
	})
	if err != nil {
		return err
	}
	launch, err := session.Create(ctx, typeSmartAppLaunch, body)
	if err != nil {
		return err
	}
	query := address.Query()
	query.Set("iss", strings.TrimSuffix(h.base, "/"))
	query.Set("launch", launch.ID)
	address.RawQuery = query.Encode()
	return c.Redirect(http.StatusFound, address.String())
}

const typeSmartAppLaunch = "SmartAppLaunch"

// launchAddress is where an application begins. A browser is led there, so it must be a page.
func launchAddress(client []byte) (*url.URL, error) {
	doc, err := document.Parse(client)
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(doc.Text("launchUri"))
	if err != nil || address.Scheme != "https" && address.Scheme != "http" || address.Host == "" {
		return nil, outcome.New(outcome.Invalid, "The client has no launch URI").At("ClientApplication.launchUri")
	}
	return address, nil
}

// launchedAbout is the one resource that an application is opened about, named by its id or a reference.
func launchedAbout(in input) (target, error) {
	patient, encounter := in.text("patient"), in.text("encounter")
	if (patient == "") == (encounter == "") {
		return target{}, outcome.New(outcome.Invalid, "Either patient or encounter must be given")
	}
	if encounter != "" {
		return target{resourceType: "Encounter", id: strings.TrimPrefix(encounter, "Encounter/")}, nil
	}
	return target{resourceType: "Patient", id: strings.TrimPrefix(patient, "Patient/")}, nil
}
