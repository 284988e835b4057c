package differential_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// param is a search parameter: what it reads and how a value of it is drawn.
type param struct {
	code    string
	reads   [][]string
	targets []string // of a reference
	draw    func(w *world) (value string, holds func(r *resource, body object) bool)
}

// code is a parameter of a few known values.
func code(name, path string, values ...string) param {
	return param{name, [][]string{dotted(path)}, nil, func(w *world) (string, func(*resource, object) bool) {
		value := pick(w, values...)
		return value, func(_ *resource, body object) bool { return has(body, value, dotted(path)...) }
	}}
}

// marked is a parameter whose values are marks of resources that are there, sometimes of none.
func marked(name, kind, prefix string, paths ...string) param {
	p := param{code: name}
	for _, path := range paths {
		p.reads = append(p.reads, dotted(path))
	}
	p.draw = func(w *world) (string, func(*resource, object) bool) {
		mark := w.mark()
		if body := w.some(kind).live(); body != nil && len(at(body, p.reads[0]...)) > 0 {
			mark = fmt.Sprint(at(body, p.reads[0]...)[0])
		}
		return prefix + mark, func(_ *resource, body object) bool {
			return slices.ContainsFunc(p.reads, func(path []string) bool { return has(body, mark, path...) })
		}
	}
	return p
}

// refers is a reference parameter.
func refers(name, path string, targets ...string) param {
	p := param{code: name, reads: [][]string{dotted(path)}, targets: targets}
	p.draw = func(w *world) (string, func(*resource, object) bool) {
		value := w.some(pick(w, targets...)).name()
		return value, p.leadsTo(value)
	}
	return p
}

func (p param) leadsTo(reference string) func(*resource, object) bool {
	path := append(slices.Clone(p.reads[0]), "reference")
	return func(r *resource, body object) bool {
		kind, _, _ := strings.Cut(reference, "/")
		return slices.Contains(p.targets, kind) && has(body, reference, path...)
	}
}

// params are those that the test knows, by type.
var params = map[string][]param{
	"Organization": {code("active", "active", "true", "false"), marked("name", "Organization", "", "name"), refers("partof", "partOf", "Organization")},
	"Practitioner": {code("active", "active", "true", "false"), code("gender", "gender", "male", "female"), marked("family", "Practitioner", "", "name.family"),
		marked("name", "Practitioner", "", "name.given", "name.family")},
	"Patient": {code("active", "active", "true", "false"), code("gender", "gender", "male", "female"), code("birthdate", "birthDate", "1970-01-01", "1980-02-02"),
		marked("family", "Patient", "", "name.family"), marked("given", "Patient", "", "name.given"), marked("identifier", "Patient", "urn:s|", "identifier.value"),
		refers("general-practitioner", "generalPractitioner", "Practitioner", "Organization"), refers("organization", "managingOrganization", "Organization")},
	"Encounter": {code("status", "status", "planned", "finished"), code("class", "class.code", "AMB", "IMP"), refers("subject", "subject", "Patient"),
		refers("patient", "subject", "Patient"), refers("service-provider", "serviceProvider", "Organization")},
	"Observation": {code("status", "status", "preliminary", "final"), code("code", "code.coding.code", "a", "b"), refers("subject", "subject", "Patient"),
		refers("patient", "subject", "Patient"), refers("encounter", "encounter", "Encounter"), refers("performer", "performer", "Practitioner", "Patient", "Organization"),
		marked("value-string", "Observation", "", "valueString")},
	"List": {code("status", "status", "current", "retired"), refers("item", "entry.item", "Patient", "Observation", "Encounter")},
}

// common are the parameters of every type.
func common(kind string) []param {
	return []param{
		{"_id", nil, nil, func(w *world) (string, func(*resource, object) bool) {
			id := w.some(kind).id
			return id, func(r *resource, _ object) bool { return r.id == id }
		}},
		code("_tag", "meta.tag.code", "red", "blue"),
		{"_compartment", compartmentPaths[kind], nil, func(w *world) (string, func(*resource, object) bool) {
			in := w.some("Patient").name()
			return in, func(r *resource, body object) bool { return slices.Contains(compartments(r, body), in) }
		}},
	}
}

// compartmentPaths are the references that put a resource into compartments.
var compartmentPaths = map[string][][]string{
	"Organization": {{"meta", "accounts"}},
	"Practitioner": {{"meta", "accounts"}},
	"Patient":      {{"meta", "accounts"}, {"generalPractitioner"}},
	"Encounter":    {{"meta", "accounts"}, {"subject"}},
	"List":         {{"meta", "accounts"}},
	"Observation":  {{"meta", "accounts"}, {"subject"}, {"performer"}, {"encounter"}},
}

