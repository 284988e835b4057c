package admin

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"
	"github.com/tidwall/sjson"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// findOrMakeProfile is the profile that the request names, or the one with the address, or a new one.
func (v *inviting) findOrMakeProfile(ctx context.Context) (medplum.Reference, error) {
	named, err := v.in.profile()
	switch {
	case err != nil:
		return medplum.Reference{}, err
	case named.Reference != "":
		return v.namedProfile(ctx, named)
	}
	if err := v.mustHavePatient(ctx); err != nil {
		return medplum.Reference{}, err
	}
	if v.in.Email != "" && !v.ahead.newProfile {
		if found, err := v.profileByAddress(ctx); err != nil || found.Reference != "" {
			return found, err
		}
	}
	return makeProfile(ctx, v.tx, v.who, v.project.ID, person{
		resourceType: v.in.ResourceType, first: v.in.FirstName, last: v.in.LastName, email: v.in.Email, patient: v.in.Patient,
	})
}

func (v *inviting) namedProfile(ctx context.Context, named medplum.Reference) (medplum.Reference, error) {
	resourceType, id := named.Split()
	if resourceType != v.in.ResourceType {
		return medplum.Reference{}, outcome.New(outcome.Invalid, "Profile resourceType does not match request")
	}
	res, err := v.tx.System("read the profile that an invite names", v.project.ID).Read(ctx, resourceType, id)
	if outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone) {
		return medplum.Reference{}, outcome.New(outcome.Invalid, "Profile does not belong to project")
	}
	if err != nil {
		return medplum.Reference{}, err
	}
	return profileReference(res)
}

// maxCandidates is how many profiles with the address are looked at.
const maxCandidates = 20

// profileByAddress finds the one profile of the type, and of the patient, that has the address and
// is nobody else's. Members write their own addresses, so an address alone proves nothing: whoever
// put somebody else's into their record would get that person as a second reader and writer of it.
func (v *inviting) profileByAddress(ctx context.Context) (medplum.Reference, error) {
	query := url.Values{"email": {escapeToken(v.in.Email)}, "_count": {strconv.Itoa(maxCandidates)}}
	if v.in.Patient != nil && v.in.ResourceType == "RelatedPerson" {
		query.Set("patient", v.in.Patient.Reference)
	}
	candidates, err := v.s.search(ctx, v.tx, "find the profile of an invited address", v.project.ID, v.in.ResourceType, query)
	if err != nil {
		return medplum.Reference{}, err
	}
	var found []store.Resource
	for _, candidate := range candidates {
		taken, err := v.isAnothers(ctx, candidate)
		if err != nil {
			return medplum.Reference{}, err
		}
		if !taken {
			found = append(found, candidate)
		}
	}
	switch len(found) {
	case 0:
		return medplum.Reference{}, nil
	case 1:
		return profileReference(found[0])
	}
	return medplum.Reference{}, outcome.New(outcome.MultipleMatches, "")
}

// isAnothers says whether a profile is that of a member with another address.
func (v *inviting) isAnothers(ctx context.Context, profile store.Resource) (bool, error) {
	query := url.Values{"profile": {profile.Type + "/" + profile.ID}, "_count": {strconv.Itoa(maxCandidates)}}
	members, err := v.s.search(ctx, v.tx, "see whose a profile is", v.project.ID, medplum.TypeProjectMembership, query)
	if err != nil {
		return false, err
	}
	for _, member := range members {
		var m medplum.ProjectMembership
		if err := decode(member, &m); err != nil {
			return false, err
		}
		_, user, err := v.s.userOf(ctx, v.tx, m.User)
		if err != nil {
			return false, err
		}
		if user.Email != "" && user.Email != v.in.Email {
			return true, nil
		}
	}
	return false, nil
}

// escapeToken keeps the characters that separate values from doing so (R4 search.html#escaping).
func escapeToken(value string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `$`, `\$`, `|`, `\|`).Replace(value)
}

