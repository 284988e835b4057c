// Package audit writes down who did what to whom, as AuditEvents (R4 auditevent.html) in a table
// of their own. An event is written in the transaction that does the thing, so neither is there
// without the other; a refusal, which has none, is written in one of its own.
//
//   - An event names people and things by reference; it never holds a secret, a password, a token
//     or the content of a resource.
//   - It says why Admit acted with its own rights in the transaction, where it did.
//   - An event is never changed.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/admitdev/admit/pkg/store"
)

// Action is what was done.
type Action string

// The actions that are recorded.
const (
	Invite           Action = "invite"
	MembershipRead   Action = "membership-read"
	MembershipChange Action = "membership-update"
	MembershipDelete Action = "membership-delete"
	ProjectCreate    Action = "project-create"
	ProjectRead      Action = "project-read"
	ProjectChange    Action = "project-update"
	ClientCreate     Action = "client-create"
	BotCreate        Action = "bot-create"
	PasswordSet      Action = "password-set"
	PasswordReset    Action = "password-reset"
	MFAReset         Action = "mfa-reset"
	SignIn           Action = "sign-in"
	SignOut          Action = "sign-out"
	Consent          Action = "consent"
	SetUp            Action = "set-up"
	AccessExplain    Action = "access-explain"
	MailRead         Action = "mail-read"
)

// Outcome is how it went, in the codes of http://hl7.org/fhir/audit-event-outcome.
type Outcome string

// The outcomes.
const (
	Success Outcome = "0"
	Refused Outcome = "4" // the client's mistake or lack of rights
	Failed  Outcome = "8" // ours
)

// Event is one thing that somebody did.
type Event struct {
	Project string // the project it happened in, or store.SystemProject
	Action  Action
	Outcome Outcome // Success when empty
	// Agent is who did it, as a reference; empty for somebody unknown, "system" for Admit itself.
	Agent string
	// Entities are what it was done to, as references.
	Entities []string
	// Description says more, for a person to read.
	Description           string
	RemoteAddr, RequestID string
}

// Record writes e in tx.
func Record(ctx context.Context, tx *store.Tx, e Event) error {
	if e.Outcome == "" {
		e.Outcome = Success
	}
	id, now := tx.NewID(), tx.Now()
	event := e.resource(id, now)
	for _, reason := range tx.Reasons() {
		event.Purpose = append(event.Purpose, concept{reason})
	}
	content, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("write audit event: %w", err)
	}
	row := store.AuditEvent{
		Project: e.Project, ID: id, At: store.At(now), Action: string(e.Action),
		Outcome: string(e.Outcome), Agent: e.Agent, Content: string(content),
	}
	if len(e.Entities) > 0 {
		row.Entity = e.Entities[0]
	}
	return tx.AddAudit(ctx, row)
}

// RecordAlone writes e in a transaction of its own: for what was refused and changed nothing.
func RecordAlone(ctx context.Context, s *store.Store, e Event) error {
	return s.InTx(ctx, func(tx *store.Tx) error { return Record(ctx, tx, e) })
}

// instant is R4's spelling of a time to the millisecond.
const instant = "2006-01-02T15:04:05.000Z"

// The code systems of an event.
const (
	dicom   = "http://dicom.nema.org/resources/ontology/DCM"
	actions = "https://admit.dev/fhir/CodeSystem/audit-action"
)

// resource is e as an AuditEvent.
func (e Event) resource(id string, at time.Time) auditEvent {
	kind, verb := e.Action.codes()
	r := auditEvent{
		ResourceType: "AuditEvent",
		ID:           id,
		Type:         kind,
		Subtype:      []coding{{System: actions, Code: string(e.Action)}},
		Action:       verb,
		Recorded:     at.Format(instant),
		Outcome:      string(e.Outcome),
		OutcomeDesc:  e.Description,
		Agent:        []agent{{Requestor: true}},
		Source:       source{Observer: reference{Display: "Admit"}},
	}
	who := &r.Agent[0]
	switch e.Agent {
	case "":
		who.Name = "unknown"
	case "system":
		who.Name = "Admit"
	default:
		who.name(e.Agent)
	}
	if e.RemoteAddr != "" {
		who.Network = &network{Address: e.RemoteAddr, Type: "2"} // an IP address
	}
	for _, entity := range e.Entities {
		r.Entity = append(r.Entity, what{&reference{Reference: entity}, ""})
	}
	if e.RequestID != "" {
		r.Entity = append(r.Entity, what{Name: "request " + e.RequestID})
	}
	return r
}

// codes are DICOM's event type and FHIR's verb of an action.
func (a Action) codes() (kind coding, verb string) {
	user := coding{dicom, "110114", "User Authentication"}
	security := coding{dicom, "110113", "Security Alert"}
	switch a {
	case SignIn, SignOut:
		return user, "E"
	case Invite, ProjectCreate, ClientCreate, BotCreate, SetUp:
		return security, "C"
	case MembershipDelete:
		return security, "D"
	case MailRead, ProjectRead, MembershipRead, AccessExplain:
		return security, "R"
	}
	return security, "U"
}
