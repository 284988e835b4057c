package admin

import (
	"context"
	"encoding/json"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/secret"
	"github.com/admitdev/admit/pkg/store"
)

// Program is the body with which a client or a bot is made: elements of the resource, and the
// accessPolicy of its membership.
type Program map[string]json.RawMessage

// text is a member that is a string.
func (p Program) text(name string) string {
	var text string
	if err := json.Unmarshal(p[name], &text); err != nil {
		return "" // of another type: the resource's validation says so
	}
	return text
}

// take removes a member and gives it back.
func (p Program) take(name string) json.RawMessage {
	raw := p[name]
	delete(p, name)
	return raw
}

// check wants the name that every program has.
func (p Program) check(kind string) error {
	var f outcome.Fields
	f.Check(p.text("name") != "", "name", kind+" name is required")
	return f.Err()
}

// CreateClient makes a ClientApplication with its secret and its membership. The answer shows the
// secret.
//
// Errors: outcome Forbidden, NotFound, those of validation.
func (s *Service) CreateClient(ctx context.Context, who caller.Caller, project string, in Program) (store.Resource, error) {
	if err := s.mayAdminister(ctx, who, project, audit.ClientCreate); err != nil {
		return store.Resource{}, err
	}
	if err := in.check("Client"); err != nil {
		return store.Resource{}, err
	}
	if in.text("secret") == "" {
		value, err := marshal(secret.Token(clientSecretBytes))
		if err != nil {
			return store.Resource{}, err
		}
		in["secret"] = value
	}
	var made store.Resource
	err := s.Repo.System("make a client", project).InTx(ctx, func(tx *repo.Tx) (err error) {
		made, err = s.createProgram(ctx, tx, who, project, medplum.TypeClientApplication, in)
		return err
	})
	if err != nil {
		return store.Resource{}, err
	}
	made.Content = withMember(made.Content, "secret", in["secret"])
	return made, nil
}

// createProgram stores a program and its membership, whose user and profile it is.
func (s *Service) createProgram(ctx context.Context, tx *repo.Tx, who caller.Caller, projectID, resourceType string, in Program) (store.Resource, error) {
	project, err := s.project(ctx, tx, projectID)
	if err != nil {
		return store.Resource{}, err
	}
	program, membership := in.split(resourceType)
	body, err := marshal(program)
	if err != nil {
		return store.Resource{}, err
	}
	made, err := tx.Administer(who, "make a program", projectID).Create(ctx, resourceType, body)
	if err != nil {
		return store.Resource{}, err
	}
	self := medplum.RefTo(resourceType, made.ID, in.text("name"))
	for name, ref := range map[string]medplum.Reference{
		"project": medplum.RefTo(medplum.TypeProject, projectID, project.Name), "user": self, "profile": self,
	} {
		if membership[name], err = marshal(ref); err != nil {
			return store.Resource{}, err
		}
	}
	if body, err = marshal(membership); err != nil {
		return store.Resource{}, err
	}
	member, err := tx.System("make the membership of a program", projectID).Create(ctx, medplum.TypeProjectMembership, body)
	if err != nil {
		return store.Resource{}, err
	}
	action := audit.ClientCreate
	if resourceType == medplum.TypeBot {
		action = audit.BotCreate
	}
	return made, audit.Record(ctx, tx.Store(), event(who, projectID, action, resourceType+"/"+made.ID, member.Type+"/"+member.ID))
}

// split gives what belongs to the resource and what to its membership.
func (p Program) split(resourceType string) (program, membership Program) {
	program, membership = Program{}, Program{}
	for name, raw := range p {
		if !isEmpty(raw) {
			program[name] = raw
		}
	}
	delete(program, "id")
	delete(program, "meta")
	program["resourceType"] = json.RawMessage(`"` + resourceType + `"`)
	membership["resourceType"] = json.RawMessage(`"` + medplum.TypeProjectMembership + `"`)
	if policy := program.take("accessPolicy"); policy != nil {
		membership["accessPolicy"] = policy
	}
	return program, membership
}

// withMember is content with one more member, which is shown but not stored.
func withMember(content []byte, name string, value json.RawMessage) []byte {
	out := append([]byte(nil), content[:len(content)-1]...)
	out = append(out, `,"`+name+`":`...)
	return append(append(out, value...), '}')
}