// mustHavePatient holds the patient of a RelatedPerson to the project. Whether another one has it is not told.
func (v *inviting) mustHavePatient(ctx context.Context) error {
	if v.in.ResourceType != "RelatedPerson" || v.in.Patient == nil {
		return nil // without one, the RelatedPerson that is made fails its own validation
	}
	resourceType, id := v.in.Patient.Split()
	if resourceType != "Patient" {
		return outcome.New(outcome.Invalid, "Patient is required to create a RelatedPerson").At("patient")
	}
	_, err := v.tx.System("read the patient of an invited RelatedPerson", v.project.ID).Read(ctx, resourceType, id)
	if !outcome.Has(err, outcome.NotFound) && !outcome.Has(err, outcome.Gone) {
		return err
	}
	return outcome.New(outcome.Invalid, "Patient %s does not exist", v.in.Patient.Reference).At("patient")
}

// person is somebody whose profile is to be made.
type person struct {
	profile                                 medplum.Reference // with the id that it is to have, or empty
	resourceType, first, last, email, phone string
	patient                                 *medplum.Reference // of a RelatedPerson
}

// makeProfile stores a new profile in a project, for a caller: by whose policy, and by the patient of a
// RelatedPerson, it may get accounts.
func makeProfile(ctx context.Context, tx *repo.Tx, who caller.Caller, project string, p person) (medplum.Reference, error) {
	body, err := marshal(p.resource())
	if _, id := p.profile.Split(); err == nil && id != "" {
		body, err = sjson.SetBytes(body, "id", id)
	}
	if err != nil {
		return medplum.Reference{}, err
	}
	res, err := tx.SystemFor(who, "make the profile of a new member", project).Create(ctx, p.resourceType, body)
	if err != nil {
		return medplum.Reference{}, err
	}
	return medplum.RefTo(res.Type, res.ID, strings.TrimSpace(p.first+" "+p.last)), nil
}

// resource is the profile as contract §7.2 describes it.
func (p person) resource() any {
	name, telecom := []fhir.HumanName{{}}, []fhir.ContactPoint(nil)
	if p.first != "" {
		name[0].Given = []string{p.first}
	}
	if p.last != "" {
		name[0].Family = &p.last
	}
	if p.email != "" {
		telecom = append(telecom, fhir.ContactPoint{
			System: new(fhir.ContactPointSystemEmail), Use: new(fhir.ContactPointUseWork), Value: &p.email,
		})
	}
	if p.phone != "" {
		telecom = append(telecom, fhir.ContactPoint{System: new(fhir.ContactPointSystemPhone), Value: &p.phone})
	}
	switch p.resourceType {
	case "Patient":
		return fhir.Patient{Name: name, Telecom: telecom}
	case "Practitioner":
		return fhir.Practitioner{Name: name, Telecom: telecom}
	}
	made := relatedPerson{"RelatedPerson", p.patient, name, telecom}
	return made
}

// relatedPerson has a patient only when there is one: the library's own type would write an empty
// reference, which says something else.
type relatedPerson struct {
	ResourceType string              `json:"resourceType"`
	Patient      *medplum.Reference  `json:"patient,omitempty"`
	Name         []fhir.HumanName    `json:"name"`
	Telecom      []fhir.ContactPoint `json:"telecom,omitempty"`
}

// profileReference names a stored profile as its first name says.
func profileReference(res store.Resource) (medplum.Reference, error) {
	var named struct{ Name []fhir.HumanName }
	if err := decode(res, &named); err != nil {
		return medplum.Reference{}, err
	}
	display := ""
	if len(named.Name) > 0 {
		words := named.Name[0].Given
		if family := named.Name[0].Family; family != nil {
			words = append(words, *family)
		}
		display = strings.Join(words, " ")
	}
	return medplum.RefTo(res.Type, res.ID, display), nil
}
