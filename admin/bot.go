package admin

import (
	"context"
	"encoding/base64"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/store"
)

// botSource is what a new bot begins with. Admit keeps bots and does not run them.
const botSource = `import { BotEvent, MedplumClient } from '@medplum/core';

export async function handler(medplum: MedplumClient, event: BotEvent): Promise<unknown> {
  return event.input;
}
`

// CreateBot makes a Bot with its source and its membership.
//
// Errors: outcome Forbidden, NotFound, those of validation.
func (s *Service) CreateBot(ctx context.Context, who caller.Caller, project string, in Program) (store.Resource, error) {
	if err := s.mayAdminister(ctx, who, project, audit.BotCreate); err != nil {
		return store.Resource{}, err
	}
	if err := in.check("Bot"); err != nil {
		return store.Resource{}, err
	}
	var made store.Resource
	err := s.Repo.System("make a bot", project).InTx(ctx, func(tx *repo.Tx) (err error) {
		if isEmpty(in["sourceCode"]) {
			if in["sourceCode"], err = makeBotSource(ctx, tx, who, project); err != nil {
				return err
			}
		}
		made, err = s.createProgram(ctx, tx, who, project, medplum.TypeBot, in)
		return err
	})
	return made, err
}

// makeBotSource stores the template and gives the Attachment that names it.
func makeBotSource(ctx context.Context, tx *repo.Tx, who caller.Caller, project string) ([]byte, error) {
	const contentType, name = "text/typescript", "index.ts"
	body, err := marshal(map[string]string{
		"resourceType": "Binary", "contentType": contentType, "data": base64.StdEncoding.EncodeToString([]byte(botSource)),
	})
	if err != nil {
		return nil, err
	}
	source, err := tx.Administer(who, "store the source of a bot", project).Create(ctx, "Binary", body)
	if err != nil {
		return nil, err
	}
	return marshal(map[string]string{"contentType": contentType, "title": name, "url": "Binary/" + source.ID})
}
