package audit

import "strings"

// auditEvent is the part of AuditEvent that Admit writes.
type auditEvent struct {
	ResourceType string    `json:"resourceType"`
	Meta         *meta     `json:"meta,omitempty"`
	Type         coding    `json:"type"`
	Subtype      []coding  `json:"subtype"`
	Action       string    `json:"action"`
	Recorded     string    `json:"recorded"`
	Outcome      string    `json:"outcome"`
	OutcomeDesc  string    `json:"outcomeDesc,omitempty"`
	Purpose      []concept `json:"purposeOfEvent,omitempty"`
	Agent        []agent   `json:"agent"`
	Source       source    `json:"source"`
	Entity       []what    `json:"entity,omitempty"`
}

type meta struct {
	Profile []string `json:"profile"`
}

type concept struct {
	Text string `json:"text"`
}

type typed struct {
	Coding []coding `json:"coding"`
}

type coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

type reference struct {
	Reference  string      `json:"reference,omitempty"`
	Identifier *identifier `json:"identifier,omitempty"`
	Display    string      `json:"display,omitempty"`
}

type identifier struct {
	Value string `json:"value"`
}

type agent struct {
	Type      *typed     `json:"type,omitempty"`
	Who       *reference `json:"who,omitempty"`
	AltID     string     `json:"altId,omitempty"`
	Name      string     `json:"name,omitempty"`
	Requestor bool       `json:"requestor"`
	Network   *network   `json:"network,omitempty"`
}

// name says who it was, of an event that follows no pattern: types that R4 does not let a reference
// to an agent have are an identity within the application.
func (a *agent) name(ref string) {
	if a.Who = who(ref); a.Who.Reference == "" {
		a.Who, a.AltID = nil, ref
	}
}

// who is a reference to an agent; what R4 does not let one refer to (User, ClientApplication, Bot) is
// named by an identifier.
func who(ref string) *reference {
	switch resourceType, _, _ := strings.Cut(ref, "/"); resourceType {
	case "Practitioner", "PractitionerRole", "Organization", "Device", "Patient", "RelatedPerson":
		return &reference{Reference: ref}
	}
	return &reference{Identifier: &identifier{ref}}
}

type network struct {
	Address string `json:"address"`
	Type    string `json:"type"`
}

// The kinds of a network address (http://hl7.org/fhir/network-type).
const (
	ipAddress = "2"
	uri       = "5"
)

// from is where a request comes from.
func from(address string) *network {
	if address == "" {
		address = "unknown"
	}
	return &network{Address: address, Type: ipAddress}
}

type source struct {
	Observer reference `json:"observer"`
	Type     []coding  `json:"type,omitempty"`
}

type what struct {
	What  *reference `json:"what,omitempty"`
	Type  *coding    `json:"type,omitempty"`
	Role  *coding    `json:"role,omitempty"`
	Name  string     `json:"name,omitempty"`
	Query []byte     `json:"query,omitempty"` // base64 on the wire
}
