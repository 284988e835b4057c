package admin

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// maxSessions is how many sessions somebody is shown of themselves.
const maxSessions = 100

// Me is what somebody is told about themselves (contract §2.5).
type Me struct {
	User         *myUser         `json:"user,omitempty"`
	Project      myProject       `json:"project"`
	Membership   myMembership    `json:"membership"`
	Profile      json.RawMessage `json:"profile"`
	Config       json.RawMessage `json:"config"`
	AccessPolicy effectivePolicy `json:"accessPolicy"`
	Security     *mySecurity     `json:"security,omitempty"`
}

type myUser struct {
	ResourceType string               `json:"resourceType"`
	ID           string               `json:"id"`
	Email        string               `json:"email,omitempty"`
	Identifier   []medplum.Identifier `json:"identifier,omitempty"`
}

type myProject struct {
	ResourceType string   `json:"resourceType"`
	ID           string   `json:"id"`
	Name         string   `json:"name,omitempty"`
	Features     []string `json:"features,omitempty"`
	Description  string   `json:"description,omitempty"`
	StrictMode   bool     `json:"strictMode,omitempty"`
	SuperAdmin   bool     `json:"superAdmin,omitempty"`
}

type myMembership struct {
	ResourceType string               `json:"resourceType"`
	ID           string               `json:"id"`
	Identifier   []medplum.Identifier `json:"identifier,omitempty"`
	User         *medplum.Reference   `json:"user,omitempty"`
	Profile      medplum.Reference    `json:"profile"`
	Admin        bool                 `json:"admin,omitempty"`
}

// effectivePolicy always says what it is based on; the App reads the list without asking.
type effectivePolicy struct {
	medplum.AccessPolicy
	BasedOn []medplum.Reference `json:"basedOn"`
}

type mySecurity struct {
	MFAEnrolled bool           `json:"mfaEnrolled"`
	Sessions    []mySession    `json:"sessions"`
	Memberships []myMembership `json:"memberships"`
}

type mySession struct {
	ID            string `json:"id"`
	LastUpdated   string `json:"lastUpdated"`
	AuthMethod    string `json:"authMethod"`
	RemoteAddress string `json:"remoteAddress,omitempty"`
	Browser       string `json:"browser,omitempty"`
	OS            string `json:"os,omitempty"`
}

// Me tells the caller about themselves.
func (s *SignIn) Me(ctx context.Context, who caller.Caller) (Me, error) {
	_, id := who.Membership.Split()
	m, p, err := s.directory.member(ctx, store.Ref{Project: who.Project, Type: medplum.TypeProjectMembership, ID: id})
	if err != nil {
		return Me{}, err
	}
	me := Me{
		Project: myProject{
			ResourceType: medplum.TypeProject, ID: p.ID, Name: p.Name, Features: p.Features,
			Description: p.Description, StrictMode: p.StrictMode, SuperAdmin: p.SuperAdmin,
		},
		Membership: describeMembership(m),
	}
	me.Membership.User = &m.User
	me.AccessPolicy.AccessPolicy = who.Policy.Describe()
	me.AccessPolicy.BasedOn = append([]medplum.Reference{}, me.AccessPolicy.AccessPolicy.BasedOn...)
	if me.Profile, err = s.myProfile(ctx, who); err != nil {
		return Me{}, err
	}
	if me.Config, err = s.myConfig(ctx, who, m); err != nil {
		return Me{}, err
	}
	if resourceType, _ := who.User.Split(); resourceType == medplum.TypeUser {
		err = s.mySelf(ctx, who, &me)
	}
	return me, err
}

func describeMembership(m medplum.ProjectMembership) myMembership {
	return myMembership{
		ResourceType: medplum.TypeProjectMembership, ID: m.ID, Identifier: m.Identifier, Profile: m.Profile, Admin: m.Admin,
	}
}

