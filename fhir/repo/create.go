package repo

import (
	"context"
	"errors"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// Create stores a new resource. The body's id is used when a system session or a super admin
// gives one, else a new one is made.
//
// Errors: outcome Forbidden, Invalid/Structure/… of validation, Conflict for a taken unique value.
func (a *access) Create(ctx context.Context, resourceType string, body []byte) (made store.Resource, err error) {
	return a.CreateAs(ctx, resourceType, "", body)
}

// CreateAs is Create of a resource whose id NewID has given already, because others refer to it.
func (a *access) CreateAs(ctx context.Context, resourceType, id string, body []byte) (made store.Resource, err error) {
	if _, err = a.writable(policy.Create, resourceType); err != nil {
		return store.Resource{}, err
	}
	in, err := receive(resourceType, a.plain(body))
	if err != nil {
		return store.Resource{}, err
	}
	c := change{interaction: policy.Create, in: in, version: a.newID(), at: a.now()}
	c.ref = store.Ref{Project: a.home(resourceType), Type: resourceType}
	if c.ref.ID = id; id == "" {
		if c.ref.ID, err = a.newOrGiven(ctx, resourceType, in.doc.Text("id")); err != nil {
			return store.Resource{}, err
		}
	}
	if !needsTx(resourceType) {
		made, err = a.create(ctx, &c)
	} else {
		err = a.inTx(ctx, func(a *access) (err error) {
			made, err = a.create(ctx, &c)
			return err
		})
	}
	if err != nil {
		return store.Resource{}, refused(err)
	}
	return a.show(ctx, policy.Create, made)
}

// newOrGiven is the id of a new resource. A Project's is a UUID, because it names a partition; one
// that a super admin gives is nowhere else in use, because super admins find things by id alone.
func (a *access) newOrGiven(ctx context.Context, resourceType, given string) (string, error) {
	if given == "" || (a.system == "" && !a.who.SuperAdmin) {
		if resourceType == medplum.TypeUser { // whose age is not told to the projects that they come to
			return clock.Untimed(a.newID()), nil
		}
		return a.newID(), nil
	}
	if !ValidID(given) || (resourceType == medplum.TypeProject && !store.ValidProject(given)) {
		return "", outcome.New(outcome.Invalid, "Incorrect resource ID")
	}
	if a.system != "" {
		return given, nil
	}
	switch _, err := a.rows.Locate(ctx, resourceType, given); {
	case errors.Is(err, store.ErrNotFound):
		return given, nil
	case err != nil:
		return "", err
	}
	return "", refused(store.ErrExists)
}

func (a *access) create(ctx context.Context, c *change) (store.Resource, error) {
	d, err := a.compose(ctx, c)
	if err != nil {
		return store.Resource{}, err
	}
	return a.put(ctx, c, d)
}

// put writes the draft with its keys and what else changes with it.
func (a *access) put(ctx context.Context, c *change, d draft) (store.Resource, error) {
	if err := d.mustBeIndexable(); err != nil {
		return store.Resource{}, err
	}
	replaces := ""
	if c.old != nil {
		replaces = c.old.Version
	}
	if c.old == nil {
		if err := a.withinCap(ctx, c.ref); err != nil {
			return store.Resource{}, err
		}
	}
	if err := a.claimAddress(ctx, c, d); err != nil {
		return store.Resource{}, err
	}
	w := d.write(c.version, replaces)
	var err error
	if w.Audit, err = a.recorded(c.interaction, w.Resource, d.index); err != nil {
		return store.Resource{}, err
	}
	if err := putIndexed(ctx, a.rows, w); err != nil {
		return store.Resource{}, err
	}
	a.forgetAccounts(c.ref)
	if c.ref.Type == "Patient" && d.doc.Find("meta", "accounts") != nil {
		a.repo.accounts.found(c.ref.Project, true, a.now())
	}
	if err := a.keepSealed(ctx, c, d); err != nil {
		return store.Resource{}, err
	}
	if c.ref.Type == typeSearchParameter {
		if err := a.define(ctx, c.ref, d.doc); err != nil {
			return store.Resource{}, err
		}
	}
	if c.ref.Type == typeBinary {
		if err := a.keepContent(ctx, c, d.doc); err != nil {
			return store.Resource{}, err
		}
	}
	return w.Resource, a.after(ctx, w.Resource, c)
}

// after does what a write of the type entails: secrets go to the credentials, whoever
// lost their membership is shut out, and those who cache rights hear of the change.
func (a *access) after(ctx context.Context, res store.Resource, c *change) error {
	switch res.Type {
	case medplum.TypeClientApplication, medplum.TypeDomainConfiguration:
		if err := a.keepSecrets(ctx, c); err != nil {
			return err
		}
	case medplum.TypeProjectMembership:
		if err := a.left(ctx, res); err != nil {
			return err
		}
	case medplum.TypeUser:
		return a.movedUser(ctx, c, res)
	case medplum.TypeAccessPolicy, medplum.TypeProject:
	default:
		if !isDefinition(res.Type) {
			return nil
		}
		*a.defined = true
	}
	return a.tx.Announce(ctx, res.Type, res.ID)
}

// keepSecrets takes the secrets that came with a client or a domain.
func (a *access) keepSecrets(ctx context.Context, c *change) error {
	if err := a.keepSecret(ctx, c.ref, c.in.secret); err != nil {
		return err
	}
	return a.keepProviderSecret(ctx, c)
}

// keepSecret takes a secret that is not the stored one already: a client that was read by an
// administrator comes back with it.
func (a *access) keepSecret(ctx context.Context, ref store.Ref, value string) error {
	if value == "" || ref.Type != medplum.TypeClientApplication {
		return nil
	}
	current, _, err := a.repo.Secrets.ClientSecrets(ctx, a.tx, ref.Project, ref.ID)
	if err != nil || current == value {
		return err
	}
	if len(value) < secret.MinClientSecret {
		return outcome.New(outcome.Invalid, "A secret has at least %d characters", secret.MinClientSecret).At("ClientApplication.secret")
	}
	return a.repo.Secrets.SetClientSecret(ctx, a.tx, ref.Project, ref.ID, value)
}
