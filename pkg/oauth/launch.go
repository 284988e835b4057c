package oauth

import (
	"slices"
	"strings"

	"github.com/admitdev/admit/pkg/store"
)

// Launch is what a client was launched about (SMART App Launch 2.2, launch context).
type Launch struct {
	Patient, Encounter string   // ids
	FHIRContext        []string // references to what else matters
}

// WantsPatient says whether a scope makes no sense without a patient: it asks for one, or for the data
// of one.
func WantsPatient(scope string) bool {
	return slices.ContainsFunc(words(scope), func(word string) bool {
		return word == "launch/patient" || word == "launch/encounter" || strings.HasPrefix(word, "patient/")
	})
}

// WantsEncounter says whether a scope asks for an encounter.
func WantsEncounter(scope string) bool { return hasScope(scope, "launch/encounter") }

// launched is what a token answer and an introspection tell of it.
type launched struct {
	Patient     string      `json:"patient,omitempty"`
	Encounter   string      `json:"encounter,omitempty"`
	FHIRContext []Reference `json:"fhirContext,omitempty"`
}

// launchedAbout is what a login is about. A patient who signs in is the patient.
func launchedAbout(login store.Login, member Membership) launched {
	about := launched{Patient: login.LaunchPatient, Encounter: login.LaunchEncounter}
	if id, ok := strings.CutPrefix(member.Profile.Reference, typePatient+"/"); ok && about.Patient == "" {
		about.Patient = id
	}
	for reference := range strings.FieldsSeq(login.LaunchContext) {
		about.FHIRContext = append(about.FHIRContext, Reference{Reference: reference})
	}
	return about
}
