package scim

import (
	"slices"
	"strings"
	"time"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/store"
)

// where is a filter as far as the store can tell: every resource for which the filter holds satisfies the
// predicate, and only those when it is exact.
type where struct {
	predicate store.Predicate
	exact     bool
}

var (
	anything = where{predicate: store.And{}}
	all      = where{store.And{}, true}
)

// terms says what the store can tell of one comparison.
type terms func(c comparison) where

// compile goes through a filter that check has seen.
func compile(e expression, of terms) where {
	switch e := e.(type) {
	case both:
		left, right := compile(e.left, of), compile(e.right, of)
		return where{store.And{left.predicate, right.predicate}, left.exact && right.exact}
	case either:
		left, right := compile(e.left, of), compile(e.right, of)
		return where{store.Or{left.predicate, right.predicate}, left.exact && right.exact}
	case not:
		inner := compile(e.of, of)
		if !inner.exact {
			return anything
		}
		return where{store.Not{Of: inner.predicate}, true}
	case some:
		if denies(e.of) { // another value may still hold
			return anything
		}
		inner := compile(e.of, func(c comparison) where {
			c.path = path{e.path.urn, e.path.name, c.path.name}
			return of(c)
		})
		return where{inner.predicate, inner.exact && isComparison(e.of)} // one value must satisfy all, which the store does not see
	case folded:
		return of(e.comparison)
	case comparison:
		return of(e)
	}
	return anything
}

func denies(e expression) bool {
	switch e := e.(type) {
	case not:
		return true
	case both:
		return denies(e.left) || denies(e.right)
	case either:
		return denies(e.left) || denies(e.right)
	}
	return false
}

func isComparison(e expression) bool {
	switch e.(type) {
	case comparison, folded:
		return true
	}
	return false
}

// userTerms is terms of users, of whom some are known by their addresses.
func userTerms(byAddress map[string]string) terms {
	return func(c comparison) where {
		w := userTerm(c)
		text, _ := c.value.(string)
		if id, known := byAddress[text]; known && !w.exact {
			w.predicate = store.Or{w.predicate, store.IDIn{id}}
		}
		return w
	}
}

func userTerm(c comparison) where {
	text, _ := c.value.(string)
	switch c.path.String() {
	case attrID:
		return idTerm(c, text)
	case attrMeta + ".lastModified":
		return changedTerm(c)
	case attrActive:
		return activeTerm(c)
	case attrUserName:
		return userNameTerm(c, text)
	case attrExternalID:
		return externalIDTerm(c, text)
	case attrGroups, attrGroups + "." + subValue:
		if c.op == "eq" && text != "" {
			return where{admin.UserHasRole(text), true}
		}
	case attrEmails, attrEmails + "." + subValue, attrName + "." + attrGivenName, attrName + "." + attrFamilyName,
		attrDisplayName, attrNickName, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:" + attrOrganization:
		return namedTerm(c, text)
	}
	return anything
}

func idTerm(c comparison, id string) where {
	switch c.op {
	case "eq":
		return where{store.IDIn{id}, true}
	case "pr":
		return all
	}
	return anything
}

func changedTerm(c comparison) where {
	at, ok := c.value.(time.Time)
	ops := map[string]store.Op{"gt": store.Gt, "ge": store.Ge, "lt": store.Lt, "le": store.Le, "eq": store.Eq}
	op, known := ops[c.op]
	switch {
	case c.op == "pr":
		return all
	case !ok || !known || at.Nanosecond()%int(time.Millisecond) != 0: // finer than what is shown
		return anything
	}
	return where{store.LastUpdated{Op: op, Low: at.UnixMicro(), High: at.Add(time.Millisecond).UnixMicro() - 1}, true}
}

func activeTerm(c comparison) where {
	flag, ok := c.value.(bool)
	switch {
	case c.op == "pr":
		return all
	case !ok:
		return anything
	case flag == (c.op == "eq"):
		return where{store.Not{Of: admin.UserBlocked()}, true}
	}
	return where{admin.UserBlocked(), true}
}

// matches are the operators that the index of strings knows.
var matches = map[string]store.StringMatch{"eq": store.Equal, "sw": store.StartsWith, "co": store.Contains, "ew": store.EndsWith}

// userNameTerm: userName is the login, and of who has none the address or the id.
func userNameTerm(c comparison, text string) where {
	match, known := matches[c.op]
	switch {
	case c.op == "pr":
		return all
	case !known || text == "":
		return anything
	}
	without := store.And{admin.UserWithoutLogin(), admin.UserNamed(words(match), text)}
	return where{predicate: store.Or{admin.UserLogin(match, text), without, store.IDIn{strings.ToLower(text)}}}
}

func externalIDTerm(c comparison, text string) where {
	match, known := matches[c.op]
	switch {
	case c.op == "pr":
		return where{store.Not{Of: admin.UserWithoutExternalID()}, true}
	case !known || text == "":
		return anything
	}
	return where{predicate: admin.UserExternalID(match, text)} // the index does not regard case
}

// namedTerm is about what is among the words of a user.
func namedTerm(c comparison, text string) where {
	match, known := matches[c.op]
	if !known || text == "" {
		return anything
	}
	return where{predicate: admin.UserNamed(words(match), text)}
}

// words is how the words of a text match that matches so as a whole.
func words(match store.StringMatch) store.StringMatch {
	if match == store.EndsWith {
		return store.Contains
	}
	return match
}

// groupTerms is terms of roles, of which a user has those given.
func groupTerms(rolesOf map[string][]string) terms {
	return func(c comparison) where {
		text, _ := c.value.(string)
		switch c.path.String() {
		case attrID:
			return idTerm(c, text)
		case attrMeta + ".lastModified":
			return changedTerm(c)
		case attrDisplayName:
			if match, known := matches[c.op]; known && text != "" {
				return where{predicate: admin.RoleNamed(match, text)}
			}
		case attrMembers, attrMembers + "." + subValue:
			if c.op == "eq" {
				return where{store.IDIn(rolesOf[text]), true}
			}
		}
		return anything
	}
}

// equals are the texts that a filter compares one of the attributes with, each once, to be equal.
func equals(e expression, attributes ...string) (texts []string) {
	note := func(c comparison) where {
		text, ok := c.value.(string)
		if ok && c.op == "eq" && slices.Contains(attributes, c.path.name) && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
		return anything
	}
	if e != nil {
		compile(e, note)
	}
	return texts
}
