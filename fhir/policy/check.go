package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
)

// Check says whether a policy that is about to be stored can be understood, whatever values its
// parameters get; the outcome's expressions name the entry at fault. Stricter than Compile, it
// refuses hidden and read-only fields that the type does not have: a slip of the pen would protect
// nothing.
//
// Errors: outcome Invalid or NotSupported.
func Check(p medplum.AccessPolicy) error {
	v := values{unknown: "0"}
	if err := checkCompartment(p.Compartment); err != nil {
		return at(err, "AccessPolicy.compartment")
	}
	for i, entry := range p.Resource {
		path := fmt.Sprintf("AccessPolicy.resource[%d]", i)
		if err := checkRule(entry, v); err != nil {
			return at(err, path)
		}
	}
	for i, entry := range p.IPAccessRule {
		if _, err := compileAddressRule(entry); err != nil {
			return at(err, fmt.Sprintf("AccessPolicy.ipAccessRule[%d]", i))
		}
	}
	return nil
}

// checkCompartment wants a local reference, as far as parameters leave it to be seen.
func checkCompartment(r *medplum.Reference) error {
	if r == nil || strings.Contains(r.Reference, "%") || index.Literal("", r.Reference).TargetID != "" {
		return nil
	}
	return outcome.New(outcome.Invalid, "%q is no compartment", r.Reference)
}

// checkRule compiles the entry with values that fit wherever a parameter can stand.
func checkRule(entry medplum.PolicyResource, v values) error {
	if err := checkCompartment(entry.Compartment); err != nil {
		return at(err, "compartment")
	}
	entry.Compartment = nil
	criteria := entry.Criteria
	entry.Criteria = ""
	if _, err := compileRule(entry, v); err != nil {
		return err
	}
	if criteria != "" {
		if err := checkCriteria(entry.ResourceType, criteria); err != nil {
			return at(err, "criteria")
		}
	}
	for _, field := range entry.HiddenFields {
		if slices.Contains(unhideable, field) {
			return at(outcome.New(outcome.Invalid, "%s cannot be hidden: addresses and headers tell it", field), "hiddenFields")
		}
	}
	if entry.ResourceType == search.AnyType {
		return nil
	}
	for _, list := range []struct {
		name   string
		fields []string
	}{{"hiddenFields", entry.HiddenFields}, {"readonlyFields", entry.ReadonlyFields}} {
		for _, field := range list.fields {
			if !hasElement(entry.ResourceType, field) {
				return at(outcome.New(outcome.Invalid, "%s has no element %s", entry.ResourceType, field), list.name)
			}
		}
	}
	return nil
}

// unhideable are elements that are in the address of a resource, in ETag and in Last-Modified. Whoever hid
// them would think that nobody learns them. meta as a whole can be hidden, for the rest that is in it.
var unhideable = []string{"id", "meta.versionId", "meta.lastUpdated"}

// standIns are values for parameters, one of which fits wherever a criteria can have one.
var standIns = []string{"Patient/0", "0", "2000-01-01"}

func checkCriteria(resourceType, criteria string) (err error) {
	for _, value := range standIns {
		if _, _, err = compileCriteria(resourceType, criteria, func(string) (string, error) { return value, nil }); err == nil {
			return nil
		}
	}
	return err
}

// hasElement follows a path through the definitions. Below what they leave open (contained
// resources, extensions' values by other names) anything may be.
func hasElement(resourceType, field string) bool {
	at := definitions.StructureOf(resourceType)
	for _, step := range splitPath(field) {
		if at == nil {
			return false
		}
		if at.Kind == definitions.Abstract {
			return true
		}
		if name, ok := choiceName(step); ok {
			element := at.Element(name)
			return element != nil && element.Choice
		}
		property, ok := at.Property(step)
		if !ok {
			return secretFields[step]
		}
		at = property.Type.Structure
	}
	return true
}

// secretFields are elements that Medplum's definitions have and ours keep elsewhere.
var secretFields = map[string]bool{
	"passwordHash": true, "mfaSecret": true, "secret": true, "retiringSecret": true, "code": true, "cookie": true, "refreshSecret": true,
}
