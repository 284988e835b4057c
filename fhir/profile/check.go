package profile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
	"github.com/admitdev/admit/fhir/terminology"
	"github.com/admitdev/admit/fhir/validate"
	"github.com/admitdev/admit/pkg/outcome"
)

// Check checks a valid resource against a profile. Issues without a severity are errors.
func (p *Profile) Check(doc *document.Node) []outcome.Issue {
	resourceType := doc.Text("resourceType")
	if resourceType != p.Type {
		return []outcome.Issue{{
			Code: outcome.Structure.Issue, Expression: []string{resourceType}, Diagnostics: p.URL,
			Text: fmt.Sprintf("Incorrect resource type: profile %s is for %s", p.URL, p.Type),
		}}
	}
	c := &checker{profile: p, env: fhirpath.NewEnv(doc, resourceType), steps: maxSteps, warned: map[string]bool{}}
	defer c.stop()
	c.value(p.root, c.env.Root, resourceType)
	if c.steps < 0 {
		c.issues = append(c.issues, outcome.Issue{Code: outcome.TooCostly.Issue, Text: "Checking the profile takes too long", Diagnostics: p.URL})
	}
	return c.issues
}

// checker is one Check.
type checker struct {
	profile *Profile
	env     *fhirpath.Env
	steps   int             // left
	foreign context.Context // of all rules that are foreign, once there is one
	cancel  context.CancelFunc
	issues  []outcome.Issue
	warned  map[string]bool
	// quiet counts how many questions are being answered whose mistakes are not the resource's;
	// failed says whether there was one.
	quiet  int
	failed bool
}

func (c *checker) report(at, format string, args ...any) {
	c.issue(outcome.Issue{Code: outcome.Structure.Issue, Text: fmt.Sprintf(format, args...), Diagnostics: c.profile.URL}, at)
}

func (c *checker) issue(i outcome.Issue, at string) {
	if c.quiet > 0 {
		c.failed = c.failed || i.Severity == ""
		return
	}
	i.Expression = []string{at}
	if len(c.issues) < maxIssues && !slices.ContainsFunc(c.issues, func(have outcome.Issue) bool {
		return have.Text == i.Text && have.Expression[0] == at
	}) {
		c.issues = append(c.issues, i)
	}
}

// warn says once what cannot be checked.
func (c *checker) warn(at, text string) {
	if c.quiet == 0 && !c.warned[text] {
		c.warned[text] = true
		c.issue(outcome.Issue{Severity: "warning", Code: outcome.NotSupported.Issue, Text: text, Diagnostics: c.profile.URL}, at)
	}
}

// conforms says whether a value is what a node says, without reporting.
func (c *checker) conforms(n *node, v fhirpath.Value) bool {
	outer := c.failed
	c.quiet++
	c.failed = false
	c.value(n, v, "")
	held := !c.failed
	c.quiet--
	c.failed = outer
	return held && c.steps >= 0
}

// value checks one value of an element, and what is below it.
func (c *checker) value(n *node, v fhirpath.Value, at string) {
	if c.steps--; c.steps < 0 || c.quiet > 0 && c.failed {
		return
	}
	for _, text := range n.warnings {
		c.warn(at, text)
	}
	c.typed(n, v, at)
	if n.fixed != nil && (v.Node == nil || !equal(v.Node, n.fixed)) {
		c.report(at, "Value did not match fixed value")
	}
	if n.pattern != nil && (v.Node == nil || !fits(v.Node, n.pattern)) {
		c.report(at, "Value did not match expected pattern")
	}
	if n.maxLength > 0 && v.Node != nil && len([]rune(v.Node.String())) > n.maxLength {
		c.report(at, "Expected at most %d characters", n.maxLength)
	}
	if n.set != nil {
		c.bound(n, v, at)
	}
	for i := range n.rules {
		c.rule(&n.rules[i], v, at)
	}
	children := n.children
	if len(children) == 0 && n.content != nil {
		children = n.content.children
	}
	for _, child := range children {
		c.values(child, v.Children(nil, child.name), at+"."+child.name+choice(v, child), isArray(v, child))
	}
}

