package admin

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// ResendInvitation mails an invitation again. The new link takes the place of the old one, which is dead
// from then on, and works for as long as a new invitation's. With an idempotency key a repeated request
// sends nothing more.
//
// Errors: outcome Forbidden, NotFound, Invalid, Conflict, PreconditionFailed, TooManyRequests, BusinessRule.
func (s *Service) ResendInvitation(ctx context.Context, who caller.Caller, which InvitationChange, key string) (InvitationDetails, error) {
	request, err := s.idempotent(who, which.Project, key, "resend "+which.ID)
	if err != nil {
		return InvitationDetails{}, err
	}
	version := which.Version
	which.Version = "" // a repeated request names the version of before
	return s.changeInvitation(ctx, who, which, audit.InvitationResend, func(ctx context.Context, c *changingInvitation) error {
		first, repeated, err := onceAs(ctx, c.tx, request, func() (answer, error) {
			if version != "" && version != strconv.FormatInt(c.in.Version, 10) {
				return answer{}, outcome.New(outcome.PreconditionFailed, "")
			}
			return answer{ID: c.in.ID}, c.resend(ctx)
		})
		c.same = repeated
		if err == nil && repeated && first.ID != c.in.ID {
			err = outcome.New(outcome.BusinessRule, "Idempotency-Key was used for another request")
		}
		return err
	})
}

func (c *changingInvitation) resend(ctx context.Context) error {
	v, err := c.renew(ctx)
	if err != nil {
		return err
	}
	if v.in.Email == "" {
		return outcome.New(outcome.Invalid, "User does not have an email address")
	}
	return v.post(ctx, &c.in)
}

// renew ends the link of the invitation and gives it the time of a new one. What is given back is the
// invite as it would be now.
func (c *changingInvitation) renew(ctx context.Context) (*inviting, error) {
	v, err := c.again(ctx)
	if err != nil {
		return nil, err
	}
	return v, c.restart(ctx, v)
}

// again is the invite as it would be now.
func (c *changingInvitation) again(ctx context.Context) (*inviting, error) {
	if err := c.mustBeOpen(true); err != nil {
		return nil, err
	}
	project, err := c.s.project(ctx, c.tx, c.in.Project)
	if err != nil {
		return nil, err
	}
	_, ref, user, err := c.s.memberUser(ctx, c.tx, c.in.Project, c.in.Membership)
	switch {
	case outcome.Has(err, outcome.NotFound), outcome.Has(err, outcome.Gone), err == nil && ref.ID == "":
		return nil, outcome.New(outcome.Conflict, "The membership of the invitation is gone")
	case err != nil:
		return nil, err
	}
	in := Invitation{Email: user.Email, FirstName: user.FirstName, LastName: user.LastName}
	v := &inviting{s: c.s, tx: c.tx, who: c.who, in: in, project: project, user: invitedUser{Ref: ref}}
	return v, v.recognise(ctx)
}

func (c *changingInvitation) restart(ctx context.Context, v *inviting) error {
	if err := c.endLink(ctx); err != nil {
		return err
	}
	c.in.Email, c.in.Request, c.in.Mail, c.in.Delivery = v.in.Email, "", "", store.Delivery{}
	c.in.State, c.in.ExpiresAt = store.InvitationDraft, store.At(c.tx.Store().Now().Add(inviteAge))
	return nil
}

// InvitationLink is the link of an invitation, shown once.
type InvitationLink struct {
	Link       string            `json:"link"`
	Invitation InvitationDetails `json:"invitation"`
}

// InvitationLink makes a link of an invitation, for its administrator to hand over by other ways than mail.
// Links are kept as digests, so none can be shown that was mailed; it is dead from then on.
//
// Whoever uses the link has not shown that the address is theirs: the administrator could be it. So it
// proves nothing, opens this project alone, and is there for somebody who cannot sign in yet and whom no other
// project knows. For any other User of the server it is the address of the sign-in, and the mailed link goes on
// working: what else is known of them is not told.
//
// Errors: outcome Forbidden, NotFound, Conflict, PreconditionFailed.
func (s *Service) InvitationLink(ctx context.Context, who caller.Caller, which InvitationChange) (made InvitationLink, err error) {
	made.Invitation, err = s.changeInvitation(ctx, who, which, audit.InvitationLink, func(ctx context.Context, c *changingInvitation) error {
		v, err := c.again(ctx)
		if err != nil {
			return err
		}
		isNew, err := v.isNew(ctx)
		switch {
		case err != nil:
			return err
		case !isNew && v.user.Project == store.SystemProject:
			made.Link, c.same = s.signInTo(c.in.Project), true
			return nil
		case !isNew:
			return outcome.New(outcome.Conflict, "The person has an account already and signs in with it")
		}
		if err := c.restart(ctx, v); err != nil {
			return err
		}
		made.Link, err = v.makeLink(ctx, &c.in)
		return err
	})
	return made, err
}

// signInTo is where one signs in to a project.
func (s *Service) signInTo(project string) string {
	address := s.AppURL.JoinPath("signin")
	address.RawQuery = url.Values{"project": {project}}.Encode()
	return address.String()
}

// makeLink makes a link that is not mailed.
func (v *inviting) makeLink(ctx context.Context, invitation *store.Invitation) (string, error) {
	request := store.SecurityRequest{Type: store.RequestInvite, Opens: v.project.ID}
	id, plain, err := makeRequest(ctx, v.tx, v.user.Ref, request, inviteAge)
	invitation.Request = id
	return v.s.AppURL.JoinPath("setpassword", id, plain).String(), err
}

// handOver makes the link of somebody who is new.
func (v *inviting) handOver(ctx context.Context, invitation *store.Invitation) error {
	isNew, err := v.isNew(ctx)
	if err != nil || !isNew {
		return err
	}
	v.link, err = v.makeLink(ctx, invitation)
	return err
}

// isNew says of somebody that they cannot sign in and that no other project knows them.
func (v *inviting) isNew(ctx context.Context) (bool, error) {
	rows := v.tx.Store()
	_, err := rows.Credential(ctx, v.user.Ref, store.Password)
	if !errors.Is(err, store.ErrNotFound) || !v.user.stranger {
		return false, ignoreNotFound(err)
	}
	projects, err := projectsOf(ctx, rows, v.user.ID)
	elsewhere := slices.ContainsFunc(projects, func(project string) bool { return project != v.project.ID })
	return err == nil && !elsewhere, err
}
