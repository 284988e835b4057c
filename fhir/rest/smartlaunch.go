package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
)

// smartLaunch opens an application about a patient or an encounter (SMART App Launch 2.2, EHR launch): it
// makes the SmartAppLaunch and leads to where the application begins. The caller must see what it is to be
// about and may make a SmartAppLaunch, all by its policy.
func (h *Handler) smartLaunch(c echo.Context) error {
	in, err := operationInput(c, "patient", "encounter")
	if err != nil {
		return err
	}
	ctx, session := c.Request().Context(), h.session(c)
	address, err := h.launched(ctx, session, c.Param("id"))
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

// launched is where an application begins, for whoever sees it. Somebody whose policy shows no applications
// at all but lets them make launches, as that of staff, is told the address alone, and of an application that
// has none not even that it is there. Programs are not: they open no pages.
func (h *Handler) launched(ctx context.Context, session *repo.Session, id string) (*url.URL, error) {
	who := session.Caller()
	userType, _ := who.User.Split()
	if !grants(who, policy.Read, medplum.TypeClientApplication) && grants(who, policy.Create, typeSmartAppLaunch) && userType == medplum.TypeUser {
		client, err := h.repo.System("find where an application begins", who.Project).Read(ctx, medplum.TypeClientApplication, id)
		switch {
		case outcome.Has(err, outcome.NotFound), outcome.Has(err, outcome.Gone):
			return nil, outcome.New(outcome.NotFound, "")
		case err != nil:
			return nil, err
		}
		address, err := launchAddress(client.Content)
		if outcome.Has(err, outcome.Invalid) {
			err = outcome.New(outcome.NotFound, "")
		}
		return address, err
	}
	client, err := session.Read(ctx, medplum.TypeClientApplication, id)
	switch {
	case err != nil:
		return nil, err
	case client.Project != who.Project: // where its launches would not be found
		return nil, outcome.New(outcome.NotFound, "")
	}
	return launchAddress(client.Content)
}

// grants says whether some rule of a caller's policy is about the interaction with a type.
func grants(who caller.Caller, interaction policy.Interaction, resourceType string) bool {
	if who.Policy == nil {
		return false
	}
	_, allowed := who.Policy.Narrow(interaction, resourceType)
	return allowed
}

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
