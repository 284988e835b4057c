package admin

import (
	"context"
	"fmt"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
)

// updateProfile lets the profile say the names, the address and the phone that were changed. What else
// it says stays.
func (c *changing) updateProfile(ctx context.Context, in UserFields, member medplum.Member, email, phone string) error {
	if !in.named() && email == c.user.Email && phone == c.member.Phone() {
		return nil
	}
	resourceType, id := c.member.Profile.Split()
	profiles := c.tx.Administer(c.m.who, "change the profile of a user", c.m.project.ID)
	if c.m.limited { // whose policy may keep some of its elements from being changed
		profiles = c.tx.As(c.m.who)
	}
	stored, err := profiles.Read(ctx, resourceType, id)
	if outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone) {
		return nil
	}
	if err != nil {
		return err
	}
	body := stored.Content
	if in.named() {
		if body, err = withName(body, member); err != nil {
			return err
		}
	}
	if body, err = withTelecom(body, "email", c.user.Email, email); err != nil {
		return err
	}
	if body, err = withTelecom(body, "phone", c.member.Phone(), phone); err != nil {
		return err
	}
	_, err = profiles.Update(ctx, resourceType, id, body, stored.Version)
	return err
}

// withName sets the parts of a profile's first name.
func withName(body []byte, member medplum.Member) (_ []byte, err error) {
	first, last := nameParts(member)
	if first+last == "" {
		return body, nil
	}
	for path, value := range map[string]any{"name.0.given": []string{first}, "name.0.family": last} {
		if value == "" || path == "name.0.given" && first == "" {
			body, err = sjson.DeleteBytes(body, path)
		} else {
			body, err = sjson.SetBytes(body, path, value)
		}
		if err != nil {
			return nil, fmt.Errorf("name of a profile: %w", err)
		}
	}
	if body, err = sjson.DeleteBytes(body, "name.0.text"); err != nil {
		return nil, fmt.Errorf("name of a profile: %w", err)
	}
	return body, nil
}

// withTelecom puts a contact in place of the one that it replaces.
func withTelecom(body []byte, system, before, after string) ([]byte, error) {
	if before == after {
		return body, nil
	}
	at := -1
	for i, contact := range gjson.GetBytes(body, "telecom").Array() {
		if contact.Get("system").String() == system && contact.Get("value").String() == before {
			at = i
		}
	}
	var err error
	switch path := fmt.Sprintf("telecom.%d", at); {
	case at >= 0 && after != "":
		body, err = sjson.SetBytes(body, path+".value", after)
	case at >= 0 && len(gjson.GetBytes(body, "telecom").Array()) == 1:
		body, err = sjson.DeleteBytes(body, "telecom") // FHIR has no empty arrays
	case at >= 0:
		body, err = sjson.DeleteBytes(body, path)
	case after != "":
		body, err = sjson.SetBytes(body, "telecom.-1", map[string]string{"system": system, "value": after})
	}
	if err != nil {
		return nil, fmt.Errorf("telecom of a profile: %w", err)
	}
	return body, nil
}
