package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Entrance lets somebody in who is still signing in, as the member whom they have chosen to be;
// *caller.Resolver implements it.
type Entrance interface {
	Enter(ctx context.Context, claims caller.Claims, onBehalfOf, address string) (caller.Caller, error)
}

// The types that a launch can be about (SMART App Launch 2.2, launch context arrives with the token).
const (
	typePatient   = "Patient"
	typeEncounter = "Encounter"
)

// MaxCandidates is how many patients or encounters a person is offered at once.
const MaxCandidates = 20

// Candidate is a patient or an encounter that a client can be launched about.
type Candidate struct{ ID, Text string }

// MissingContext is what a login must still be told before its client can have what it asks for, or
// may be: Patient, Encounter or nothing. A launch from an EHR has said all that it wants to say.
//
// Errors: outcome NotFound, Invalid.
func (s *SignIn) MissingContext(ctx context.Context, id string, a oauth.Authorization) (resourceType string, err error) {
	login, _, err := s.pending(ctx, id)
	if err != nil || !oauth.WantsPatient(a.Scope) && !oauth.WantsEncounter(a.Scope) {
		return "", err
	}
	patient, err := s.patientOf(ctx, login)
	switch {
	case err != nil:
		return "", err
	case patient == "":
		return typePatient, nil
	case oauth.WantsEncounter(a.Scope) && login.LaunchEncounter == "" && a.Launch.Patient == "":
		return typeEncounter, nil
	}
	return "", nil
}

// patientOf is whom the tokens of a login will be about: the patient of the launch, or who signs in.
func (s *SignIn) patientOf(ctx context.Context, login store.Login) (string, error) {
	if login.LaunchPatient != "" {
		return login.LaunchPatient, nil
	}
	member, err := s.directory.Membership(ctx, login.MembershipProject, login.Membership)
	if err != nil {
		return "", ignoreNotFound(err)
	}
	if resourceType, id := medplum.Reference(member.Profile).Split(); resourceType == typePatient {
		return id, nil
	}
	return "", nil
}

// Candidates are the patients whose name has every word of text, or the encounters of the login's
// patient: those that the member may see. There may be more when there are MaxCandidates.
//
// Errors: outcome NotFound, Invalid, Forbidden.
func (s *SignIn) Candidates(ctx context.Context, id, resourceType, text string, from Device) ([]Candidate, error) {
	login, _, err := s.pending(ctx, id)
	if err != nil {
		return nil, err
	}
	query := url.Values{"_count": {fmt.Sprint(MaxCandidates)}, "_sort": {"-_lastUpdated"}}
	if resourceType == typePatient {
		for word := range strings.FieldsSeq(text) {
			query.Add("name", literally.Replace(word))
		}
	}
	return s.candidates(ctx, login, resourceType, query, from)
}

// literally takes from a search value the meaning that its characters have there (R4 search.html#escaping).
var literally = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `$`, `\$`, `|`, `\|`)

// ChooseContext says what a login's client is launched about.
//
// Errors: outcome NotFound, Invalid, Forbidden.
func (s *SignIn) ChooseContext(ctx context.Context, id, resourceType, chosen string, from Device) error {
	login, _, err := s.pending(ctx, id)
	if err != nil {
		return err
	}
	found, err := s.candidates(ctx, login, resourceType, url.Values{"_id": {literally.Replace(chosen)}}, from)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(found, func(c Candidate) bool { return c.ID == chosen }) {
		return outcome.New(outcome.Invalid, "Choose one of them").At("choice")
	}
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		set, err := tx.SetLaunch(ctx, login.ID, resourceType == typeEncounter, chosen)
		if err == nil && !set {
			err = outcome.New(outcome.Invalid, "Login granted")
		}
		return err
	})
}

// candidates asks in the member's name.
func (s *SignIn) candidates(ctx context.Context, login store.Login, resourceType string, query url.Values, from Device) ([]Candidate, error) {
	if login.Membership == "" {
		return nil, outcome.New(outcome.Invalid, "Login profile not set")
	}
	if resourceType == typeEncounter {
		patient, err := s.patientOf(ctx, login)
		if err != nil || patient == "" {
			return nil, err
		}
		query.Set("patient", typePatient+"/"+patient)
	}
	who, err := s.Entrance.Enter(ctx, caller.Claims{Project: login.MembershipProject, Membership: login.Membership}, "", from.Address)
	if err != nil {
		return nil, err
	}
	request, err := search.Parse([]string{resourceType}, query.Encode(), s.Service.BaseURL.JoinPath("fhir/R4/").String())
	if err != nil {
		return nil, err
	}
	rows, err := s.Repo.As(who).Search(ctx, request)
	if outcome.Has(err, outcome.Forbidden) {
		return nil, nil // nothing of this type is for this member to see
	}
	if err != nil {
		return nil, err
	}
	found := make([]Candidate, len(rows))
	for i, row := range rows {
		if found[i], err = candidate(row.Resource); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// described is what tells one patient or encounter from another.
type described struct {
	Name []struct {
		Text   string
		Given  []string
		Family string
	}
	BirthDate string
	Class     struct{ Display, Code string }
	Period    struct{ Start string }
}

func candidate(res store.Resource) (Candidate, error) {
	var d described
	if err := json.Unmarshal(res.Content, &d); err != nil {
		return Candidate{}, fmt.Errorf("%s/%s: %w", res.Type, res.ID, err)
	}
	parts := []string{}
	if len(d.Name) > 0 {
		name := d.Name[0]
		if name.Text == "" {
			name.Text = strings.Join(append(slices.Clone(name.Given), name.Family), " ")
		}
		parts = append(parts, name.Text)
	}
	day, _, _ := strings.Cut(d.Period.Start, "T")
	if d.BirthDate != "" {
		d.BirthDate = "born " + d.BirthDate
	}
	if d.Class.Display == "" {
		d.Class.Display = d.Class.Code
	}
	parts = slices.DeleteFunc(append(parts, d.BirthDate, d.Class.Display, day), func(s string) bool { return strings.TrimSpace(s) == "" })
	if len(parts) == 0 {
		parts = []string{res.ID}
	}
	return Candidate{res.ID, strings.TrimSpace(strings.Join(parts, ", "))}, nil
}
