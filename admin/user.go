package admin

import (
	"context"
	"fmt"

	"github.com/tidwall/sjson"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/store"
)

// element is an element of a resource with its value.
type element struct {
	name  string
	value any
}

// setUser sets an element of a User.
func setUser(ctx context.Context, tx *repo.Tx, ref store.Ref, name string, value any) error {
	return setElements(ctx, tx, ref, element{name, value})
}

func setElements(ctx context.Context, tx *repo.Tx, ref store.Ref, elements ...element) error {
	rows := tx.System("set "+elements[0].name+" of a User", ref.Project)
	res, err := rows.Read(ctx, medplum.TypeUser, ref.ID)
	if err != nil {
		return err
	}
	body := res.Content
	for _, e := range elements {
		if body, err = sjson.SetBytes(body, e.name, e.value); err != nil {
			return fmt.Errorf("set %s of a User: %w", e.name, err)
		}
	}
	_, err = rows.Update(ctx, medplum.TypeUser, ref.ID, body, res.Version)
	return err
}
