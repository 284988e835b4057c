package admin

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/tidwall/sjson"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// maxInviteAge is how far an invitation may be extended.
const maxInviteAge = 30 * 24 * time.Hour

// InvitationChange says which invitation is changed. Version, when given, is the one that the caller has
// seen.
type InvitationChange struct{ Project, ID, Version string }

// changingInvitation is one invitation under change, within one attempt of its transaction.
type changingInvitation struct {
	s   *Service
	tx  *repo.Tx
	who caller.Caller
	in  store.Invitation
	// same says that there is nothing to change.
	same bool
}

// changeInvitation changes an invitation in one transaction; whoever else wants to waits for it.
func (s *Service) changeInvitation(ctx context.Context, who caller.Caller, which InvitationChange, action audit.Action, change func(context.Context, *changingInvitation) error) (changed InvitationDetails, err error) {
	if err := s.mayAdminister(ctx, who, which.Project, action); err != nil {
		return changed, err
	}
	if !repo.ValidID(which.ID) {
		return changed, outcome.New(outcome.NotFound, "")
	}
	err = s.Repo.System("change an invitation", which.Project).InTx(ctx, func(tx *repo.Tx) error {
		in, err := tx.Store().HoldInvitation(ctx, which.Project, which.ID)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return outcome.New(outcome.NotFound, "")
		case err != nil:
			return err
		case which.Version != "" && which.Version != strconv.FormatInt(in.Version, 10):
			return outcome.New(outcome.PreconditionFailed, "")
		}
		c := &changingInvitation{s: s, tx: tx, who: who, in: in}
		changed = describeInvitation(in)
		if err := change(ctx, c); err != nil || c.same {
			return err
		}
		if err := tx.Store().ChangeInvitation(ctx, &c.in); err != nil {
			return err
		}
		changed = describeInvitation(c.in)
		return audit.Record(ctx, tx.Store(), event(who, which.Project, action,
			medplum.TypeProjectMembership+"/"+c.in.Membership, medplum.TypeUser+"/"+c.in.User))
	})
	return changed, err
}

// mustBeOpen refuses what is done to an invitation that is over. One that ran out is, too, unless it is
// given a new link.
//
// Errors: outcome Conflict.
func (c *changingInvitation) mustBeOpen(renews bool) error {
	switch {
	case c.in.State == store.InvitationAccepted:
		return outcome.New(outcome.Conflict, "The invitation has been accepted")
	case c.in.State == store.InvitationRevoked:
		return outcome.New(outcome.Conflict, "The invitation has been revoked")
	case c.in.State == store.InvitationExpired && !renews:
		return outcome.New(outcome.Conflict, "The invitation has expired; resend it")
	}
	return nil
}

// endLink makes that the link of the invitation works no longer, and that no mail brings it.
func (c *changingInvitation) endLink(ctx context.Context) error {
	if err := c.tx.Store().SupersedeSecurityRequest(ctx, c.in.Request); err != nil {
		return err
	}
	return c.tx.Store().WithdrawMail(ctx, c.in.Mail)
}

// RevokeInvitation ends an invitation that nobody has accepted: its link is dead, and the membership that
// it made is gone. The profile stays. Again, it changes nothing.
//
// Errors: outcome Forbidden, NotFound, Conflict, PreconditionFailed.
func (s *Service) RevokeInvitation(ctx context.Context, who caller.Caller, which InvitationChange) (InvitationDetails, error) {
	return s.changeInvitation(ctx, who, which, audit.InvitationRevoke, func(ctx context.Context, c *changingInvitation) error {
		if c.same = c.in.State == store.InvitationRevoked; c.same {
			return nil
		}
		if err := c.mustBeOpen(true); err != nil {
			return err
		}
		if err := c.endLink(ctx); err != nil {
			return err
		}
		c.in.State = store.InvitationRevoked
		if !c.in.AddsMember {
			return nil
		}
		return c.removeMember(ctx)
	})
}

