package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"time"
)

// Users manages the users of the project.
type Users struct{ client *Client }

// Users manages the users of the project.
func (c *Client) Users() Users { return Users{c} }

// one is a call whose answer is a user.
func (u Users) one(ctx context.Context, call call) (User, error) {
	var user User
	call.path = append([]string{"users"}, call.path...)
	call.into = &user
	return user, u.client.do(ctx, call)
}

func (u Users) do(ctx context.Context, method string, body, into any, path ...string) error {
	return u.client.do(ctx, call{method: method, path: append([]string{"users"}, path...), body: body, into: into})
}

// Create makes a user.
func (u Users) Create(ctx context.Context, draft UserDraft) (User, error) {
	return u.one(ctx, call{method: http.MethodPost, body: draft})
}

// CreateMany makes several users, each for itself.
func (u Users) CreateMany(ctx context.Context, drafts []UserDraft) ([]Result, error) {
	var made struct {
		Results []Result `json:"results"`
	}
	err := u.do(ctx, http.MethodPost, map[string]any{"users": drafts}, &made, "batch-create")
	return made.Results, err
}

// Update changes fields of a user.
func (u Users) Update(ctx context.Context, id string, fields UserFields) (User, error) {
	return u.one(ctx, call{method: http.MethodPatch, path: []string{id}, body: fields})
}

// UpdateVersion is Update of a user who must have the version.
func (u Users) UpdateVersion(ctx context.Context, id, version string, fields UserFields) (User, error) {
	return u.one(ctx, call{method: http.MethodPatch, path: []string{id}, body: fields, header: ifMatch(version)})
}

// Detail reads a user.
func (u Users) Detail(ctx context.Context, id string) (User, error) {
	return u.one(ctx, call{method: http.MethodGet, path: []string{id}})
}

// Delete deletes a user, whom Undelete brings back.
func (u Users) Delete(ctx context.Context, id string) error {
	return u.do(ctx, http.MethodDelete, nil, nil, id)
}

// DeleteMany deletes several users, each for itself.
func (u Users) DeleteMany(ctx context.Context, ids []string) ([]Result, error) {
	var made struct {
		Results []Result `json:"results"`
	}
	err := u.do(ctx, http.MethodPost, map[string]any{"ids": ids}, &made, "batch-delete")
	return made.Results, err
}

// Undelete brings a deleted user back.
func (u Users) Undelete(ctx context.Context, id string) (User, error) {
	return u.one(ctx, call{method: http.MethodPost, path: []string{id, "undelete"}})
}

// Purge removes a user for good.
func (u Users) Purge(ctx context.Context, id string) error {
	return u.do(ctx, http.MethodPost, nil, nil, id, "purge")
}

// Block keeps a user out and ends their sessions.
func (u Users) Block(ctx context.Context, id string) (User, error) {
	return u.one(ctx, call{method: http.MethodPost, path: []string{id, "block"}})
}

// Unblock lets a blocked user in again.
func (u Users) Unblock(ctx context.Context, id string) (User, error) {
	return u.one(ctx, call{method: http.MethodPost, path: []string{id, "unblock"}})
}

// Batch reads several users; ids of nobody are left out.
func (u Users) Batch(ctx context.Context, ids []string) ([]User, error) {
	var page Page
	err := u.do(ctx, http.MethodPost, map[string]any{"ids": ids}, &page, "batch-get")
	return page.Users, err
}

// List reads a page of users.
func (u Users) List(ctx context.Context, query Query) (Page, error) {
	var page Page
	err := u.client.do(ctx, call{method: http.MethodGet, path: []string{"users"}, query: query.values(), into: &page})
	return page, err
}

// All reads every user that the query finds, page by page. An error ends it.
func (u Users) All(ctx context.Context, query Query) iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		for {
			page, err := u.List(ctx, query)
			if err != nil {
				yield(User{}, err)
				return
			}
			for _, user := range page.Users {
				if !yield(user, nil) {
					return
				}
			}
			if query.Cursor = page.Next; page.Next == "" {
				return
			}
		}
	}
}

// Find reads the user who has the name.
func (u Users) Find(ctx context.Context, name Name) (User, error) {
	return u.one(ctx, call{method: http.MethodGet, path: []string{"find"}, query: name.values()})
}

// Search reads users of whose names each word begins one.
func (u Users) Search(ctx context.Context, words string, limit int) (Page, error) {
	return u.List(ctx, Query{Search: words, Limit: limit})
}

// SetProperties merges properties by name; null removes one.
func (u Users) SetProperties(ctx context.Context, id string, properties map[string]json.RawMessage) (User, error) {
	return u.one(ctx, call{method: http.MethodPatch, path: []string{id, "properties"}, body: properties})
}

// SetCustomData merges custom data by name; null removes one.
func (u Users) SetCustomData(ctx context.Context, id string, values map[string]json.RawMessage) (User, error) {
	return u.one(ctx, call{method: http.MethodPatch, path: []string{id, "custom-data"}, body: values})
}

