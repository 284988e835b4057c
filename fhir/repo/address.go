package repo

import (
	"context"
	"fmt"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// movedUser brings the new address of a User to its memberships, whoever changes it.
func (a *access) movedUser(ctx context.Context, c *change, made store.Resource) error {
	if c.oldDoc == nil {
		return nil
	}
	email := gjson.GetBytes(made.Content, "email").String()
	if email == c.oldDoc.Text("email") || email == "" {
		return nil
	}
	return a.followAddress(ctx, c.ref.ID, email)
}

// followAddress has the memberships of a User show its address, by which their members are searched. A membership
// keeps its user otherwise, so nobody else can make it show another.
func (a *access) followAddress(ctx context.Context, user, email string) error {
	members, err := a.rows.Owners(ctx, store.SystemProject, KeyUserMembership, medplum.TypeUser+"/"+user+"/", maxMemberships)
	if err != nil {
		return err
	}
	system := &Tx{*a}
	for _, ref := range members {
		rows := system.System("follow the address of a User", ref.Project)
		stored, err := rows.Read(ctx, ref.Type, ref.ID)
		if outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone) {
			continue
		}
		if err != nil {
			return err
		}
		body, err := sjson.SetBytes(stored.Content, "user.display", email)
		if err != nil {
			return fmt.Errorf("set the address of a membership: %w", err)
		}
		if _, err := rows.Update(ctx, ref.Type, ref.ID, body, stored.Version); err != nil {
			return err
		}
	}
	return nil
}
