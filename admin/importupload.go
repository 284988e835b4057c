package admin

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// planAtOnce is how many rows are looked up together.
const planAtOnce = 500

// UploadImport reads a list of people and keeps it with what each row would do now; nobody is invited
// yet. A list that is being applied already is not kept again.
//
// Errors: outcome Forbidden, NotFound, Invalid, TooLong, UnsupportedMedia, Conflict.
func (s *Service) UploadImport(ctx context.Context, who caller.Caller, project, contentType string, body io.Reader) (made Import, fresh bool, err error) {
	if err := s.mayAdminister(ctx, who, project, audit.Import); err != nil {
		return Import{}, false, err
	}
	digest := sha256.New()
	digest.Write([]byte(contentType))
	list, err := readList(io.TeeReader(body, digest), contentType)
	if err != nil {
		return Import{}, false, err
	}
	in := store.Import{
		Project: project, ID: s.Clock.NewID(), Digest: s.Fingerprints.Fingerprint(digest.Sum(nil)), State: store.ImportChecked,
		UploadedBy: who.Membership.Reference,
	}
	switch begun, err := s.Store.ImportOf(ctx, project, in.Digest); {
	case err == nil:
		made, err = s.describeImport(ctx, begun)
		return made, false, err
	case !errors.Is(err, store.ErrNotFound):
		return Import{}, false, err
	}
	rows, err := s.planList(ctx, project, in.ID, list)
	if err != nil {
		return Import{}, false, err
	}
	if err := s.keepList(ctx, who, in, rows); err != nil {
		return Import{}, false, err
	}
	if in, err = s.Store.Import(ctx, project, in.ID); err != nil {
		return Import{}, false, err
	}
	made, err = s.describeImport(ctx, in)
	return made, true, err
}

// keepList keeps an import and forgets those whose time is over.
func (s *Service) keepList(ctx context.Context, who caller.Caller, in store.Import, rows []store.ImportRow) error {
	project := in.Project
	return s.Repo.System("keep a list of people", project).InTx(ctx, func(tx *repo.Tx) error {
		if _, err := s.project(ctx, tx, project); err != nil {
			return err
		}
		now := tx.Store().Now()
		if err := tx.Store().ForgetImports(ctx, project, now.Add(-importKept), now.Add(-importUnused)); err != nil {
			return err
		}
		if err := s.roomForImport(ctx, tx.Store(), project, now); err != nil {
			return err
		}
		e := event(who, project, audit.Import)
		e.Description = "import " + in.ID + " was uploaded"
		if err := audit.Record(ctx, tx.Store(), e); err != nil {
			return err
		}
		return tx.Store().AddImport(ctx, in, slices.Clone(rows))
	})
}

// roomForImport refuses one list too many. Those that are over and can no longer be undone make room for it.
func (s *Service) roomForImport(ctx context.Context, tx *store.Tx, project string, now time.Time) error {
	if s.ImportLimit < 0 {
		return nil
	}
	waiting, err := tx.CountImports(ctx, project, store.ImportChecked)
	if err != nil {
		return err
	}
	if waiting >= s.ImportLimit {
		return outcome.New(outcome.Conflict, "%d lists wait already to be applied; apply them, or wait until they are forgotten, a day after each was sent", waiting)
	}
	most := s.ImportLimit * importsKept
	kept, err := tx.KeepImports(ctx, project, most-1, now.Add(-importUndo))
	if err != nil {
		return err
	}
	if kept >= most {
		return outcome.New(outcome.Conflict, "%d lists are kept already; wait until one can no longer be undone, a day after it was applied", kept)
	}
	return nil
}

