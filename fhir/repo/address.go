package repo

import (
	"context"
	"fmt"
	"slices"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/mail"
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
	return a.followAddress(ctx, c.ref, email)
}

// claimAddress takes the new address of a User where whoever has it would be a member beside them: a sign-in to
// the project would find two. That is the User's own scope and, where both are members, the other one. A User of
// the server whom the project does not know is no obstacle, so nobody learns by this that there is one.
//
// Errors: *store.KeyConflict, the same for either scope.
func (a *access) claimAddress(ctx context.Context, c *change, d draft) error {
	if c.ref.Type != medplum.TypeUser || c.oldDoc == nil {
		return nil
	}
	email := mail.Canonical(d.doc.Text("email"))
	if email == "" || email == mail.Canonical(c.oldDoc.Text("email")) {
		return nil
	}
	scopes, err := a.scopesBeside(ctx, c.ref)
	if err != nil {
		return err
	}
	for _, scope := range scopes {
		key := store.Key{Scope: scope, Kind: KeyUserEmail, Value: email}
		holder, claimed, err := a.tx.Claim(ctx, key, c.ref)
		beside := !claimed
		switch {
		case err != nil:
			return err
		case claimed && scope != c.ref.Project: // whoever else wants it waits for this transaction all the same
			err = a.tx.Release(ctx, key)
		case !claimed && scope != c.ref.Project && scope == store.SystemProject:
			beside, err = a.isMember(ctx, holder, c.ref.Project)
		}
		if err != nil {
			return err
		}
		if beside {
			return &store.KeyConflict{Key: store.Key{Scope: c.ref.Project, Kind: KeyUserEmail, Value: email}, Holder: holder}
		}
	}
	return nil
}

// scopesBeside are the scopes in which an address is looked for: those of projects before the server's, so that
// two cannot deadlock.
func (a *access) scopesBeside(ctx context.Context, user store.Ref) (scopes []string, err error) {
	if user.Project != store.SystemProject {
		return []string{user.Project, store.SystemProject}, nil
	}
	members, err := a.membershipsOf(ctx, user)
	for _, member := range members {
		scopes = append(scopes, member.Project)
	}
	slices.Sort(scopes)
	return append(slices.Compact(scopes), store.SystemProject), err
}

func (a *access) membershipsOf(ctx context.Context, user store.Ref) ([]store.Ref, error) {
	return a.rows.Owners(ctx, store.SystemProject, KeyUserMembership, user.Type+"/"+user.ID+"/", maxMemberships)
}

func (a *access) isMember(ctx context.Context, user store.Ref, project string) (bool, error) {
	members, err := a.membershipsOf(ctx, user)
	return slices.ContainsFunc(members, func(m store.Ref) bool { return m.Project == project }), err
}

// followAddress has the memberships of a User show its address, by which their members are searched. A membership
// keeps its user otherwise, so nobody else can make it show another.
func (a *access) followAddress(ctx context.Context, user store.Ref, email string) error {
	members, err := a.membershipsOf(ctx, user)
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