// mySelf adds what only a User has.
func (s *SignIn) mySelf(ctx context.Context, who caller.Caller, me *Me) error {
	own, err := s.accountOf(ctx, who)
	if err != nil {
		return err
	}
	me.User = &myUser{medplum.TypeUser, own.ref.ID, own.user.Email, own.user.Identifier}
	me.Security = &mySecurity{MFAEnrolled: own.user.MFAEnrolled, Sessions: []mySession{}, Memberships: []myMembership{}}
	sees, err := s.ownSessions(ctx, who)
	if err != nil {
		return err
	}
	logins, err := s.Store.Logins(ctx, own.ref, maxSessions)
	if err != nil {
		return err
	}
	for _, login := range logins {
		if !sees(login) {
			continue
		}
		browser, system := device(login.UserAgent)
		me.Security.Sessions = append(me.Security.Sessions, mySession{
			login.ID, login.UpdatedAt.Format(instant), login.AuthMethod, login.RemoteAddress, browser, system,
		})
	}
	refs, err := s.directory.memberships(ctx, own.ref, maxMemberships)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if ref.Project != who.Project {
			continue
		}
		m, err := fetch[medplum.ProjectMembership](ctx, s.Repo, "list the caller's memberships", ref)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if m.IsActive() {
			me.Security.Memberships = append(me.Security.Memberships, describeMembership(m))
		}
	}
	return nil
}

// myProfile is the profile as the caller may see it; whose policy hides it sees at least which it
// is, without which the SDK takes the session for broken.
func (s *SignIn) myProfile(ctx context.Context, who caller.Caller) (json.RawMessage, error) {
	resourceType, id := who.Profile.Split()
	who.Extended = true
	res, err := s.Repo.As(who).Read(ctx, resourceType, id)
	switch {
	case err == nil:
		return res.Content, nil
	case outcome.Has(err, outcome.Forbidden), outcome.Has(err, outcome.NotFound), outcome.Has(err, outcome.Gone):
		return marshal(struct {
			ResourceType string `json:"resourceType"`
			ID           string `json:"id"`
		}{resourceType, id})
	}
	return nil, err
}

// myConfig is the membership's UserConfiguration, or the menus that Medplum's App begins with.
func (s *SignIn) myConfig(ctx context.Context, who caller.Caller, m medplum.ProjectMembership) (json.RawMessage, error) {
	if m.UserConfiguration != nil {
		resourceType, id := m.UserConfiguration.Split()
		res, err := s.Repo.Record(ctx, "read the caller's configuration", store.Ref{Project: who.Project, Type: resourceType, ID: id})
		if err == nil && resourceType == medplum.TypeUserConfiguration {
			return res.Content, nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
	}
	return marshal(defaultConfig(who))
}

type userConfiguration struct {
	ResourceType string `json:"resourceType"`
	Menu         []menu `json:"menu"`
}

type menu struct {
	Title string     `json:"title"`
	Link  []menuLink `json:"link"`
}

type menuLink struct {
	Name   string `json:"name"`
	Target string `json:"target"`
}

func defaultConfig(who caller.Caller) userConfiguration {
	config := userConfiguration{medplum.TypeUserConfiguration, []menu{{Title: "Favorites"}}}
	for _, name := range []string{"Patient", "Practitioner", "Organization", "ServiceRequest", "DiagnosticReport", "Questionnaire"} {
		config.Menu[0].Link = append(config.Menu[0].Link, menuLink{name, "/" + name})
	}
	if who.Admin {
		config.Menu = append(config.Menu, menu{"Admin", []menuLink{
			{"Project", "/admin/project"}, {"AccessPolicy", "/AccessPolicy"}, {"Subscriptions", "/Subscription"},
			{"Batch", "/batch"}, {"Config", "/admin/config"},
		}})
	}
	if who.SuperAdmin {
		config.Menu = append(config.Menu, menu{"Super Admin", []menuLink{
			{"Projects", "/Project"}, {"Super Config", "/admin/super"},
		}})
	}
	return config
}

// device names the browser and the system that a User-Agent header claims, as far as people tell
// them apart. The order matters: most of them also claim to be the ones below.
func device(agent string) (browser, system string) {
	first := func(pairs ...[2]string) string {
		for _, pair := range pairs {
			if strings.Contains(agent, pair[0]) {
				return pair[1]
			}
		}
		return ""
	}
	browser = first([2]string{"Edg/", "Edge"}, [2]string{"OPR/", "Opera"}, [2]string{"Firefox/", "Firefox"},
		[2]string{"Chrome/", "Chrome"}, [2]string{"Safari/", "Safari"})
	system = first([2]string{"Android", "Android"}, [2]string{"iPhone", "iOS"}, [2]string{"iPad", "iOS"},
		[2]string{"Windows", "Windows"}, [2]string{"Mac OS X", "macOS"}, [2]string{"Linux", "Linux"})
	return browser, system
}
