package audit

import "strings"

// auditEvent is the part of AuditEvent that Admit writes.
type auditEvent struct {
	ResourceType string    `json:"resourceType"`
	ID           string    `json:"id"`
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

type concept struct {
	Text string `json:"text"`
}

type coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

type reference struct {
	Reference string `json:"reference,omitempty"`
	Display   string `json:"display,omitempty"`
}

type agent struct {
	Who       *reference `json:"who,omitempty"`
	AltID     string     `json:"altId,omitempty"`
	Name      string     `json:"name,omitempty"`
	Requestor bool       `json:"requestor"`
	Network   *network   `json:"network,omitempty"`
}

// name says who it was. Types that R4 does not let a reference to an agent have (User,
// ClientApplication, Bot) are an identity within the application.
func (a *agent) name(ref string) {
	switch resourceType, _, _ := strings.Cut(ref, "/"); resourceType {
	case "Practitioner", "PractitionerRole", "Organization", "Device", "Patient", "RelatedPerson":
		a.Who = &reference{Reference: ref}
	default:
		a.AltID = ref
	}
}

type network struct {
	Address string `json:"address"`
	Type    string `json:"type"`
}

type source struct {
	Observer reference `json:"observer"`
}

type what struct {
	What *reference `json:"what,omitempty"`
	Name string     `json:"name,omitempty"`
}
