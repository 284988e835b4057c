package admin

import (
	"context"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/store"
)

// The settings of a project that let clients register themselves, and what holds without the second
// and the third.
const (
	settingRegistration       = "clientRegistration"         // valueBoolean
	settingRegistrationScope  = "clientRegistrationScope"    // valueString
	settingRegistrationPerDay = "clientRegistrationDayLimit" // valueInteger

	registrationScope  = "openid fhirUser profile launch launch/patient launch/encounter offline_access patient/*.rs"
	registrationPerDay = 100
)

// registeredTag marks a client that has registered itself; its defaultScope is all that it may ask for.
// An administrator who has looked at it takes the tag away.
var registeredTag = tag{System: "https://admit.dev/client", Code: "registered-itself"}

// keyBoundTag marks a client that takes only tokens that are bound to a key (RFC 9449 §5.2).
var keyBoundTag = tag{System: "https://admit.dev/client", Code: "dpop-bound-access-tokens"}

// pushedOnlyTag marks a client that pushes its authorization requests (RFC 9126 §6).
var pushedOnlyTag = tag{System: "https://admit.dev/client", Code: "require-pushed-authorization-requests"}

// keysAloneTag marks a client that must sign its requests: no secret of it counts, nor its name alone.
var keysAloneTag = tag{System: "https://admit.dev/client", Code: "keys-alone"}

// application is a ClientApplication with its tags.
type application struct {
	medplum.ClientApplication
	Meta struct {
		Tag []tag `json:"tag,omitempty"`
	} `json:"meta,omitzero"`
	secrets []store.Credential // where they were read
}

type tag struct {
	System string `json:"system,omitempty"`
	Code   string `json:"code,omitempty"`
}

func (a application) registeredItself() bool { return slices.Contains(a.Meta.Tag, registeredTag) }

func (a application) keyBound() bool { return slices.Contains(a.Meta.Tag, keyBoundTag) }

// Registrar makes clients that register themselves; it implements oauth.Registrar.
type Registrar struct{ repo *repo.Repo }

// NewRegistrar makes a Registrar.
func NewRegistrar(r *repo.Repo) *Registrar { return &Registrar{r} }

// Registration implements oauth.Registrar. It is off until the project's administrators turn it on; a
// super-admin project never has it.
func (r *Registrar) Registration(ctx context.Context, project string) (oauth.Registration, error) {
	p, err := fetch[medplum.Project](ctx, r.repo, "read whether clients may register themselves",
		store.Ref{Project: store.SystemProject, Type: medplum.TypeProject, ID: project})
	if err != nil {
		return oauth.Registration{}, err
	}
	on, rule := false, oauth.Registration{Scope: registrationScope, PerDay: registrationPerDay}
	for _, setting := range p.Setting {
		switch {
		case setting.Name == settingRegistration && setting.ValueBoolean != nil:
			on = *setting.ValueBoolean
		case setting.Name == settingRegistrationScope && setting.ValueString != nil:
			rule.Scope = *setting.ValueString
		case setting.Name == settingRegistrationPerDay && setting.ValueInteger != nil:
			rule.PerDay = *setting.ValueInteger
		}
	}
	if !on || p.SuperAdmin {
		return oauth.Registration{}, store.ErrNotFound
	}
	return rule, nil
}

// RegisterClient implements oauth.Registrar.
func (r *Registrar) RegisterClient(ctx context.Context, project string, client oauth.NewClient) (id string, err error) {
	app := application{ClientApplication: medplum.ClientApplication{
		ResourceType: medplum.TypeClientApplication, Name: client.Name, JWKSURI: client.JWKSURI, RedirectURIs: client.RedirectURIs,
		GrantType: client.GrantTypes, DefaultScope: strings.Fields(client.Scope),
	}}
	app.Meta.Tag = []tag{registeredTag}
	if client.KeyBound {
		app.Meta.Tag = append(app.Meta.Tag, keyBoundTag)
	}
	if client.PushedOnly {
		app.Meta.Tag = append(app.Meta.Tag, pushedOnlyTag)
	}
	body, err := marshal(struct {
		application
		Secret string `json:"secret,omitempty"`
	}{app, client.Secret})
	if err != nil {
		return "", err
	}
	const reason = "make a client that registers itself"
	err = r.repo.System(reason, project).InTx(ctx, func(tx *repo.Tx) error {
		made, err := tx.System(reason, project).Create(ctx, medplum.TypeClientApplication, body)
		if err != nil {
			return err
		}
		id = made.ID
		return audit.Record(ctx, tx.Store(), audit.Event{
			Project: project, Action: audit.ClientCreate, Entities: []string{medplum.TypeClientApplication + "/" + made.ID},
			Description: "registered itself", RemoteAddr: client.RemoteAddr, RequestID: client.RequestID,
		})
	})
	return id, err
}
