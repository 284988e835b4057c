package admin

import (
	"context"

	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/store"
)

// tell mails somebody what happened to their account. Who has no address is not told.
func tell(ctx context.Context, mails Mails, tx *store.Tx, who account, what mail.Template) error {
	if who.user.Email == "" {
		return nil
	}
	_, err := mails.Queue(ctx, tx, mail.Letter{Template: what, To: who.user.Email, Project: who.ref.Project})
	return err
}
