package client

import (
	"context"
	"net/http"
	"time"
)

// AccessQuestion asks whether a member may do something, and why: with a resource or with a search.
type AccessQuestion struct {
	Membership  Reference `json:"membership"`
	Interaction string    `json:"interaction,omitempty"` // create, read, update, delete, search, …
	// Resource is a resource, or the Reference of a stored one.
	Resource any `json:"resource,omitempty"`
	// Search is a search (Type?parameters) in place of a resource.
	Search string `json:"search,omitempty"`
	// Scope, Address and At are what the request would come with.
	Scope   string    `json:"scope,omitempty"`
	Address string    `json:"address,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// Decision is whether something is allowed, and what decided.
type Decision struct {
	Allowed        bool         `json:"allowed"`
	Layer          string       `json:"layer"`
	Reason         string       `json:"reason"`
	Policy         *Reference   `json:"policy"`
	Rule           string       `json:"rule"`
	Criteria       string       `json:"criteria"`
	HiddenFields   []string     `json:"hiddenFields"`
	ReadonlyFields []string     `json:"readonlyFields"`
	Considered     []Considered `json:"considered"` // the rules for the type, up to the one that decided
}

// Considered is what became of one rule.
type Considered struct {
	Rule     string `json:"rule"`
	Criteria string `json:"criteria"`
	Result   string `json:"result"`
}

// ExplainAccess says whether a member may do something and what decides.
func (c *Client) ExplainAccess(ctx context.Context, question AccessQuestion) (made Decision, err error) {
	err = c.do(ctx, call{method: http.MethodPost, path: []string{"access", "$explain"}, body: question, into: &made})
	return made, err
}
