package repo

import (
	"errors"
	"regexp"
	"slices"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/validate"
	"github.com/admitdev/admit/pkg/outcome"
)

// validSeen validates a document into which elements hidden from the caller were put back. Its
// structure is judged as a whole, for a document that lacks or repeats an element cannot be read.
// Its invariants are judged by what the caller sees alone: whether a period that it begins ends
// before that would else tell, try by try, when it ends. What the stored document already seems to
// break for want of what is hidden is no fault of the write.
func validSeen(doc, old *document.Node, resourceType string, hidden []string) error {
	if len(hidden) == 0 || old == nil {
		return validate.Resource(doc, resourceType)
	}
	issues, err := issuesOf(validate.Structure(doc, resourceType))
	if err != nil {
		return err
	}
	seen, err := brokenSeen(doc, resourceType, hidden)
	if err != nil {
		return err
	}
	if len(seen) > 0 {
		before, err := brokenSeen(old, resourceType, hidden)
		if err != nil {
			return err
		}
		issues = append(issues, slices.DeleteFunc(seen, func(i outcome.Issue) bool {
			return slices.ContainsFunc(before, func(b outcome.Issue) bool { return sameRule(i, b) })
		})...)
	}
	return refusal(issues)
}

// brokenSeen are the invariants that a document breaks as the caller sees it.
func brokenSeen(doc *document.Node, resourceType string, hidden []string) ([]outcome.Issue, error) {
	seen, err := drop(doc, pathsOf(hidden))
	if err != nil {
		return nil, err
	}
	issues, err := issuesOf(validate.Resource(seen, resourceType))
	return slices.DeleteFunc(issues, func(i outcome.Issue) bool { return i.Code != outcome.Invariant.Issue }), err
}

// issuesOf are the issues of a document that is not valid.
func issuesOf(err error) ([]outcome.Issue, error) {
	var invalid *outcome.Outcome
	if errors.As(err, &invalid) {
		return invalid.Issues, nil
	}
	return nil, err
}

var position = regexp.MustCompile(`\[[0-9]+\]`)

// sameRule says whether two issues are about the same rule of the same element, whichever item of
// a list it is.
func sameRule(a, b outcome.Issue) bool {
	return a.Text == b.Text && slices.EqualFunc(a.Expression, b.Expression, func(a, b string) bool {
		return position.ReplaceAllString(a, "") == position.ReplaceAllString(b, "")
	})
}
