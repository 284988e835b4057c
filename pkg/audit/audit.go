package audit

import (
	"cmp"
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
	Import           Action = "import"
	MembershipCreate Action = "membership-create"
	MembershipRead   Action = "membership-read"
	MembershipChange Action = "membership-update"
	MembershipDelete Action = "membership-delete"
	ProjectCreate    Action = "project-create"
	ProjectRead      Action = "project-read"
	ProjectChange    Action = "project-update"
	ClientCreate     Action = "client-create"
	BotCreate        Action = "bot-create"
	SecretRotate     Action = "secret-rotate"
	RoleChange       Action = "role-update"
	GroupChange      Action = "group-update"
	TokenCreate      Action = "token-create"
	TokenRevoke      Action = "token-revoke"
	PasswordSet      Action = "password-set"
	PasswordReset    Action = "password-reset"
	MFAReset         Action = "mfa-reset"
	SignIn           Action = "sign-in"
	SignOut          Action = "sign-out"
	Consent          Action = "consent"
	SetUp            Action = "set-up"
	KeyRotate        Action = "key-rotate"
	AccessExplain    Action = "access-explain"
	MailRead         Action = "mail-read"
	Reindex          Action = "reindex"
	MigrationsRead   Action = "migrations-read"
	InvitationRead   Action = "invitation-read"
	InvitationResend Action = "invitation-resend"
	InvitationExtend Action = "invitation-extend"
	InvitationRevoke Action = "invitation-revoke"
	InvitationLink   Action = "invitation-link" // somebody saw the link
	MailWordsRead    Action = "mail-template-read"
	MailWordsChange  Action = "mail-template-update"
	MailSend         Action = "mail-send"
)

// The actions that are recorded of people's own accounts and sessions.
const (
	MFAVerify          Action = "mfa-verify"
	MFAEnroll          Action = "mfa-enroll"
	MFADisable         Action = "mfa-disable"
	RecoveryCodesRenew Action = "recovery-codes-renew"
	RecoveryCodeUse    Action = "recovery-code-use"
	PasskeyAdd         Action = "passkey-add"
	PasskeyRename      Action = "passkey-rename"
	PasskeyDelete      Action = "passkey-delete"
	PasskeyUse         Action = "passkey-use"
	StepUp             Action = "step-up"
	SessionsRead       Action = "sessions-read"
	SessionEnd         Action = "session-end"
	EmailChange        Action = "email-change"
	UserRescope        Action = "user-rescope"
	SessionsPurge      Action = "sessions-purge" // those that had ended, of everybody
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
	event := e.resource(tx.Now())
	for _, reason := range tx.Reasons() {
		event.Purpose = append(event.Purpose, concept{reason})
	}
	row, err := event.row(e.Project, tx.NewID(), tx.Now())
	if err != nil {
		return err
	}
	return tx.AddAudit(ctx, row)
}

// RecordAlone writes e in a transaction of its own: for what was refused and changed nothing.
func RecordAlone(ctx context.Context, s *store.Store, e Event) error {
	return s.InTx(ctx, func(tx *store.Tx) error { return Record(ctx, tx, e) })
}

// row is the event as it waits in the journal.
func (r auditEvent) row(project, id string, at time.Time) (store.AuditEvent, error) {
	content, err := json.Marshal(r)
	if err != nil {
		return store.AuditEvent{}, fmt.Errorf("write audit event: %w", err)
	}
	return store.AuditEvent{Project: project, ID: id, At: store.At(at), Content: string(content)}, nil
}

// instant is R4's spelling of a time to the millisecond.
const instant = "2006-01-02T15:04:05.000Z"

// The code systems of an event.
const (
	dicom   = "http://dicom.nema.org/resources/ontology/DCM"
	actions = "https://admit.dev/fhir/CodeSystem/audit-action"
)

// resource is e as an AuditEvent.
func (e Event) resource(at time.Time) auditEvent {
	kind, verb := e.Action.codes()
	r := auditEvent{
		ResourceType: "AuditEvent",
		Type:         kind,
		Subtype:      []coding{{System: actions, Code: string(e.Action)}},
		Action:       verb,
		Recorded:     at.Format(instant),
		Outcome:      string(cmp.Or(e.Outcome, Success)),
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
		r.Entity = append(r.Entity, what{What: &reference{Reference: entity}})
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
	case SignIn, SignOut, MFAVerify, RecoveryCodeUse, PasskeyUse, StepUp, SessionEnd:
		return user, "E"
	case Invite, MembershipCreate, TokenCreate, ProjectCreate, ClientCreate, BotCreate, SetUp:
		return security, "C"
	case MembershipDelete, TokenRevoke, InvitationRevoke, SessionsPurge:
		return security, "D"
	case MailRead, ProjectRead, MembershipRead, InvitationRead, InvitationLink, MailWordsRead, AccessExplain, SessionsRead, MigrationsRead:
		return security, "R"
	}
	return security, "U"
}