// compartments are those of a resource (R4 compartmentdefinition.html) with its accounts and project.
func compartments(r *resource, body object) []string {
	all := []string{"Project/" + r.project}
	for _, account := range at(body, "meta", "accounts", "reference") {
		all = append(all, account.(string))
	}
	if r.kind == "Patient" || r.kind == "Practitioner" || r.kind == "Encounter" {
		all = append(all, r.name())
	}
	within := map[string]map[string][]string{ // type → compartment → references
		"Patient":     {"Practitioner": {"generalPractitioner"}},
		"Encounter":   {"Patient": {"subject"}},
		"Observation": {"Patient": {"subject", "performer"}, "Practitioner": {"performer"}, "Encounter": {"encounter"}},
	}
	for compartment, fields := range within[r.kind] {
		for _, field := range fields {
			for _, reference := range at(body, field, "reference") {
				if strings.HasPrefix(reference.(string), compartment+"/") {
					all = append(all, reference.(string))
				}
			}
		}
	}
	return all
}

// use is a parameter that a search tells something by.
type use struct {
	kind  string
	reads [][]string
}

// term is one condition of a search.
type term struct {
	name, value string
	uses        []use
	holds       func(e *eyes, r *resource, body object) bool
}

func (t term) String() string { return url.QueryEscape(t.name) + "=" + url.QueryEscape(t.value) }

// plain is a condition on the resource alone.
func (w *world) plain(kind string) term {
	p := pick(w, append(slices.Clone(params[kind]), common(kind)...)...)
	value, holds := p.draw(w)
	t := term{p.code, value, []use{{kind, p.reads}}, func(_ *eyes, r *resource, body object) bool { return holds(r, body) }}
	few := len(p.targets) == 0 && !strings.HasPrefix(value, "zz") && p.code != "_compartment" && p.code != "birthdate" && p.code != "_id" && p.code != "identifier"
	switch {
	case few && w.chance(4):
		t.name += ":not"
		t.holds = func(_ *eyes, r *resource, body object) bool { return !holds(r, body) }
	case p.code[0] != '_' && w.chance(6):
		missing := w.chance(2)
		t.name, t.value = p.code+":missing", fmt.Sprint(missing)
		t.holds = func(_ *eyes, _ *resource, body object) bool {
			none := !slices.ContainsFunc(p.reads, func(path []string) bool {
				if p.code == "identifier" {
					path = path[:1] // one without a value is an identifier, too
				}
				return len(at(body, path...)) > 0
			})
			return none == missing
		}
	case w.chance(5) && few:
		other, alsoHolds := p.draw(w)
		t.value += "," + other
		t.holds = func(_ *eyes, r *resource, body object) bool { return holds(r, body) || alsoHolds(r, body) }
	}
	return t
}

// term is a condition, which may lead over other resources.
func (w *world) term(kind string, depth int) term {
	switch {
	case kind == "Patient" && w.chance(8):
		return w.owned()
	case depth > 0 && w.chance(10):
		return w.listed()
	case depth > 0 && w.chance(4):
		return w.chain(kind, depth)
	case depth > 0 && w.chance(5):
		return w.reverse(kind, depth)
	}
	return w.plain(kind)
}

// leading are the reference parameters of a type.
func leading(kind string) []param {
	return slices.DeleteFunc(slices.Clone(params[kind]), func(p param) bool { return len(p.targets) == 0 })
}

// chain asks for a target that the caller may find and that meets another condition.
func (w *world) chain(kind string, depth int) term {
	if len(leading(kind)) == 0 {
		return w.plain(kind)
	}
	p := pick(w, leading(kind)...)
	target := pick(w, p.targets...)
	inner := w.term(target, depth-1)
	return term{p.code + ":" + target + "." + inner.name, inner.value, append(inner.uses, use{kind, p.reads}),
		func(e *eyes, r *resource, body object) bool {
			return slices.ContainsFunc(e.findable(target), func(t *resource) bool {
				return p.leadsTo(t.name())(r, body) && inner.holds(e, t, t.live())
			})
		}}
}

// reverse asks for a resource that points here, that the caller may find and that meets a condition.
func (w *world) reverse(kind string, depth int) term {
	var pointing []func() term
	for _, from := range searchable {
		for _, p := range leading(from) {
			if slices.Contains(p.targets, kind) {
				pointing = append(pointing, func() term {
					inner := w.term(from, depth-1)
					return term{"_has:" + from + ":" + p.code + ":" + inner.name, inner.value, append(inner.uses, use{from, p.reads}),
						func(e *eyes, r *resource, _ object) bool {
							return slices.ContainsFunc(e.findable(from), func(s *resource) bool {
								return p.leadsTo(r.name())(s, s.live()) && inner.holds(e, s, s.live())
							})
						}}
				})
			}
		}
	}
	if len(pointing) == 0 {
		return w.plain(kind)
	}
	return pick(w, pointing...)()
}