// choice is what a path shows of an element that is value[x].
func choice(v fhirpath.Value, n *node) string {
	if v.Type != nil {
		if e := v.Type.Element(n.name); e != nil && e.Choice {
			return "[x]"
		}
	}
	return ""
}

func isArray(v fhirpath.Value, n *node) bool {
	if v.Type == nil {
		return false
	}
	e := v.Type.Element(n.name)
	return e != nil && e.Array()
}

// values checks all values of an element.
func (c *checker) values(n *node, values fhirpath.Collection, at string, array bool) {
	c.count(n, len(values), at)
	places := make([]string, len(values))
	for i, v := range values {
		if places[i] = at; array {
			places[i] = fmt.Sprintf("%s[%d]", at, i)
		}
		c.value(n, v, places[i])
	}
	if n.slicing != nil && len(n.slices) > 0 {
		c.slice(n, values, at, places)
	}
}

// count checks how many values there are. What R4 itself demands has been checked.
func (c *checker) count(n *node, count int, at string) {
	switch {
	case count == 0 && n.min > 0:
		c.report(at, "Missing required property")
	case count < n.min:
		c.report(at, "Expected at least %d values for property", n.min)
	case n.max >= 0 && count > n.max:
		c.report(at, "Expected at most %d values for property", n.max)
	}
}

// slice puts each value into the first slice that it belongs to, and checks it and their numbers.
func (c *checker) slice(n *node, values fhirpath.Collection, at string, places []string) {
	counts := make([]int, len(n.slices))
	last, open := -1, false
	for i, v := range values {
		in := slices.IndexFunc(n.slices, func(s *node) bool { return c.belongs(n, s, v) })
		switch {
		case in < 0 && n.slicing.rules == "closed":
			c.report(places[i], "Value is in no slice, and the profile allows no other")
		case in < 0:
			open = true
		case open && n.slicing.rules == "openAtEnd":
			c.report(places[i], "Values of slice '%s' stand before those of no slice", n.slices[in].slice)
		case in < last && n.slicing.ordered:
			c.report(places[i], "Values of slice '%s' stand before those of slice '%s'", n.slices[in].slice, n.slices[last].slice)
		}
		if in >= 0 {
			last = max(last, in)
			counts[in]++
			c.value(n.slices[in], v, places[i])
		}
	}
	for i, s := range n.slices {
		if counts[i] < s.min || s.max >= 0 && counts[i] > s.max {
			c.report(at, "Incorrect number of values provided for slice '%s': expected %d..%s, but found %d", s.slice, max(s.min, 0), limit(s.max), counts[i])
		}
	}
}

func limit(max int) string {
	if max < 0 {
		return "*"
	}
	return fmt.Sprint(max)
}

func (c *checker) belongs(n, s *node, v fhirpath.Value) bool {
	for _, d := range n.slicing.discriminators {
		if !c.matches(s, d, v) {
			return false
		}
	}
	return true
}

// typed checks the type of a value, its profiles and, of a reference, its target's type.
func (c *checker) typed(n *node, v fhirpath.Value, at string) {
	if len(n.types) == 0 {
		return
	}
	i := slices.IndexFunc(n.types, func(t allowed) bool { return v.Is(t.code) })
	if i < 0 {
		codes := make([]string, len(n.types))
		for i, t := range n.types {
			codes[i] = t.code
		}
		c.report(at, "Invalid type: expected %s, but found %s", strings.Join(codes, ", "), v.TypeName())
		return
	}
	t := n.types[i]
	for _, canonical := range t.unknown {
		c.warn(at, "The profile "+canonical+" is not known here")
	}
	switch {
	case len(t.profiles) == 1 && len(t.unknown) == 0:
		c.value(t.profiles[0].root, v, at)
	case len(t.profiles) > 1 && len(t.unknown) == 0:
		if !slices.ContainsFunc(t.profiles, func(p *Profile) bool { return c.conforms(p.root, v) }) {
			c.report(at, "Value conforms to none of the profiles allowed")
		}
	}
	if t.code == "Reference" && len(t.targets) > 0 {
		c.target(t.targets, v, at)
	}
}

