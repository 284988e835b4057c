package repo

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/fetch"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// byType applies what holds for a type of identity resources whoever writes it. It may be applied
// twice to the same document.
func (a *access) byType(ctx context.Context, c *change, doc *document.Node) (*document.Node, error) {
	switch c.ref.Type {
	case medplum.TypeProjectMembership:
		return a.membership(ctx, c, doc)
	case medplum.TypeUser:
		return a.user(ctx, c, doc)
	case medplum.TypeProject:
		return doc, errors.Join(checkNames(doc), checkSettings(doc), a.owned(ctx, c, doc))
	case medplum.TypeAccessPolicy:
		return doc, checkPolicy(doc)
	case medplum.TypeClientApplication:
		return doc, errors.Join(checkRedirects(doc), a.checkKeys(c, doc), a.mayProvide(c, doc))
	case medplum.TypeDomainConfiguration:
		return doc, a.mayProvide(c, doc)
	}
	return doc, nil
}

// checkRedirects refuses addresses to which no code may ever be sent: those without a scheme or with
// a fragment (RFC 6749 §3.1.2), and those that a browser would run as a program.
func checkRedirects(doc *document.Node) error {
	for _, name := range []string{"redirectUri", "redirectUris"} {
		for _, value := range doc.Get(name).Values() {
			address, err := url.Parse(value.String())
			if err != nil || address.Scheme == "" || address.Fragment != "" ||
				slices.Contains([]string{"javascript", "data", "vbscript", "blob", "file"}, address.Scheme) {
				return outcome.New(outcome.Invalid, "Invalid redirect URI").At("ClientApplication." + name)
			}
		}
	}
	return nil
}

// checkKeys refuses an address from which no key would ever be fetched.
func (a *access) checkKeys(c *change, doc *document.Node) error {
	address := doc.Text("jwksUri")
	if address == "" || c.oldDoc != nil && c.oldDoc.Text("jwksUri") == address || fetch.Check(address, a.repo.AllowPrivateURLs) == nil {
		return nil
	}
	return outcome.New(outcome.Invalid, "Invalid JWKS URI: it must be an https URL").At("ClientApplication.jwksUri")
}

// checkPolicy refuses a policy that could not be compiled: its holders could do nothing at all.
func checkPolicy(doc *document.Node) error {
	var p medplum.AccessPolicy
	if err := json.Unmarshal(doc.Raw, &p); err != nil {
		return outcome.New(outcome.Structure, "Invalid AccessPolicy")
	}
	return policy.Check(p)
}

// ownRules says that byType, not the read-only elements of the roles' rules, decides what a create
// may set: a membership needs its project and user.
func ownRules(resourceType string) bool {
	return resourceType == medplum.TypeProjectMembership || resourceType == medplum.TypeUser
}

// user places a User: its project is its partition. Only a system session or a super admin makes
// server-scoped ones, and no update moves a User.
func (a *access) user(ctx context.Context, c *change, doc *document.Node) (*document.Node, error) {
	if c.old == nil && (a.system != "" || a.who.SuperAdmin) {
		return doc, a.placeUser(ctx, c, doc)
	}
	if c.old == nil {
		// Only the person or the server verifies an address and enrols a second factor.
		var err error
		if doc, err = drop(doc, []path{{"emailVerified"}, {"mfaEnrolled"}}); err != nil {
			return nil, err
		}
	}
	if c.ref.Project != store.SystemProject {
		return a.setProject(c, doc)
	}
	return drop(doc, []path{{"project"}})
}

// placeUser chooses the partition of a new User by its element project.
func (a *access) placeUser(ctx context.Context, c *change, doc *document.Node) error {
	c.ref.Project = store.SystemProject
	if doc.Get("project") == nil {
		return nil
	}
	project := reference(doc, "project")
	ok, err := a.exists(ctx, store.SystemProject, project, medplum.TypeProject)
	if err != nil {
		return err
	}
	if !ok {
		return outcome.New(outcome.Invalid, "Project %s does not exist", project.Reference).At("User.project")
	}
	_, c.ref.Project = project.Split()
	return nil
}

