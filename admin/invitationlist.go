package admin

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// InvitationDetails are an invitation as a project's administrators see it. Its link is never part of it.
type InvitationDetails struct {
	ID         string            `json:"id"`
	Version    string            `json:"version"`
	State      string            `json:"state"`
	Email      string            `json:"email,omitempty"`
	Membership medplum.Reference `json:"membership"`
	User       medplum.Reference `json:"user"`
	Profile    medplum.Reference `json:"profile"`
	InvitedBy  medplum.Reference `json:"invitedBy"`
	CreatedAt  time.Time         `json:"createdAt"`
	UpdatedAt  time.Time         `json:"updatedAt"`
	ExpiresAt  time.Time         `json:"expiresAt"`
	Delivery   *MailDelivery     `json:"delivery,omitempty"` // of the last mail, if one was wanted
}

// MailDelivery is what was last heard of a mail, from the mail server or by a report.
type MailDelivery struct {
	Status     string    `json:"status"`
	ReplyCode  int       `json:"replyCode,omitempty"`
	StatusCode string    `json:"statusCode,omitempty"`
	Text       string    `json:"text,omitempty"`
	At         time.Time `json:"at"`
}

func describeInvitation(in store.Invitation) InvitationDetails {
	details := InvitationDetails{
		ID: in.ID, Version: strconv.FormatInt(in.Version, 10), State: string(in.State), Email: in.Email,
		Membership: medplum.RefTo(medplum.TypeProjectMembership, in.Membership, ""), User: medplum.RefTo(medplum.TypeUser, in.User, ""),
		Profile: medplum.Reference{Reference: in.Profile}, InvitedBy: medplum.Reference{Reference: in.InvitedBy},
		CreatedAt: in.CreatedAt.Time, UpdatedAt: in.UpdatedAt.Time, ExpiresAt: in.ExpiresAt.Time,
	}
	if d := in.Delivery; d.Status != "" {
		details.Delivery = &MailDelivery{string(d.Status), d.ReplyCode, d.StatusCode, d.ReplyText, d.ReportedAt.Time}
	}
	return details
}

// InvitationQuery is which invitations are listed; what is empty does not narrow.
type InvitationQuery struct {
	// States are states, or pending (may still be accepted) and failed (the mail came back).
	States       []string
	Email        string
	Profile      string // reference
	InvitedBy    string // reference of a membership
	Since, Until time.Time
	Cursor       string // InvitationPage.Next of the page before
	Limit        int    // 0 for 100
}

// InvitationPage is a page of invitations, newest first.
type InvitationPage struct {
	Invitations []InvitationDetails `json:"invitations"`
	// Next is the cursor of the next page, empty on the last one.
	Next string `json:"next,omitempty"`
}

// invitationStates are the words of a query.
var invitationStates = map[string][]store.InvitationState{
	"pending": {store.InvitationDraft, store.InvitationQueued, store.InvitationSent, store.InvitationDelivered, store.InvitationBounced, store.InvitationOpened},
	"failed":  {store.InvitationBounced},
	"draft":   {store.InvitationDraft}, "queued": {store.InvitationQueued}, "sent": {store.InvitationSent}, "delivered": {store.InvitationDelivered},
	"bounced": {store.InvitationBounced}, "opened": {store.InvitationOpened}, "accepted": {store.InvitationAccepted},
	"expired": {store.InvitationExpired}, "revoked": {store.InvitationRevoked},
}

// Invitations lists the invitations of a project.
//
// Errors: outcome Forbidden, NotFound, Invalid.
func (s *Service) Invitations(ctx context.Context, who caller.Caller, project string, q InvitationQuery) (InvitationPage, error) {
	page := InvitationPage{Invitations: []InvitationDetails{}}
	if err := s.mayAdminister(ctx, who, project, audit.InvitationRead); err != nil {
		return page, err
	}
	query, err := q.rows(project)
	if err != nil {
		return page, err
	}
	found, err := s.Store.Invitations(ctx, query)
	if err != nil {
		return page, err
	}
	if len(found) == query.Limit {
		found = found[:query.Limit-1]
		page.Next = found[len(found)-1].ID
	}
	for _, in := range found {
		page.Invitations = append(page.Invitations, describeInvitation(in))
	}
	return page, nil
}

// rows is the query as the store has it, for one more than a page.
func (q InvitationQuery) rows(project string) (store.InvitationQuery, error) {
	query := store.InvitationQuery{
		Project: project, Email: mail.Canonical(q.Email), Profile: q.Profile, InvitedBy: q.InvitedBy,
		Since: q.Since, Until: q.Until, After: q.Cursor, Limit: q.Limit + 1,
	}
	if q.Limit == 0 {
		query.Limit = defaultUserPage + 1
	}
	var fields outcome.Fields
	fields.Check(q.Limit >= 0 && q.Limit <= maxUserPage, "limit", "Limit must be between 1 and 1000")
	fields.Check(q.Cursor == "" || uuidForm.MatchString(q.Cursor), "cursor", "The cursor is not one of a page")
	profileType, _ := medplum.Reference{Reference: q.Profile}.Split()
	fields.Check(q.Profile == "" || isPerson(profileType), "profile", "A profile is a Patient, a Practitioner or a RelatedPerson")
	inviter, _ := medplum.Reference{Reference: q.InvitedBy}.Split()
	fields.Check(q.InvitedBy == "" || inviter == medplum.TypeProjectMembership, "invitedBy", "An inviter is a ProjectMembership")
	for _, word := range q.States {
		states, known := invitationStates[word]
		fields.Check(known, "state", "State "+strconv.Quote(word)+" is none of pending, failed, draft, queued, sent, delivered, bounced, opened, accepted, expired and revoked")
		query.States = append(query.States, states...)
	}
	for _, text := range []string{q.Email, q.Profile, q.InvitedBy} {
		fields.Check(!strings.ContainsRune(text, 0), "", "NUL is no character of a name")
	}
	return query, fields.Err()
}

// Invitation reads one.
//
// Errors: outcome Forbidden, NotFound.
func (s *Service) Invitation(ctx context.Context, who caller.Caller, project, id string) (InvitationDetails, error) {
	if err := s.mayAdminister(ctx, who, project, audit.InvitationRead); err != nil {
		return InvitationDetails{}, err
	}
	if !repo.ValidID(id) {
		return InvitationDetails{}, outcome.New(outcome.NotFound, "")
	}
	in, err := s.Store.Invitation(ctx, project, id)
	if errors.Is(err, store.ErrNotFound) {
		return InvitationDetails{}, outcome.New(outcome.NotFound, "")
	}
	return describeInvitation(in), err
}