func (c *checker) target(targets []string, v fhirpath.Value, at string) {
	literal := v.Node.Text("reference")
	name := fhirpath.TargetType(literal)
	if id, ok := strings.CutPrefix(literal, "#"); ok && id != "" {
		for _, contained := range c.env.Root.Children(nil, "contained") {
			if contained.Node.Text("id") == id {
				name = contained.TypeName()
			}
		}
	}
	if name == "" {
		name = v.Node.Text("type")
	}
	if name != "" && !slices.Contains(targets, name) {
		c.report(at+".reference", "Invalid reference: expected %s, but found %s", strings.Join(targets, ", "), name)
	}
}

// bound checks a required binding. A code of a system that is not here passes.
func (c *checker) bound(n *node, v fhirpath.Value, at string) {
	answer, spelled := terminology.Yes, ""
	switch v.TypeName() {
	case "CodeableConcept":
		codings := v.Node.Get("coding").Values()
		answer, spelled = validate.Coded(n.set, codings), validate.Spelled(codings, v.Node)
	case "Coding", "Quantity":
		answer, spelled = validate.Coded(n.set, []*document.Node{v.Node}), validate.Spelled([]*document.Node{v.Node}, v.Node)
	default:
		if _, text, ok := v.Primitive(); ok {
			_, answer = n.set.Contains(terminology.AnySystem, text)
			spelled = text
		}
	}
	if answer == terminology.No {
		c.report(at, "Value %q did not satisfy terminology binding %s", spelled, n.setURL)
	}
}

// stop gives back the deadline of the foreign rules.
func (c *checker) stop() {
	if c.cancel != nil {
		c.cancel()
	}
}

func (c *checker) rule(r *rule, v fhirpath.Value, at string) {
	if r.own == nil && c.foreign == nil {
		c.foreign, c.cancel = context.WithTimeout(context.Background(), evaluationTime)
	}
	held, told := r.holds(c.foreign, c.env, v)
	switch {
	case r.own == nil && c.foreign.Err() != nil:
		c.steps = -1
	case !told:
		c.warn(at, "The constraint "+r.Key+" cannot be evaluated: "+r.Expression)
	case held:
	case r.warning:
		c.issue(outcome.Issue{Severity: "warning", Code: outcome.Invariant.Issue, Text: "Constraint " + r.Key + " not met: " + r.Human, Diagnostics: validate.Diagnostics(r.Expression)}, at)
	default:
		c.issue(outcome.Issue{Code: outcome.Invariant.Issue, Text: "Constraint " + r.Key + " not met: " + r.Human, Diagnostics: validate.Diagnostics(r.Expression)}, at)
	}
}

// equal says whether two values are the same; numbers are compared by spelling, the order of
// members does not count.
func equal(a, b *document.Node) bool {
	switch {
	case a == nil || a.Kind != b.Kind || len(a.Fields) != len(b.Fields) || len(a.Items) != len(b.Items):
		return false
	case a.Kind == document.Object:
		for i := range b.Fields {
			if !equal(a.Get(b.Fields[i].Name), b.Fields[i].Value) {
				return false
			}
		}
		return true
	case a.Kind == document.Array:
		for i := range b.Items {
			if !equal(a.Items[i], b.Items[i]) {
				return false
			}
		}
		return true
	}
	return a.String() == b.String()
}

// fits says whether a value has all that a pattern has (R4 elementdefinition.html#pattern): each
// member, and for each item of an array one that fits it.
func fits(v, pattern *document.Node) bool {
	switch {
	case v == nil || v.Kind != pattern.Kind:
		return false
	case pattern.Kind == document.Object:
		for i := range pattern.Fields {
			if !fits(v.Get(pattern.Fields[i].Name), pattern.Fields[i].Value) {
				return false
			}
		}
		return true
	case pattern.Kind == document.Array:
		for _, item := range pattern.Items {
			if !slices.ContainsFunc(v.Items, func(have *document.Node) bool { return fits(have, item) }) {
				return false
			}
		}
		return true
	}
	return v.String() == pattern.String()
}
