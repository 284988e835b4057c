package search

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// coded is a token condition whose codes a Terminology has yet to say: Resolve puts a store.Token
// in its place.
type coded struct {
	store.Token          // the rows, without values
	bound       []string // to which value sets the code elements are bound that it finds
	modifier    string
	values      []store.TokenValue // of :above and :below
	sets        []string           // of :in
}

// maxSets bounds what one search asks of a Terminology. What is asked for several types in the same way is
// asked once, and counts once.
const maxSets = 10

// codes reads value set URLs (:in) or codes with their systems (:above, :below).
func (p *parser) codes(param *definitions.SearchParam, modifier, value string) (store.Predicate, error) {
	if p.closed {
		return nil, outcome.New(outcome.NotSupported, "A criteria cannot have the modifier %s of %s", modifier, param.Code)
	}
	c := coded{Token: store.Token{Param: param.Code}, bound: boundSets(param.Expression), modifier: modifier}
	for _, raw := range splitEscaped(value, ',') {
		if modifier == "in" {
			url, err := p.text(raw)
			if err != nil {
				return nil, err
			}
			if url == "" {
				return nil, outcome.New(outcome.Invalid, "Search parameter %s has an empty value", param.Code)
			}
			c.sets = append(c.sets, strings.TrimPrefix(url, p.base))
			continue
		}
		v, err := p.token(param.Code, raw)
		if err != nil {
			return nil, err
		}
		if v.Code == nil || v.System == nil || *v.System == "" {
			return nil, outcome.New(outcome.Invalid, "The value of %s:%s must be system|code", param.Code, modifier)
		}
		c.values = append(c.values, v)
	}
	if slices.ContainsFunc(p.coded, c.equal) {
		return c, nil
	}
	p.coded = append(p.coded, c)
	if p.sets += len(c.sets) + len(c.values); p.sets > maxSets {
		return nil, outcome.New(outcome.Invalid, "Search asks for too many value sets (max %d)", maxSets)
	}
	return c, nil
}

// equal says whether two conditions resolve to the same.
func (c coded) equal(other coded) bool { return reflect.DeepEqual(c, other) }

// Resolve asks for the codes that the search means by value sets and hierarchies. It must be done
// before Query, by the session that runs it.
//
// Errors: outcome Value for a value set, system or code that is not known; TooCostly for too many
// codes; NotSupported when t is nil and something would have to be asked.
func (r *Request) Resolve(t Terminology) error {
	asked := &resolver{terminology: t}
	for name, of := range r.filters {
		resolved, err := asked.resolve(of)
		if err != nil {
			return err
		}
		r.filters[name] = resolved
	}
	return nil
}

// resolver keeps what has been asked: the types of a search share the codes.
type resolver struct {
	terminology Terminology
	asked       []coded
	answers     []store.Predicate
}

func (r *resolver) resolve(p store.Predicate) (store.Predicate, error) {
	if !hasCoded(p) {
		return p, nil
	}
	var err error
	switch p := p.(type) {
	case coded:
		return r.codes(p)
	case store.Not:
		p.Of, err = r.resolve(p.Of)
		return p, err
	case store.Chain:
		p.Of, err = r.resolve(p.Of)
		return p, err
	case store.Has:
		p.Of, err = r.resolve(p.Of)
		return p, err
	case store.And:
		parts, err := r.each(p)
		return store.And(parts), err
	case store.Or:
		parts, err := r.each(p)
		return store.Or(parts), err
	}
	return p, nil
}

func (r *resolver) codes(c coded) (store.Predicate, error) {
	if at := slices.IndexFunc(r.asked, c.equal); at >= 0 {
		return r.answers[at], nil
	}
	answer, err := c.resolve(r.terminology)
	if err == nil {
		r.asked, r.answers = append(r.asked, c), append(r.answers, answer)
	}
	return answer, err
}

func (r *resolver) each(parts []store.Predicate) ([]store.Predicate, error) {
	out := make([]store.Predicate, len(parts))
	for i, part := range parts {
		var err error
		if out[i], err = r.resolve(part); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// hasCoded says whether p still waits for a Terminology.
func hasCoded(p store.Predicate) bool {
	switch p := p.(type) {
	case coded:
		return true
	case store.Not:
		return hasCoded(p.Of)
	case store.Chain:
		return hasCoded(p.Of)
	case store.Has:
		return hasCoded(p.Of)
	case store.And:
		return anyCoded(p)
	case store.Or:
		return anyCoded(p)
	}
	return false
}

func anyCoded(parts []store.Predicate) bool {
	for _, part := range parts {
		if hasCoded(part) {
			return true
		}
	}
	return false
}

func (c coded) resolve(t Terminology) (store.Predicate, error) {
	if t == nil {
		return nil, outcome.New(outcome.NotSupported, "Modifier %s of search parameter %s is not supported here", c.modifier, c.Param)
	}
	any := store.Token{Param: c.Param}
	for _, url := range c.sets {
		members, err := t.ValueSet(url)
		if err != nil {
			return nil, unknownCodes(err)
		}
		for _, v := range members {
			any.Values = append(any.Values, boundToo(c.bound, v)...)
		}
	}
	for _, v := range c.values {
		related := t.Below
		if c.modifier == "above" {
			related = t.Above
		}
		codes, err := related(*v.System, *v.Code)
		if err != nil {
			return nil, unknownCodes(err)
		}
		for i := range codes {
			any.Values = append(any.Values, boundToo(c.bound, store.TokenValue{System: v.System, Code: &codes[i]})...)
		}
	}
	return any, nil
}

// unknownCodes makes what a Terminology does not find the fault of the search: its own answer
// would read as if the resources were not there.
func unknownCodes(err error) error {
	var o *outcome.Outcome
	if errors.As(err, &o) && o.Code == outcome.NotFound {
		return outcome.New(outcome.Value, "%s", o.Error())
	}
	return err
}
