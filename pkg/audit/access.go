package audit

import (
	"slices"
	"strings"
	"time"

	"github.com/admitdev/admit/pkg/store"
)

// Level says which FHIR access is recorded. Administrative acts, sign-ins and refusals always are.
type Level string

// The levels.
const (
	Off    Level = "off"
	Writes Level = "writes"
	All    Level = "all"
)

// Access is a FHIR interaction of a caller with a resource, or a search.
type Access struct {
	Project     string
	Interaction string // as http://hl7.org/fhir/restful-interaction spells it
	// Resource is the resource with its version; empty for a search, which has Query.
	Resource, Query string
	Patients        []string // the patients that it is about, as references
	// User is the caller's profile, Client the application; one of them may be empty.
	User, Client          string
	RemoteAddr, RequestID string
	// Refusal is why it was refused; empty when it was done.
	Refusal string
}

// Server is the server as events name it: its base URL.
type Server string

// The code systems of the patterns.
const (
	balp        = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
	rest        = "http://terminology.hl7.org/CodeSystem/audit-event-type"
	interaction = "http://hl7.org/fhir/restful-interaction"
	participant = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
	entityType  = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
	objectRole  = "http://terminology.hl7.org/CodeSystem/object-role"
)

// pattern is what one of the patterns fixes.
type pattern struct {
	profile, verb        string
	client, server, user coding
}

var (
	application = coding{dicom, "110150", "Application"}
	sender      = coding{dicom, "110153", "Source Role ID"}
	receiver    = coding{dicom, "110152", "Destination Role ID"}
	custodian   = coding{"http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian", "Custodian"}
	author      = coding{participant, "AUT", "author (originator)"}
	recipient   = coding{participant, "IRCP", "information recipient"}
)

func patternOf(interaction string) pattern {
	switch interaction {
	case "create":
		return pattern{"Create", "C", sender, receiver, author}
	case "update", "patch":
		return pattern{"Update", "U", sender, receiver, author}
	case "delete":
		return pattern{"Delete", "D", application, custodian, author}
	case "expunge": // an operation, of which there is no pattern
		return pattern{"", "D", application, custodian, author}
	case "read", "vread":
		return pattern{"Read", "R", receiver, sender, recipient}
	case "search-type", "search-system":
		return pattern{"Query", "E", sender, receiver, recipient}
	}
	return pattern{"", "R", receiver, sender, recipient} // history and operations have no pattern
}

// Row is the event of an access as it waits in the journal.
func (s Server) Row(a Access, id string, at time.Time) (store.AuditEvent, error) {
	return s.resource(a, at).row(a.Project, id, at)
}

func (s Server) resource(a Access, at time.Time) auditEvent {
	p := patternOf(a.Interaction)
	r := auditEvent{
		ResourceType: "AuditEvent",
		Type:         coding{rest, "rest", "Restful Operation"},
		Subtype:      []coding{{System: interaction, Code: a.Interaction}},
		Action:       p.verb,
		Recorded:     at.Format(instant),
		Outcome:      string(Success),
		Agent:        s.agents(p, a),
		Source:       source{Observer: reference{Identifier: &identifier{string(s)}, Display: "Admit"}, Type: []coding{{"http://terminology.hl7.org/CodeSystem/security-source-type", "4", "Application Server"}}},
	}
	if a.RequestID != "" {
		r.Entity = append(r.Entity, what{
			What: &reference{Identifier: &identifier{a.RequestID}},
			Type: &coding{System: "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", Code: "XrequestId"},
		})
	}
	switch {
	case a.Query != "":
		r.Entity = append(r.Entity, what{Type: &coding{System: entityType, Code: "2"}, Role: &coding{System: objectRole, Code: "24"}, Query: []byte(a.Query)})
	case a.Resource != "":
		r.Entity = append(r.Entity, what{What: &reference{Reference: a.Resource}, Type: &coding{System: entityType, Code: "2"}, Role: &coding{System: objectRole, Code: "4"}})
	}
	for _, patient := range a.Patients {
		r.Entity = append(r.Entity, what{What: &reference{Reference: patient}, Type: &coding{System: entityType, Code: "1"}, Role: &coding{System: objectRole, Code: "1"}})
	}
	switch {
	case a.Refusal != "":
		r.Outcome, r.OutcomeDesc = string(Refused), a.Refusal
	case p.profile != "" && len(a.Patients) < 2: // a pattern is about one patient or none
		name := p.profile
		if len(a.Patients) == 1 {
			name = "Patient" + name
		}
		r.Meta = &meta{[]string{balp + name}}
	}
	return r
}

// agents are the client, the server and, where one is known, the user.
func (s Server) agents(p pattern, a Access) []agent {
	client := agent{Type: &typed{[]coding{p.client}}, Who: &reference{Display: "unknown"}, Network: from(a.RemoteAddr)}
	person := a.User != "" && !strings.HasPrefix(a.User, "ClientApplication/")
	switch {
	case a.Client != "":
		client.Who = who("ClientApplication/" + a.Client)
	case a.User != "" && !person:
		client.Who = who(a.User)
	}
	client.Requestor = !person
	all := []agent{client, {Type: &typed{[]coding{p.server}}, Who: &reference{Identifier: &identifier{string(s)}}, Network: &network{string(s), uri}}}
	if person {
		all = append(all, agent{Type: &typed{[]coding{p.user}}, Who: who(a.User), Requestor: true})
	}
	return all
}

// Administrative says whether changes of a type are administrative acts, which are recorded at every
// level.
func Administrative(resourceType string) bool {
	return slices.Contains([]string{
		"AccessPolicy", "Bot", "ClientApplication", "DomainConfiguration", "Project", "ProjectMembership", "User", "UserConfiguration", "UserSecurityRequest",
	}, resourceType)
}