// removeMember deletes the membership of an invitation, unless another invitation to it was accepted.
func (c *changingInvitation) removeMember(ctx context.Context) error {
	others, err := c.tx.Store().InvitationsOf(ctx, c.in.Project, c.in.Membership)
	if err != nil {
		return err
	}
	for _, other := range others {
		if other.State == store.InvitationAccepted {
			return nil
		}
	}
	project, err := c.s.project(ctx, c.tx, c.in.Project)
	if err != nil {
		return err
	}
	err = c.s.deleteMember(ctx, c.tx, c.who, project, c.in.Membership)
	if outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone) {
		return nil
	}
	return err
}

// ExtendInvitation lets the link of an invitation work until another time. One that has expired is resent
// instead: nobody knows where its link has got to.
//
// Errors: outcome Forbidden, NotFound, Invalid, Conflict, PreconditionFailed.
func (s *Service) ExtendInvitation(ctx context.Context, who caller.Caller, which InvitationChange, until time.Time) (InvitationDetails, error) {
	return s.changeInvitation(ctx, who, which, audit.InvitationExtend, func(ctx context.Context, c *changingInvitation) error {
		if now := c.tx.Store().Now(); !until.After(now) || until.After(now.Add(maxInviteAge)) {
			return outcome.New(outcome.Invalid, "An invitation lasts until a time within the next 30 days").At("expiresAt")
		}
		if err := c.mustBeOpen(false); err != nil {
			return err
		}
		c.in.ExpiresAt = store.At(until)
		if c.in.Request == "" {
			return nil
		}
		works, err := c.tx.Store().ExtendSecurityRequest(ctx, c.in.Request, c.in.ExpiresAt)
		if err == nil && !works {
			err = outcome.New(outcome.Conflict, "The link of the invitation works no longer; resend it")
		}
		if err != nil {
			return err
		}
		return c.showExtended(ctx)
	})
}

// showExtended writes the new time into the resource by which FHIR clients see the link.
func (c *changingInvitation) showExtended(ctx context.Context) error {
	request, err := c.tx.Store().SecurityRequest(ctx, c.in.Request)
	if err != nil {
		return err
	}
	rows := c.tx.System("show until when a link works", request.Project)
	res, err := rows.Read(ctx, medplum.TypeUserSecurityRequest, request.ID)
	if outcome.Has(err, outcome.NotFound) || outcome.Has(err, outcome.Gone) {
		return nil
	}
	if err != nil {
		return err
	}
	body, err := sjson.SetBytes(res.Content, "expiresAt", c.in.ExpiresAt.Format(instant))
	if err != nil {
		return err
	}
	_, err = rows.Update(ctx, res.Type, res.ID, body, res.Version)
	return err
}

// InvitationGrant is what whoever accepts will be allowed; what is nil stays.
type InvitationGrant struct {
	AccessPolicy *medplum.Reference `json:"accessPolicy"`
	Access       []json.RawMessage  `json:"access"`
	Admin        *bool              `json:"admin"`
}

// GrantInvitation changes the rights of a membership that nobody has taken up yet.
//
// Errors: outcome Forbidden, NotFound, Invalid, those of validation, Conflict, PreconditionFailed.
func (s *Service) GrantInvitation(ctx context.Context, who caller.Caller, which InvitationChange, grant InvitationGrant) (InvitationDetails, error) {
	return s.changeInvitation(ctx, who, which, audit.MembershipChange, func(ctx context.Context, c *changingInvitation) error {
		if err := c.mustBeOpen(false); err != nil {
			return err
		}
		if !c.in.AddsMember {
			return outcome.New(outcome.Conflict, "The invitation is for somebody who was a member before")
		}
		project, err := s.project(ctx, c.tx, c.in.Project)
		if err != nil {
			return err
		}
		member, err := s.open(ctx, c.tx, manager{who: who, project: project}, c.in.Membership)
		if err != nil {
			return err
		}
		if grant.AccessPolicy != nil {
			err = member.doc.set("accessPolicy", grant.AccessPolicy)
		}
		if grant.Access != nil {
			err = errors.Join(err, member.doc.set("access", grant.Access))
		}
		if grant.Admin != nil {
			err = errors.Join(err, member.doc.set("admin", *grant.Admin))
		}
		if err != nil {
			return err
		}
		return member.save(ctx, audit.MembershipChange)
	})
}
