package admin

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// Session is what somebody is shown of a session: of their own, or of a member's.
type Session struct {
	ID            string         `json:"id"`
	Current       bool           `json:"current,omitempty"`
	Client        *SessionClient `json:"client,omitempty"` // none: Admit's own pages, or a sign-in without client
	Project       string         `json:"project,omitempty"`
	Membership    string         `json:"membership,omitempty"`
	Scope         string         `json:"scope,omitempty"` // what the client was allowed
	AuthMethod    string         `json:"authMethod"`
	MFAVerified   bool           `json:"mfaVerified"`
	RemoteAddress string         `json:"remoteAddress,omitempty"`
	UserAgent     string         `json:"userAgent,omitempty"`
	Browser       string         `json:"browser,omitempty"`
	OS            string         `json:"os,omitempty"`
	Started       string         `json:"started"`
	// LastUsed is when it last got tokens, which last an hour.
	LastUsed string `json:"lastUsed"`
	Expires  string `json:"expires"`
}

// SessionClient is the client that a session belongs to.
type SessionClient struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// Sessions lists those of the caller's sessions that are its to see.
func (s *SignIn) Sessions(ctx context.Context, who caller.Caller) ([]Session, error) {
	me, err := s.accountOf(ctx, who)
	if err != nil {
		return nil, err
	}
	own, err := s.ownSessions(ctx, who)
	if err != nil {
		return nil, err
	}
	logins, err := s.Store.Sessions(ctx, me.ref, maxSessions)
	if err != nil {
		return nil, err
	}
	logins = slices.DeleteFunc(logins, func(login store.Login) bool { return !own(login) })
	sessions, err := s.directory.sessions(ctx, logins)
	for i := range sessions {
		sessions[i].Current = sessions[i].ID == who.LoginID
	}
	return sessions, err
}

// sessions describes logins. A client that is gone has no name any longer.
func (d *Directory) sessions(ctx context.Context, logins []store.Login) ([]Session, error) {
	names := map[string]string{}
	all := make([]Session, len(logins))
	for i, login := range logins {
		browser, system := device(login.UserAgent)
		all[i] = Session{
			ID: login.ID, Project: login.MembershipProject, Membership: login.Membership, Scope: login.Scope,
			AuthMethod: login.AuthMethod, MFAVerified: login.MFAVerified,
			RemoteAddress: login.RemoteAddress, UserAgent: login.UserAgent, Browser: browser, OS: system,
			Started: login.AuthTime.Format(instant), LastUsed: login.UpdatedAt.Format(instant), Expires: login.ExpiresAt.Format(instant),
		}
		if login.Client == "" {
			continue
		}
		name, known := names[login.Client]
		if !known {
			client, err := d.Client(ctx, login.Client)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
			name = client.Name
			names[login.Client] = name
		}
		all[i].Client = &SessionClient{login.Client, name}
	}
	return all, nil
}

// MemberSessions lists the sessions that a member has in the project; those in others are none of its
// administrators' business.
//
// Errors: outcome Forbidden, NotFound, Gone.
func (s *Service) MemberSessions(ctx context.Context, who caller.Caller, projectID, membership string) ([]Session, error) {
	if err := s.mayAdminister(ctx, who, projectID, audit.SessionsRead); err != nil {
		return nil, err
	}
	member := medplum.TypeProjectMembership + "/" + membership
	err := s.Repo.System("list the sessions of a member", projectID).InTx(ctx, func(tx *repo.Tx) error {
		rows := tx.System("find a membership", projectID)
		if _, err := rows.Read(ctx, medplum.TypeProjectMembership, membership); err != nil {
			return err
		}
		return audit.Record(ctx, tx.Store(), event(who, projectID, audit.SessionsRead, member))
	})
	if err != nil {
		return nil, err
	}
	logins, err := s.Store.MembershipSessions(ctx, projectID, membership, maxSessions)
	if err != nil {
		return nil, err
	}
	return NewDirectory(s.Repo).sessions(ctx, logins)
}

// EndMemberSession ends a session that a member has in the project.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) EndMemberSession(ctx context.Context, who caller.Caller, projectID, membership, id string) error {
	if err := s.mayAdminister(ctx, who, projectID, audit.SessionEnd); err != nil {
		return err
	}
	login, err := s.Store.Login(ctx, strings.ToLower(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && (login.MembershipProject != projectID || login.Membership != membership) {
		return outcome.New(outcome.NotFound, "")
	}
	if err != nil {
		return err
	}
	member := medplum.TypeProjectMembership + "/" + membership
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		return endSession(ctx, tx, login.ID, event(who, projectID, audit.SessionEnd, member, login.UserType+"/"+login.UserID))
	})
}

// RevokeLogin ends a session of the caller.
//
// Errors: outcome Invalid, NotFound for a login that is not the caller's own.
func (s *SignIn) RevokeLogin(ctx context.Context, who caller.Caller, id string) error {
	var fields outcome.Fields
	fields.Check(uuidForm.MatchString(id), "loginId", "Login ID is required.")
	if err := fields.Err(); err != nil {
		return err
	}
	login, err := s.login(ctx, id)
	if err != nil {
		return err
	}
	own, err := s.ownSessions(ctx, who)
	if err != nil {
		return err
	}
	if login.UserType+"/"+login.UserID != who.User.Reference || !own(login) {
		return outcome.New(outcome.NotFound, "")
	}
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		return endSession(ctx, tx, login.ID, audit.Event{
			Project: who.Project, Action: audit.SignOut, Agent: who.User.Reference, Entities: []string{who.User.Reference},
			RemoteAddr: who.RemoteAddr, RequestID: who.RequestID,
		})
	})
}

// endSession ends a session in every process, and writes it down.
func endSession(ctx context.Context, tx *store.Tx, login string, e audit.Event) error {
	if _, err := tx.RevokeLogin(ctx, login); err != nil {
		return err
	}
	return audit.Record(ctx, tx, e)
}