// setProject makes the element project say what the partition says.
func (a *access) setProject(c *change, doc *document.Node) (*document.Node, error) {
	if _, id := reference(doc, "project").Split(); id == c.ref.Project {
		return doc, nil
	}
	return setReference(doc, "project", medplum.RefTo(medplum.TypeProject, c.ref.Project, a.who.ProjectName))
}

// membership holds a ProjectMembership to its project and user, gives a new one without policies
// the project's default, and refuses what it must not point at.
func (a *access) membership(ctx context.Context, c *change, doc *document.Node) (*document.Node, error) {
	doc, err := a.bindMembership(ctx, c, doc)
	if err != nil {
		return nil, err
	}
	if doc, err = a.defaultPolicy(ctx, c, doc); err != nil {
		return nil, err
	}
	var m medplum.ProjectMembership
	if err := json.Unmarshal(doc.Raw, &m); err != nil {
		return nil, outcome.New(outcome.Structure, "Invalid ProjectMembership")
	}
	if err := a.checkAccess(ctx, c, doc, m); err != nil {
		return nil, err
	}
	if err := a.ownerStays(ctx, c, m); err != nil {
		return nil, err
	}
	if c.old != nil && !c.old.Deleted && reference(c.oldDoc, "profile").Reference == m.Profile.Reference {
		return doc, nil
	}
	return doc, a.peopleExist(ctx, c.ref.Project, m)
}

// bindMembership keeps the elements that never change. Only a super admin makes a membership of
// another project than the own.
func (a *access) bindMembership(ctx context.Context, c *change, doc *document.Node) (*document.Node, error) {
	if c.old != nil {
		kept := []string{"project", "user"}
		if a.byAdmit() && reference(doc, "user").Reference == reference(c.oldDoc, "user").Reference {
			kept = kept[:1] // its display is the User's address (followAddress)
		}
		return putBackAll(doc, c.oldDoc, kept)
	}
	project := reference(doc, "project")
	if _, id := project.Split(); id == c.ref.Project {
		return doc, nil
	}
	if !a.everywhere() {
		return nil, outcome.New(outcome.Forbidden, "")
	}
	ok, err := a.exists(ctx, store.SystemProject, project, medplum.TypeProject)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, outcome.New(outcome.Invalid, "Project %s does not exist", project.Reference).At("ProjectMembership.project")
	}
	_, c.ref.Project = project.Split()
	return doc, nil
}

// peopleExist refuses a membership of nobody: its profile must be in the project, its user there or
// on the server. Both are held, so that neither is deleted while the membership comes into being.
func (a *access) peopleExist(ctx context.Context, project string, m medplum.ProjectMembership) error {
	ok, err := a.held(ctx, project, m.Profile, "Patient", "Practitioner", "RelatedPerson",
		medplum.TypeClientApplication, medplum.TypeBot)
	if err != nil {
		return err
	}
	if !ok {
		return outcome.New(outcome.Invalid, "Profile %s does not exist in this project", m.Profile.Reference).At("ProjectMembership.profile")
	}
	if !a.isNew(store.SystemProject, m.User) { // or else nothing of the project has that id
		ok, err = a.held(ctx, project, m.User, medplum.TypeUser, medplum.TypeClientApplication, medplum.TypeBot)
		if err != nil || ok {
			return err
		}
	}
	if ok, err = a.held(ctx, store.SystemProject, m.User, medplum.TypeUser); err == nil && ok {
		ok, err = a.mayJoin(ctx, project, m.User)
	}
	if err != nil || ok {
		return err
	}
	return outcome.New(outcome.Invalid, "User %s does not exist", m.User.Reference).At("ProjectMembership.user")
}

