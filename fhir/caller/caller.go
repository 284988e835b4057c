// Package caller turns a verified token into the Caller on whose behalf a request acts: the
// membership, its project and the project's links, its compiled policy, its roles. It decides who
// somebody is; fhir/policy decides what they may do and fhir/repo lets nobody do more.
//
//   - A Caller is a value handed from function to function, never kept in a context.Context.
//   - A Caller exists only for a live login and an active membership; anything less is 401.
//   - Power comes from two places alone: admin of the membership, superAdmin of its Project.
//   - Acting on behalf of another member takes an administrator's role and gives that member's rights
//     instead of one's own, as far as the token's scopes and both members' addresses allow.
//   - An access entry with a period holds within it alone; a cached Caller ends at the next boundary.
//   - A cached Caller is dropped within half a second of a change to its login, membership, project
//     or policies made by any process, at once for one made by this process, and is not used at
//     all while the changes cannot be read.
package caller

import (
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
)

// Caller is on whose behalf a request acts.
type Caller struct {
	Project     string // id of the project, which is also its partition
	ProjectName string
	Linked      []Link // projects that may be read besides

	Membership medplum.Reference
	User       medplum.Reference // User, ClientApplication or Bot
	Profile    medplum.Reference

	Admin      bool // membership.admin
	SuperAdmin bool // the project's superAdmin
	// Features are the project's features.
	Features []string
	// CheckReferences is the project's checkReferencesOnWrite.
	CheckReferences bool
	Policy          *policy.Policy
	Quota           Quota
	// OnBehalfOf is whose rights (Policy, Admin) an administrator has taken on; nil: its own.
	OnBehalfOf *Target

	LoginID  string
	ClientID string
	Scope    string
	// ScopeOnly says that without scopes about data there are no rights: the client has registered itself.
	ScopeOnly bool
	// Patient is whom the client was launched about; without one it is the profile, if that is one.
	Patient medplum.Reference

	// Extended asks for meta.project, author, account and compartment in answers.
	Extended   bool
	RemoteAddr string
	RequestID  string

	// until is when an access entry begins or ends next; zero: never.
	until time.Time
}

// Link is a project that may be read besides the caller's own.
type Link struct {
	Project string
	// Types are the types it exports; empty means all.
	Types []string
}

// Target is the member on whose behalf an administrator acts.
type Target struct{ Membership, Profile medplum.Reference }

// ProjectAdmin says whether the caller may administer its project.
func (c Caller) ProjectAdmin() bool { return c.Admin || c.SuperAdmin }

// Readable lists the partitions in which the caller may read a type: its own first.
func (c Caller) Readable(resourceType string) []string {
	projects := []string{c.Project}
	for _, l := range c.Linked {
		if len(l.Types) == 0 || slices.Contains(l.Types, resourceType) {
			projects = append(projects, l.Project)
		}
	}
	return projects
}

const contextKey = "admit.caller"

// Put gives a context that stands for no request its Caller.
func Put(c echo.Context, who Caller) { c.Set(contextKey, who) }

// From is the Caller of a request that came through Resolver.Middleware. Without one it is the
// zero Caller, which has no policy and may do nothing.
func From(c echo.Context) Caller {
	who, _ := c.Get(contextKey).(Caller)
	return who
}
