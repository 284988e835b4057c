// Package projectfile reads a project file: YAML that says what projects are to be (admin.ProjectDraft). It
// decides how the file is spelt; what may be in a project, and what becomes of it, is package admin's.
//
//   - Every fault is told, each with the file, line, column and field; a file with one is not applied.
//   - A field that nobody reads is a fault, and so is one that is said twice.
//   - A secret comes from the environment, {env: NAME}. In the file itself it is {value: …}, so that nobody puts it
//     there by mistake.
//
// A whole file:
//
//	projects:
//	  - name: Clinic
//	    id: 0198c0de-0000-7000-8000-000000000001 # of a project that is made; else a new one
//	    description: …                           # likewise features, checkReferencesOnWrite
//	    settings: {mfaRequired: true}            # Project.setting, as a whole
//	    secrets: {API_KEY: {env: CLINIC_API_KEY}} # Project.secret, as a whole
//	    sites: [{name: portal, domain: [portal.example]}]
//	    policies:
//	      - name: Nurse                          # and any element of an AccessPolicy
//	        resource: [{resourceType: Patient, interaction: [read, search]}]
//	    defaultPolicies: {Practitioner: Nurse}   # by profile type
//	    groups: [{code: night, name: Night shift}]
//	    clients:
//	      - name: portal                         # and any element of a ClientApplication
//	        id: portal
//	        redirectUris: [https://portal.example/callback]
//	        secret: {env: PORTAL_SECRET}         # else one is made, and printed once
//	        admin: false
//	        policies: [Nurse]
//	    bots: [{name: reminder}]                 # as clients, without secret
//	    members:
//	      - profile: Practitioner                # Practitioner, Patient or RelatedPerson (with patient)
//	        email: ada@clinic.example            # or externalId
//	        firstName: Ada
//	        lastName: Lovelace
//	        scope: project                       # as in an invite
//	        admin: true
//	        active: true
//	        mfaRequired: true
//	        policies: [Nurse, {policy: Ward, parameter: [{name: ward, valueString: A}]}]
//	        groups: [night]
//	        sendEmail: false                     # the link is printed instead
//	        password: {env: ADA_PASSWORD}        # no link at all
package projectfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/outcome"
)

// maxSize is how large a file may be.
const maxSize = 8 << 20

// File is a project file that has been read.
type File struct {
	Name     string
	Projects []admin.ProjectDraft
	places   map[string]*yaml.Node
}

// Read reads a file; getenv knows the environment. The error joins every fault, in the order of the file.
func Read(name string, content []byte, getenv func(string) (string, bool)) (*File, error) {
	if len(content) > maxSize {
		return nil, fmt.Errorf("%s: a project file has at most %d bytes", name, maxSize)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.Join(fmt.Errorf("%s: a project file is one YAML document", name), err)
	}
	r := &reader{file: name, getenv: getenv, places: map[string]*yaml.Node{}}
	f := &File{Name: name, places: r.places}
	if top, ok := r.object(document.Content[0], ""); ok {
		top.each("projects", func(o *object) { f.Projects = append(f.Projects, o.project()) })
		if len(f.Projects) == 0 {
			r.fault(top.node, "projects", "Required")
		}
		top.close()
	}
	r.distinct(f)
	if err := r.inOrder(); err != nil {
		return nil, err
	}
	return f, nil
}

// Locate says where in the file an error of a draft is.
func (f *File) Locate(err error) error {
	var draft *admin.DraftError
	if !errors.As(err, &draft) {
		return err
	}
	var refused *outcome.Outcome
	if !errors.As(draft.Err, &refused) {
		return fmt.Errorf("%s: %w", f.at(draft.Place, ""), draft.Err)
	}
	var all []error
	for _, issue := range refused.Issues {
		element := ""
		if len(issue.Expression) > 0 {
			element = issue.Expression[0]
		}
		text := issue.Text
		if issue.Diagnostics != "" {
			text += " (" + issue.Diagnostics + ")"
		}
		all = append(all, fmt.Errorf("%s: %s", f.at(draft.Place, element), text))
	}
	return errors.Join(all...)
}