// mayJoin says whether the caller may give a User of the server a membership. Whoever knows the id
// of somebody who belongs to other projects must not make them a member: to a project's
// administrator only its members exist, and others come by invite.
func (a *access) mayJoin(ctx context.Context, project string, user medplum.Reference) (bool, error) {
	if a.system != "" || a.who.SuperAdmin {
		return true, nil
	}
	members, err := a.rows.Owners(ctx, store.SystemProject, KeyUserMembership, user.Reference+"/", maxMemberships)
	return slices.ContainsFunc(members, func(m store.Ref) bool { return m.Project == project }), err
}

// maxMemberships is how many memberships of one User are looked at.
const maxMemberships = 1000

// held is exists, and keeps what exists from changing until the transaction ends.
func (a *access) held(ctx context.Context, project string, ref medplum.Reference, types ...string) (bool, error) {
	resourceType, id := ref.Split()
	if !slices.Contains(types, resourceType) || !ValidID(id) {
		return false, nil
	}
	if a.isNew(project, ref) {
		return true, nil
	}
	at := store.Ref{Project: project, Type: resourceType, ID: id}
	for {
		got, err := a.rows.Get(ctx, at, nil)
		if err != nil || got.Deleted {
			return false, ignoreNotFound(err)
		}
		version, err := a.tx.Hold(ctx, at)
		if err != nil || version == got.Version {
			return err == nil, ignoreNotFound(err)
		}
	}
}

// isNew says whether a resource is made by this transaction, so that nobody else can change it.
func (a *access) isNew(project string, ref medplum.Reference) bool {
	g, ok := a.rows.(*gathering)
	if !ok {
		return false
	}
	resourceType, id := ref.Split()
	_, made := g.made[store.Ref{Project: project, Type: resourceType, ID: id}]
	return made
}

func ignoreNotFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// exists says whether ref is a live resource of one of the types in a partition.
func (a *access) exists(ctx context.Context, project string, ref medplum.Reference, types ...string) (bool, error) {
	resourceType, id := ref.Split()
	for _, t := range types {
		if t != resourceType || !ValidID(id) {
			continue
		}
		got, err := a.rows.Get(ctx, store.Ref{Project: project, Type: t, ID: id}, nil)
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		return err == nil && !got.Deleted, err
	}
	return false, nil
}

// mayGo refuses to delete what a membership stands on: its holder could sign in as nobody. It holds
// the resource first, so that no membership comes into being meanwhile.
func (a *access) mayGo(ctx context.Context, got store.Resource) error {
	var stands func(context.Context, store.Ref) (bool, error)
	switch got.Type {
	case medplum.TypeUser:
		stands = a.hasMembership
	case "Patient", "Practitioner", "RelatedPerson", medplum.TypeClientApplication, medplum.TypeBot:
		stands = a.isProfile
	case medplum.TypeProjectMembership:
		return a.mayLeave(ctx, got)
	default:
		return nil
	}
	if _, err := a.tx.Hold(ctx, got.Ref); err != nil {
		return err
	}
	if held, err := stands(ctx, got.Ref); err != nil || !held {
		return err
	}
	return outcome.New(outcome.Conflict,
		"%s/%s is used by a ProjectMembership; delete that first (DELETE /admin/projects/:projectId/members/:membershipId)", got.Type, got.ID)
}

func (a *access) hasMembership(ctx context.Context, ref store.Ref) (bool, error) {
	owners, err := a.rows.Owners(ctx, store.SystemProject, KeyUserMembership, ref.Type+"/"+ref.ID+"/", 1)
	return len(owners) > 0, err
}

func (a *access) isProfile(ctx context.Context, ref store.Ref) (bool, error) {
	n, err := a.rows.Count(ctx, store.Query{
		Projects: []string{ref.Project},
		Types:    []string{medplum.TypeProjectMembership},
		Where: store.Reference{Param: "profile", Values: []store.ReferenceValue{
			{Type: ref.Type, ID: ref.ID},
		}},
	})
	return n > 0, err
}
