package projectfile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/admin/projectfile"
)

func read(content string) (*projectfile.File, error) {
	return projectfile.Read("p.yaml", []byte(content), func(name string) (string, bool) { return "from " + name, name == "KNOWN" })
}

func TestEveryFaultNamesItsPlace(t *testing.T) {
	const project = "projects:\n  - name: Clinic\n"
	for _, tc := range []struct{ name, content, fault string }{
		{"nothing", "", "p.yaml: the file is empty"},
		{"no YAML", "projects: [", "p.yaml: yaml: line 1"},
		{"two documents", project + "---\nprojects: []\n", "p.yaml: a project file is one YAML document"},
		{"no projects", "projects: []\n", "p.yaml:1:1: projects: Required"},
		{"a list instead of fields", "- name\n", "p.yaml:1:1: Expected fields with values"},
		{"an unknown field", project + "    polices: []\n", "p.yaml:3:5: projects[0].polices: Unknown field"},
		{"a field twice", project + "    name: Ward\n", "p.yaml:3:5: projects[0].name: Said twice"},
		{"no name", "projects: [{id: x}]\n", "p.yaml:1:12: projects[0].name: Required"},
		{"a number for a name", "projects: [{name: 7}]\n", "p.yaml:1:19: projects[0].name: Expected text"},
		{"text for a list", project + "    policies: Nurse\n", "p.yaml:3:15: projects[0].policies: Expected a list"},
		{"text for a flag", project + "    clients: [{name: a, admin: 'yes'}]\n", "p.yaml:3:32: projects[0].clients[0].admin: Expected true or false"},
		{"a secret in clear", project + "    clients: [{name: a, secret: b}]\n", "p.yaml:3:33: projects[0].clients[0].secret: Expected {env: NAME}"},
		{"a secret of two sources", project + "    clients: [{name: a, secret: {env: KNOWN, value: b}}]\n", "secret: Expected either env or value"},
		{"a variable that is not set", project + "    secrets: {A: {env: NOT}}\n", "p.yaml:3:24: projects[0].secrets.A.env: The environment has no NOT"},
		{"a setting that is a list", project + "    settings: {a: []}\n", "p.yaml:3:19: projects[0].settings.a: Expected text, a number"},
		{"two of a name", project + "    policies:\n      - name: A\n      - name: A\n", "p.yaml:5:9: projects[0].policies[1]: There are two of the name A"},
		{"a member without a name", project + "    members: [{profile: Patient, firstName: A, lastName: B}]\n", "members[0].email: Either email or externalId"},
		{"an alias", project + "    description: &a x\n    features: [*a]\n", "p.yaml:4:16: projects[0].features[0]: A project file has no aliases"},
		{"no address", project + "    members: [{profile: Patient, email: a@b, firstName: A, lastName: B}]\n", "p.yaml:3:41: projects[0].members[0].email: Expected an e-mail address"},
		{"a patient as text", project + "    members: [{profile: RelatedPerson, email: a@b.example, firstName: A, lastName: B, patient: Patient/a}]\n", "patient: Expected it as FHIR spells it: {reference: Patient/…}"},
		{"text for a switch", project + "    settings: {mfaRequired: yes}\n", "p.yaml:3:29: projects[0].settings.mfaRequired: Expected true or false; yes is text"},
		{"an identity that others give", project + "    clients: [{name: a, resourceType: Bot}]\n", "clients[0].resourceType: Not for project files"},
		{"no number", project + "    policies: [{name: a, x: .nan}]\n", "policies[0].x: Expected a number that JSON has"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := read(tc.content)
			require.ErrorContains(t, err, tc.fault)
		})
	}
	_, err := read("projects:\n  - nam: A\n    id: 7\n")
	require.Len(t, strings.Split(err.Error(), "\n"), 3, "all of them at once: %v", err)
}

func TestFaultsAreInTheOrderOfTheFile(t *testing.T) {
	_, err := read("nonsense: 1\nprojects:\n  - polices: []\n    name: Clinic\n    policies: Nurse\n    clients:\n      - name: A\n      - name: A\n    more: []\n")
	var places []string
	for line := range strings.Lines(err.Error()) {
		places = append(places, strings.Join(strings.SplitN(line, ":", 4)[1:3], ":"))
	}
	require.Equal(t, []string{"1:1", "3:5", "5:15", "8:9", "9:5"}, places)
}

func TestSecretsComeFromWhereTheFileSays(t *testing.T) {
	f, err := read("projects: [{name: Clinic, clients: [{name: a, secret: {env: KNOWN}}, {name: b, secret: {value: inside}}]}]")
	require.NoError(t, err)
	require.Equal(t, "from KNOWN", f.Projects[0].Clients[0].Secret)
	require.Equal(t, "inside", f.Projects[0].Clients[1].Secret)
}

func FuzzRead(f *testing.F) {
	f.Add("projects: [{name: Clinic, policies: [{name: A, resource: [{resourceType: '*'}]}], members: [{profile: Patient, email: a@b.example}]}]")
	f.Fuzz(func(t *testing.T, content string) {
		file, err := read(content)
		if (file == nil) == (err == nil) {
			t.Error("neither a file nor a fault, or both")
		}
	})
}
