package admin

import (
	"context"
	"regexp"
	"strings"

	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// ChooseScope narrows the scope of a login (contract §3.6).
//
// Errors: outcome NotFound, Invalid.
func (s *SignIn) ChooseScope(ctx context.Context, id, scope string) (step Step, err error) {
	var fields outcome.Fields
	fields.Check(id != "", "login", "Missing login")
	fields.Check(scope != "", "scope", "Missing scope")
	if err := fields.Err(); err != nil {
		return Step{}, err
	}
	login, who, err := s.pending(ctx, id)
	switch {
	case err != nil:
		return Step{}, err
	case login.Membership == "":
		return Step{}, outcome.New(outcome.Invalid, "Login profile not set")
	case !oauth.ValidScope(scope) || !covers(login.Scope, scope):
		return Step{}, outcome.New(outcome.Invalid, "Invalid scope")
	}
	err = s.Store.InTx(ctx, func(tx *store.Tx) error {
		set, err := tx.SetLoginScope(ctx, login.ID, scope)
		if err == nil && !set {
			err = outcome.New(outcome.Invalid, "Login granted")
		}
		if err == nil {
			step, err = s.advance(ctx, tx, login.ID, who, nil)
		}
		return err
	})
	return step, err
}

// smartWord is a scope of SMART App Launch §3.0.
var smartWord = regexp.MustCompile(`^(patient|user|system)/([A-Za-z]+|\*)\.(read|write|\*|c?r?u?d?s?)(?:\?(.+))?$`)

type smartScope struct{ context, resourceType, interactions, criteria string }

func readSMART(word string) (smartScope, bool) {
	m := smartWord.FindStringSubmatch(word)
	if m == nil || m[3] == "" {
		return smartScope{}, false
	}
	interactions, ok := map[string]string{"read": "rs", "write": "cud", "*": "cruds"}[m[3]]
	if !ok {
		interactions = m[3]
	}
	return smartScope{m[1], m[2], interactions, m[4]}, true
}

// covers says whether every SMART word of chosen is within one of granted. A scope without any
// restricts nothing, so none may be left out of one that has some; other words are not compared.
func covers(granted, chosen string) bool {
	var allowed []smartScope
	for _, word := range strings.Fields(granted) {
		if scope, ok := readSMART(word); ok {
			allowed = append(allowed, scope)
		}
	}
	wanted := 0
	for _, word := range strings.Fields(chosen) {
		scope, ok := readSMART(word)
		if !ok {
			continue
		}
		wanted++
		if len(allowed) > 0 && !scope.withinAny(allowed) {
			return false
		}
	}
	return wanted > 0 || len(allowed) == 0
}

func (s smartScope) withinAny(allowed []smartScope) bool {
	for _, a := range allowed {
		if s.context == a.context && s.resourceType == a.resourceType && (a.criteria == "" || a.criteria == s.criteria) &&
			strings.Trim(s.interactions, a.interactions) == "" {
			return true
		}
	}
	return false
}
