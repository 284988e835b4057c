package admin

import (
	"context"
	"regexp"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// PractitionersManageUsers is the setting of a Project, a boolean, by which its Practitioners may
// manage users who have no more rights than they have themselves.
const PractitionersManageUsers = "practitionersManageUsers"

// manager is somebody who may manage the users of a project.
type manager struct {
	who     caller.Caller
	project medplum.Project
	// limited says that it is no administrator: it reaches nobody, and gives nothing, that has a policy
	// which it does not hold itself.
	limited bool
	holds   map[string]bool // references of AccessPolicies; of a limited one
}

// manage says whether the caller may manage the users of a project.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) manage(ctx context.Context, who caller.Caller, project string, action audit.Action) (manager, error) {
	profileType, _ := who.Profile.Split()
	limited := !who.ProjectAdmin()
	if !limited || profileType != "Practitioner" || who.Project != project || !mayByScope(who) {
		if err := s.mayAdminister(ctx, who, project, action); err != nil {
			return manager{}, err
		}
	}
	m := manager{who: who, limited: limited}
	res, err := s.Repo.System("read the project whose users are managed", store.SystemProject).Read(ctx, medplum.TypeProject, project)
	if outcome.Has(err, outcome.Gone) {
		err = outcome.New(outcome.NotFound, "")
	}
	if err == nil {
		err = decode(res, &m.project)
	}
	if err != nil || !limited {
		return m, err
	}
	if !isSet(m.project.Setting, PractitionersManageUsers) {
		return manager{}, s.refuse(ctx, who, action, outcome.New(outcome.Forbidden, ""))
	}
	return m, s.held(ctx, &m)
}

// Manages says whether the caller may manage users of its own project, without a record of it.
func (s *Service) Manages(ctx context.Context, who caller.Caller) (bool, error) {
	profileType, _ := who.Profile.Split()
	switch {
	case !mayByScope(who):
		return false, nil
	case who.ProjectAdmin():
		return true, nil
	case profileType != "Practitioner":
		return false, nil
	}
	project, err := fetch[medplum.Project](ctx, s.Repo, "read the project whose users are managed",
		store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: who.Project})
	return err == nil && isSet(project.Setting, PractitionersManageUsers), err
}

func isSet(settings []medplum.Setting, name string) bool {
	for _, setting := range settings {
		if setting.Name == name {
			return setting.ValueBoolean != nil && *setting.ValueBoolean
		}
	}
	return false
}

// held notes the policies that a limited manager may give: its own as far as nothing narrows them and they
// mean the same whoever has them, and those that the project gives to every patient.
func (s *Service) held(ctx context.Context, m *manager) error {
	_, id := m.who.Membership.Split()
	own, err := fetch[medplum.ProjectMembership](ctx, s.Repo, "see which rights a manager has",
		store.Ref{Project: m.project.ID, Type: medplum.TypeProjectMembership, ID: id})
	if err != nil {
		return err
	}
	whole := []medplum.Reference{}
	if own.AccessPolicy != nil {
		whole = append(whole, *own.AccessPolicy)
	}
	for _, entry := range own.Access {
		if len(entry.Parameter)+len(entry.ModifierExtension) == 0 {
			whole = append(whole, entry.Policy)
		}
	}
	m.holds = map[string]bool{}
	for _, ref := range whole {
		if m.holds[ref.Reference], err = s.meansTheSame(ctx, m.project.ID, ref); err != nil {
			return err
		}
	}
	for _, profileType := range []string{"Patient", "RelatedPerson"} {
		if given := repo.DefaultPolicy(m.project, profileType, false); given != nil {
			m.holds[given.Reference] = true
		}
	}
	return nil
}

// meansTheSame says whether a policy gives the same to everybody: it does not say whose profile it is
// about.
func (s *Service) meansTheSame(ctx context.Context, project string, ref medplum.Reference) (bool, error) {
	_, id := ref.Split()
	rules, err := fetch[medplum.AccessPolicy](ctx, s.Repo, "see which rights a manager has",
		store.Ref{Project: project, Type: medplum.TypeAccessPolicy, ID: id})
	if err != nil {
		return false, err
	}
	text, err := marshal(rules)
	return !ofHolder.Match(text), err
}

// ofHolder are the parameters of a policy that stand for whoever has it.
var ofHolder = regexp.MustCompile(`%(profile|patient)\b`)

// mayGive says whether the manager may let somebody have a membership with these rights.
func (m manager) mayGive(member medplum.ProjectMembership) bool {
	if !m.limited {
		return true
	}
	if member.Admin || member.AccessPolicy != nil && !m.holds[member.AccessPolicy.Reference] {
		return false
	}
	for _, entry := range member.Access {
		if len(entry.Parameter) > 0 || !m.holds[entry.Policy.Reference] { // a parameter can stand for anybody's profile
			return false
		}
	}
	return true
}

// reach refuses a member whose rights the manager does not have: who could set a password for one would
// have them. A limited manager must be able to see and change the profile as well, for a patient's
// policy lets its holder do that.
//
// Errors: outcome Forbidden.
func (m manager) reach(ctx context.Context, tx *repo.Tx, member medplum.ProjectMembership) error {
	if !m.limited {
		return nil
	}
	resourceType, id := member.Profile.Split()
	if !m.mayGive(member) || m.who.Policy == nil {
		return outcome.New(outcome.Forbidden, "")
	}
	if _, may := m.who.Policy.Narrow(policy.Update, resourceType); !may {
		return outcome.New(outcome.Forbidden, "")
	}
	_, err := tx.As(m.who).Read(ctx, resourceType, id)
	if outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone) {
		return outcome.New(outcome.Forbidden, "")
	}
	return err
}

// isSelf says whether a membership is the manager's own.
func (m manager) isSelf(membership string) bool {
	return m.who.Membership.Reference == medplum.TypeProjectMembership+"/"+membership
}

// withUser is one transaction of a manager.
func (s *Service) withUser(ctx context.Context, who caller.Caller, project string, action audit.Action, do func(context.Context, *repo.Tx, manager) error) error {
	m, err := s.manage(ctx, who, project, action)
	if err != nil {
		return err
	}
	return s.withManager(ctx, m, func(ctx context.Context, tx *repo.Tx) error { return do(ctx, tx, m) })
}

// withManager is withUser by somebody who is known to be a manager.
func (s *Service) withManager(ctx context.Context, m manager, do func(context.Context, *repo.Tx) error) error {
	return s.again(ctx, func() error {
		return s.Repo.System("change a user", m.project.ID).InTx(ctx, func(tx *repo.Tx) error { return do(ctx, tx) })
	})
}

// createRecorded makes a resource of a project's administration with its audit event.
func createRecorded(ctx context.Context, tx *repo.Tx, who caller.Caller, ref store.Ref, reason string, action audit.Action, resource any) (store.Resource, error) {
	body, err := marshal(resource)
	if err != nil {
		return store.Resource{}, err
	}
	made, err := tx.Administer(who, reason, ref.Project).Create(ctx, ref.Type, body)
	if err != nil {
		return store.Resource{}, err
	}
	return made, audit.Record(ctx, tx.Store(), event(who, ref.Project, action, ref.Type+"/"+ref.ID))
}
