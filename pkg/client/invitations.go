package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Invitations are what became of the invites of the project.
type Invitations struct{ client *Client }

// Invitations are what became of the invites of the project.
func (c *Client) Invitations() Invitations { return Invitations{c} }

// Invitation is the life of one invite.
type Invitation struct {
	ID         string    `json:"id"`
	Version    string    `json:"version"`
	State      string    `json:"state"`
	Email      string    `json:"email"`
	Membership Reference `json:"membership"`
	User       Reference `json:"user"`
	Profile    Reference `json:"profile"`
	InvitedBy  Reference `json:"invitedBy"`
	CreatedAt  time.Time `json:"createdAt"`
	UpdatedAt  time.Time `json:"updatedAt"`
	ExpiresAt  time.Time `json:"expiresAt"`
	Delivery   *Delivery `json:"delivery"` // of the last mail, if one was wanted
}

// Delivery is what was last heard of a mail.
type Delivery struct {
	Status     string    `json:"status"`
	ReplyCode  int       `json:"replyCode"`
	StatusCode string    `json:"statusCode"`
	Text       string    `json:"text"`
	At         time.Time `json:"at"`
}

// InvitationQuery is which invitations are listed; what is empty does not narrow.
type InvitationQuery struct {
	States                    []string
	Email, Profile, InvitedBy string
	Since, Until              time.Time
	Cursor                    string
	Limit                     int
}

func (q InvitationQuery) values() url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		"state": strings.Join(q.States, ","), "email": q.Email, "profile": q.Profile, "invitedBy": q.InvitedBy, "cursor": q.Cursor,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !at.IsZero() {
			values.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	if q.Limit > 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	return values
}

// InvitationPage is a page of invitations, newest first.
type InvitationPage struct {
	Invitations []Invitation `json:"invitations"`
	Next        string       `json:"next"` // empty on the last page
}

// InvitationGrant is what whoever accepts will be allowed; what is nil stays.
type InvitationGrant struct {
	AccessPolicy *Reference `json:"accessPolicy,omitempty"`
	Access       []Access   `json:"access,omitempty"`
	Admin        *bool      `json:"admin,omitempty"`
}

// Invite makes somebody a member. Invite is the body as /admin/projects/:id/invite has it, the answer the
// ProjectMembership. A request that is repeated with the same key, when it is not empty, is done once.
func (c *Client) Invite(ctx context.Context, invite any, key string) (membership json.RawMessage, err error) {
	header := http.Header{}
	if key != "" {
		header.Set("Idempotency-Key", key)
	}
	err = c.do(ctx, call{method: http.MethodPost, path: []string{"invite"}, body: invite, header: header, into: &membership})
	return membership, err
}

// List reads a page of invitations.
func (i Invitations) List(ctx context.Context, query InvitationQuery) (page InvitationPage, err error) {
	err = i.client.do(ctx, call{method: http.MethodGet, path: []string{"invitations"}, query: query.values(), into: &page})
	return page, err
}

// one is a call about an invitation, in the version that is named or any.
func (i Invitations) one(ctx context.Context, method, id, version string, body any, path ...string) (in Invitation, err error) {
	err = i.client.do(ctx, call{method: method, path: append([]string{"invitations", id}, path...), body: body, header: ifMatch(version), into: &in})
	return in, err
}

func ifMatch(version string) http.Header {
	if version == "" {
		return nil
	}
	return http.Header{"If-Match": {`W/"` + version + `"`}}
}

// Read reads an invitation.
func (i Invitations) Read(ctx context.Context, id string) (Invitation, error) {
	return i.one(ctx, http.MethodGet, id, "", nil)
}

// Resend mails an invitation again; the old link is dead. A request that is repeated with the same key, when
// it is not empty, sends nothing more.
func (i Invitations) Resend(ctx context.Context, id, version, key string) (in Invitation, err error) {
	header := ifMatch(version)
	if key != "" {
		if header == nil {
			header = http.Header{}
		}
		header.Set("Idempotency-Key", key)
	}
	err = i.client.do(ctx, call{method: http.MethodPost, path: []string{"invitations", id, "resend"}, header: header, into: &in})
	return in, err
}

// Extend lets the link of an invitation work until another time.
func (i Invitations) Extend(ctx context.Context, id, version string, until time.Time) (Invitation, error) {
	return i.one(ctx, http.MethodPost, id, version, map[string]time.Time{"expiresAt": until}, "extend")
}

// Revoke ends an invitation and the membership that nobody has taken up.
func (i Invitations) Revoke(ctx context.Context, id, version string) (Invitation, error) {
	return i.one(ctx, http.MethodPost, id, version, nil, "revoke")
}

// Grant changes what whoever accepts will be allowed.
func (i Invitations) Grant(ctx context.Context, id, version string, grant InvitationGrant) (Invitation, error) {
	return i.one(ctx, http.MethodPatch, id, version, grant)
}

// Link makes a new link in place of the mailed one, shown this once. For somebody who has an account or whom
// another project knows it is the address of the sign-in.
func (i Invitations) Link(ctx context.Context, id, version string) (link string, in Invitation, err error) {
	var made struct {
		Link       string     `json:"link"`
		Invitation Invitation `json:"invitation"`
	}
	err = i.client.do(ctx, call{method: http.MethodPost, path: []string{"invitations", id, "link"}, header: ifMatch(version), into: &made})
	return made.Link, made.Invitation, err
}
