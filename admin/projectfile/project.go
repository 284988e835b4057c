package projectfile

import (
	"encoding/json"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/mail"
)

func (o *object) project() admin.ProjectDraft {
	d := admin.ProjectDraft{Part: admin.Part{Name: o.required("name"), Place: o.path}, ID: o.text("id"), Elements: admin.Elements{}}
	if settings, given := o.namedValues("settings", o.r.setting); given {
		d.Elements["setting"] = settings
	}
	if secrets, given := o.namedValues("secrets", o.r.projectSecret); given {
		d.Elements["secret"] = secrets
	}
	for field, element := range map[string]string{
		"sites": "site", "description": "description", "features": "features", "checkReferencesOnWrite": "checkReferencesOnWrite",
	} {
		if node, ok := o.take(field); ok {
			d.Elements[element] = o.r.json(node, o.at(field))
		}
	}
	o.each("policies", func(o *object) {
		p := admin.PolicyDraft{Part: admin.Part{Name: o.required("name"), Place: o.path}}
		p.Elements = o.rest()
		d.Policies = append(d.Policies, p)
	})
	o.entries("defaultPolicies", func(name, path string, node *yaml.Node) {
		d.DefaultPolicies = append(d.DefaultPolicies, admin.DefaultPolicyDraft{Part: admin.Part{Name: o.r.text(node, path), Place: path}, ProfileType: name})
	})
	o.each("groups", func(o *object) {
		d.Groups = append(d.Groups, admin.GroupDraft{Part: admin.Part{Name: o.required("code"), Place: o.path}, Title: o.text("name")})
	})
	o.each("clients", func(o *object) { d.Clients = append(d.Clients, o.program(true)) })
	o.each("bots", func(o *object) { d.Bots = append(d.Bots, o.program(false)) })
	o.each("members", func(o *object) { d.Members = append(d.Members, o.member()) })
	return d
}

// namedValues reads an object as the list of named values that it is in a Project.
func (o *object) namedValues(field string, read func(name, path string, node *yaml.Node) any) (list json.RawMessage, given bool) {
	values := []any{}
	given = o.entries(field, func(name, path string, node *yaml.Node) { values = append(values, read(name, path, node)) })
	return o.r.marshal(o.node, o.at(field), values), given
}

// setting reads a value by its type.
func (r *reader) setting(name, path string, node *yaml.Node) any {
	value := r.json(node, path)
	element := map[string]string{"!!bool": "valueBoolean", "!!int": "valueInteger", "!!float": "valueDecimal", "!!str": "valueString"}[node.Tag]
	if element == "" {
		r.fault(node, path, "Expected text, a number, true or false")
	}
	if element == "valueString" && slices.Contains([]string{"true", "false", "yes", "no", "on", "off"}, strings.ToLower(node.Value)) {
		r.fault(node, path, "Expected true or false; %s is text, which switches nothing on or off", node.Value)
	}
	return map[string]any{"name": name, element: value}
}

func (r *reader) projectSecret(name, path string, node *yaml.Node) any {
	return map[string]any{"name": name, "valueString": r.secret(node, path)}
}

func (o *object) program(isClient bool) admin.ProgramDraft {
	d := admin.ProgramDraft{Part: admin.Part{Name: o.required("name"), Place: o.path}, ID: o.text("id"), RightsDraft: o.rights()}
	if isClient {
		d.Secret = o.secret("secret")
	}
	d.Elements = o.rest()
	return d
}

func (o *object) rights() admin.RightsDraft {
	d := admin.RightsDraft{Admin: o.flag("admin")}
	given := o.items("policies", func(node *yaml.Node, path string) {
		if node.Kind == yaml.ScalarNode {
			d.Access = append(d.Access, admin.AccessDraft{Part: admin.Part{Name: o.r.text(node, path), Place: path}})
			return
		}
		entry, ok := o.r.object(node, path)
		if !ok {
			return
		}
		access := admin.AccessDraft{Part: admin.Part{Name: entry.required("policy"), Place: path}}
		entry.decode("parameter", "[{name: …, valueString: …}]", &access.Parameter)
		entry.close()
		d.Access = append(d.Access, access)
	})
	if given && d.Access == nil {
		d.Access = []admin.AccessDraft{}
	}
	return d
}

// decode reads a field, which looks like the example, into what admin keeps of it.
func (o *object) decode(name, example string, into any) {
	node, ok := o.take(name)
	if ok && json.Unmarshal(o.r.json(node, o.at(name)), into) != nil {
		o.r.fault(node, o.at(name), "Expected it as FHIR spells it: %s", example)
	}
}

func (o *object) member() admin.MemberDraft {
	d := admin.MemberDraft{
		Part: admin.Part{Place: o.path}, RightsDraft: o.rights(),
		Profile: o.required("profile"), FirstName: o.required("firstName"), LastName: o.required("lastName"),
		Email: mail.Canonical(o.text("email")), ExternalID: o.text("externalId"), Scope: o.text("scope"), Password: o.secret("password"),
	}
	if d.Name = d.Email; d.ExternalID != "" {
		d.Name = d.ExternalID
	}
	if d.Name == "" {
		o.r.fault(o.node, o.at("email"), "Either email or externalId is required")
	}
	if d.Email != "" && !mail.ValidAddress(d.Email) {
		o.r.fault(o.values["email"], o.at("email"), "Expected an e-mail address")
	}
	is := func(name string, otherwise bool) bool {
		if said := o.flag(name); said != nil {
			return *said
		}
		return otherwise
	}
	d.MFARequired, d.HoldsMail, d.Block = is("mfaRequired", false), !is("sendEmail", true), !is("active", true)
	if o.items("groups", func(node *yaml.Node, path string) { d.Groups = append(d.Groups, o.r.text(node, path)) }) && d.Groups == nil {
		d.Groups = []string{}
	}
	if _, given := o.values["patient"]; given {
		d.Patient = new(medplum.Reference)
		o.decode("patient", "{reference: Patient/…}", d.Patient)
	}
	return d
}

// distinct refuses two parts of one name: the second would undo the first each time.
func (r *reader) distinct(f *File) {
	seen := map[string]bool{}
	check := func(scope, name, place string) {
		if name != "" && seen[scope+"/"+name] {
			r.fault(r.places[place], place, "There are two of the name %s", name)
		}
		seen[scope+"/"+name] = true
	}
	for _, p := range f.Projects {
		check("", p.Name, p.Place)
		for _, part := range p.Policies {
			check(p.Place+"/policy", part.Name, part.Place)
		}
		for _, part := range p.Groups {
			check(p.Place+"/group", part.Name, part.Place)
		}
		for _, part := range p.Clients {
			check(p.Place+"/program", part.Name, part.Place)
		}
		for _, part := range p.Bots {
			check(p.Place+"/program", part.Name, part.Place)
		}
		for _, part := range p.Members {
			check(p.Place+"/"+part.Profile, part.Name, part.Place)
		}
	}
}