// planList makes the rows of a list.
func (s *Service) planList(ctx context.Context, project, id string, list []listed) ([]store.ImportRow, error) {
	check := listCheck{s: s, project: project, seen: map[string]int{}, known: map[string]knownReference{}}
	var good []Invitation
	for i := range list {
		if err := check.row(ctx, &list[i]); err != nil {
			return nil, err
		}
		if list[i].refused == nil {
			good = append(good, list[i].invite)
		}
	}
	var plans []plan
	for chunk := range slices.Chunk(good, planAtOnce) {
		p := planning{project: project, keys: s.Store, members: s.Repo.System("see who is a member", project)}
		some, err := p.plans(ctx, chunk)
		if err != nil {
			return nil, err
		}
		plans = append(plans, some...)
	}
	rows := make([]store.ImportRow, len(list))
	for i := range list {
		row := refusedBy(list[i].refused)
		if list[i].refused == nil {
			row, plans = plans[0], plans[1:]
		}
		var err error
		if rows[i], err = s.importRow(id, list[i], row); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// importRow is a row as it is kept. What is wrong with the row itself is final; what another member
// stands in the way of is looked at again when the list is applied.
func (s *Service) importRow(id string, l listed, p plan) (store.ImportRow, error) {
	person, err := marshal(l.invite.listed())
	if err != nil {
		return store.ImportRow{}, err
	}
	w := waiting{row: store.ImportRow{Number: l.number, State: store.RowPending, Action: p.action, Person: string(person), Request: []byte{}}}
	if p.refused != nil {
		if err := w.fail(p.refused); err != nil {
			return store.ImportRow{}, err
		}
	}
	if l.isRefused() {
		return w.row, nil
	}
	w.row.State = store.RowPending
	request, err := marshal(l.invite)
	if err != nil {
		return store.ImportRow{}, err
	}
	w.row.Request = s.Box.Seal(request, importPlace(id, l.number))
	return w.row, nil
}

// listCheck checks what can be told of a row without knowing who is a member.
type listCheck struct {
	s       *Service
	project string
	seen    map[string]int // keys of rows, with their numbers
	known   map[string]knownReference
	// policies is how many have been looked up.
	policies int
}

// maxListPolicies is how many policies a list may name: each is looked up.
const maxListPolicies = 500

// knownReference is what is known of a policy or patient that rows name.
type knownReference struct {
	medplum.Reference
	refused error
}

// row refuses the row for what is wrong with it; an error is the server's.
func (c *listCheck) row(ctx context.Context, l *listed) error {
	in := &l.invite
	for _, check := range []func() error{
		in.check,
		func() error { return c.password(in) },
		func() error { return c.once(l.number, in) },
	} {
		if l.isRefused() {
			return nil
		}
		l.refused = check()
	}
	if l.isRefused() {
		return nil
	}
	err := c.references(ctx, in)
	var refused *outcome.Outcome
	if errors.As(err, &refused) {
		l.refused, err = refused, nil
	}
	return err
}

func (c *listCheck) password(in *Invitation) error {
	if in.Password == "" {
		return nil
	}
	return c.s.Passwords.CheckFor("password", in.Password, in.Email)
}

// once refuses a row about whom another row is.
func (c *listCheck) once(number int, in *Invitation) error {
	keys := map[string]string{}
	if in.Email != "" {
		keys["email"] = "email " + in.Email
	}
	if in.ExternalID != "" {
		keys["externalId"] = "id " + in.ExternalID
	}
	for field, key := range keys {
		if first, twice := c.seen[key]; twice {
			return outcome.New(outcome.Invalid, "The person is in the list already, on line %d", first).At(field)
		}
	}
	for _, key := range keys {
		c.seen[key] = number
	}
	return nil
}

// references refuses policies and patients that are not in the project.
func (c *listCheck) references(ctx context.Context, in *Invitation) error {
	if !isEmpty(in.AccessPolicy) {
		var named medplum.Reference
		if json.Unmarshal(in.AccessPolicy, &named) != nil {
			return outcome.New(outcome.Invalid, "Expected object").At("accessPolicy")
		}
		policy, err := c.policy(ctx, named)
		if err != nil {
			return err
		}
		if policy.Reference != named.Reference { // it was given by its name
			if in.AccessPolicy, err = marshal(policy); err != nil {
				return err
			}
		}
	}
	for _, raw := range in.Access {
		var entry medplum.Access
		if json.Unmarshal(raw, &entry) != nil {
			return outcome.New(outcome.Invalid, "Expected object").At("access")
		}
		if _, err := c.policy(ctx, entry.Policy); err != nil {
			return err
		}
	}
	if in.Patient == nil {
		return nil
	}
	return c.patient(ctx, *in.Patient)
}

// policy is the policy of the project that is named, by its reference or its name.
func (c *listCheck) policy(ctx context.Context, named medplum.Reference) (medplum.Reference, error) {
	return c.look("policy "+named.Reference, func() (medplum.Reference, error) {
		if c.policies++; c.policies > maxListPolicies {
			return named, outcome.New(outcome.Invalid, "A list names at most %d policies", maxListPolicies).At("accessPolicy")
		}
		resourceType, id := named.Split()
		if resourceType == medplum.TypeAccessPolicy && repo.ValidID(id) {
			return named, c.there(ctx, named, "Access policy", "accessPolicy")
		}
		var role Role
		err := c.s.Repo.System("find the policies of a list", c.project).InTx(ctx, func(tx *repo.Tx) (err error) {
			role, err = c.s.roleNamed(ctx, tx, c.project, named.Reference)
			return err
		})
		if outcome.Has(err, outcome.Invalid) {
			err = outcome.New(outcome.Invalid, "Access policy %s does not exist", named.Reference).At("accessPolicy")
		}
		return medplum.RefTo(medplum.TypeAccessPolicy, role.ID, role.Name), err
	})
}

func (c *listCheck) patient(ctx context.Context, named medplum.Reference) error {
	_, err := c.look("patient "+named.Reference, func() (medplum.Reference, error) {
		if resourceType, id := named.Split(); resourceType != "Patient" || !repo.ValidID(id) {
			return named, outcome.New(outcome.Invalid, "Expected a reference to a Patient").At("patient")
		}
		return named, c.there(ctx, named, "Patient", "patient")
	})
	return err
}

// there refuses what is not in the project. Whether it is in another one is not told.
func (c *listCheck) there(ctx context.Context, named medplum.Reference, what, field string) error {
	resourceType, id := named.Split()
	_, err := c.s.Repo.System("look up what a list refers to", c.project).Read(ctx, resourceType, id)
	if !outcome.Has(err, outcome.NotFound) && !outcome.Has(err, outcome.Gone) {
		return err
	}
	return outcome.New(outcome.Invalid, what+" %s does not exist", named.Reference).At(field)
}

// look looks each thing up once.
func (c *listCheck) look(key string, find func() (medplum.Reference, error)) (medplum.Reference, error) {
	if known, ok := c.known[key]; ok {
		return known.Reference, known.refused
	}
	found, err := find()
	if err == nil || errors.As(err, new(*outcome.Outcome)) {
		c.known[key] = knownReference{found, err}
	}
	return found, err
}
