package policy

import (
	"time"

	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
)

// AccessPeriod is the extension of ProjectMembership.access that says when the entry holds: a Period,
// as PractitionerRole.period has. It is a modifierExtension (R4 extensibility.html#modifierExtension),
// because a program that overlooked it would take a limited access for an unlimited one.
const AccessPeriod = "https://github.com/admitdev/admit/StructureDefinition/access-period"

// Period is when an access entry holds: from its start, until the first moment behind its end. A date
// without a time is the whole day, in UTC. The zero Period has no bounds.
type Period struct{ from, until time.Time }

// PeriodOf reads the period of an access entry. A modifierExtension that is not understood would
// change the entry's meaning, so it is an error.
//
// Errors: outcome Invalid.
func PeriodOf(a medplum.Access) (Period, error) {
	switch {
	case len(a.ModifierExtension) == 0:
		return Period{}, nil
	case len(a.ModifierExtension) > 1:
		return Period{}, at(outcome.New(outcome.Invalid, "An access has one period at most"), "modifierExtension")
	}
	given := a.ModifierExtension[0]
	if given.URL != AccessPeriod {
		return Period{}, at(outcome.New(outcome.Invalid, "Unknown modifier extension: %s", given.URL), "modifierExtension[0].url")
	}
	p, err := readPeriod(given.ValuePeriod)
	return p, at(err, "modifierExtension[0].valuePeriod")
}

func readPeriod(given *medplum.Period) (p Period, err error) {
	if given == nil || given.Start == "" && given.End == "" {
		return p, outcome.New(outcome.Invalid, "A start or an end is required")
	}
	if given.Start != "" {
		low, _, ok := index.Date(given.Start)
		if !ok {
			return p, at(outcome.New(outcome.Invalid, "%q is no date", given.Start), "start")
		}
		p.from = time.UnixMicro(low).UTC()
	}
	if given.End != "" {
		_, high, ok := index.Date(given.End)
		if !ok {
			return p, at(outcome.New(outcome.Invalid, "%q is no date", given.End), "end")
		}
		p.until = time.UnixMicro(high + 1).UTC()
	}
	if given.Start != "" && given.End != "" && !p.from.Before(p.until) {
		return p, outcome.New(outcome.Invalid, "The period ends before it starts")
	}
	return p, nil
}

// Holds says whether the moment lies within the period.
func (p Period) Holds(now time.Time) bool {
	return !now.Before(p.from) && (p.until.IsZero() || now.Before(p.until))
}

// Next is when Holds will say something else, zero when never.
func (p Period) Next(now time.Time) time.Time {
	if now.Before(p.from) {
		return p.from
	}
	if now.Before(p.until) {
		return p.until
	}
	return time.Time{}
}