// AssignProfile makes another Patient, Practitioner or RelatedPerson the user's profile.
func (u Users) AssignProfile(ctx context.Context, id string, profile Reference) (User, error) {
	return u.one(ctx, call{method: http.MethodPut, path: []string{id, "profile"}, body: profile})
}

// ForgotPassword mails the user who has the name a link to a new password.
func (u Users) ForgotPassword(ctx context.Context, name Name) error {
	return u.do(ctx, http.MethodPost, name, nil, "forgotten-password")
}

// CreateToken makes the user's token of a key, in place of the one that there is.
func (u Users) CreateToken(ctx context.Context, id, key string, validity time.Duration) (NamedToken, error) {
	var made NamedToken
	err := u.do(ctx, http.MethodPost, map[string]any{"key": key, "validity": int(validity / time.Second)}, &made, id, "tokens")
	return made, err
}

// Tokens lists the user's live tokens, without their values.
func (u Users) Tokens(ctx context.Context, id string) ([]NamedToken, error) {
	var list struct {
		Tokens []NamedToken `json:"tokens"`
	}
	err := u.do(ctx, http.MethodGet, nil, &list, id, "tokens")
	return list.Tokens, err
}

// CheckToken says whether a token of the user still works.
func (u Users) CheckToken(ctx context.Context, id, token string) (bool, error) {
	var said struct {
		Valid bool `json:"valid"`
	}
	err := u.do(ctx, http.MethodPost, map[string]string{"token": token}, &said, id, "tokens", "check")
	return said.Valid, err
}

// RevokeToken ends the user's token of a key.
func (u Users) RevokeToken(ctx context.Context, id, key string) error {
	return u.do(ctx, http.MethodDelete, nil, nil, id, "tokens", key)
}

// RefreshToken makes an access token for the user.
func (u Users) RefreshToken(ctx context.Context, id string) (AccessToken, error) {
	var made AccessToken
	err := u.do(ctx, http.MethodPost, nil, &made, id, "access-token")
	return made, err
}

// EndSessions ends the user's sessions in the project.
func (u Users) EndSessions(ctx context.Context, id string) error {
	return u.do(ctx, http.MethodDelete, nil, nil, id, "sessions")
}

// ListGroups lists the groups that the user has joined.
func (u Users) ListGroups(ctx context.Context, id string) ([]Group, error) {
	var list struct {
		Groups []Group `json:"groups"`
	}
	err := u.do(ctx, http.MethodGet, nil, &list, id, "groups")
	return list.Groups, err
}

// AddGroup has the user join a group, given by code or id.
func (u Users) AddGroup(ctx context.Context, id, group string) (User, error) {
	return u.one(ctx, call{method: http.MethodPut, path: []string{id, "groups", group}})
}

// RemoveGroup has the user quit a group.
func (u Users) RemoveGroup(ctx context.Context, id, group string) (User, error) {
	return u.one(ctx, call{method: http.MethodDelete, path: []string{id, "groups", group}})
}

// ListRoles lists the user's roles.
func (u Users) ListRoles(ctx context.Context, id string) ([]Role, error) {
	var list struct {
		Roles []Role `json:"roles"`
	}
	err := u.do(ctx, http.MethodGet, nil, &list, id, "roles")
	return list.Roles, err
}

// AddRoles gives the user roles, by name or id.
func (u Users) AddRoles(ctx context.Context, id string, roles ...string) (User, error) {
	return u.one(ctx, call{method: http.MethodPost, path: []string{id, "roles"}, body: map[string][]string{"roles": roles}})
}

// RemoveRoles takes roles from the user, one after the other.
func (u Users) RemoveRoles(ctx context.Context, id string, roles ...string) (user User, err error) {
	for _, role := range roles {
		if user, err = u.one(ctx, call{method: http.MethodDelete, path: []string{id, "roles", role}}); err != nil {
			return user, err
		}
	}
	return user, nil
}

// ListPolicies lists the user's policies with their parameters.
func (u Users) ListPolicies(ctx context.Context, id string) ([]Access, error) {
	var list struct {
		Policies []Access `json:"policies"`
	}
	err := u.do(ctx, http.MethodGet, nil, &list, id, "policies")
	return list.Policies, err
}

// AddPolicies gives the user policies with parameters.
func (u Users) AddPolicies(ctx context.Context, id string, policies ...Access) (User, error) {
	return u.one(ctx, call{method: http.MethodPost, path: []string{id, "policies"}, body: map[string][]Access{"policies": policies}})
}

// RemovePolicy takes a policy from the user, by id or name.
func (u Users) RemovePolicy(ctx context.Context, id, policy string) (User, error) {
	return u.one(ctx, call{method: http.MethodDelete, path: []string{id, "policies", policy}})
}
