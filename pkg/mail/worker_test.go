package mail_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/jobs"
	admitmail "github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// postman is a transport that fails as it is told and shows what it was given.
type postman struct {
	fail  chan error // one for each try; empty: nothing fails
	tries chan admitmail.Rendered
}

func newPostman(failures ...error) *postman {
	p := &postman{make(chan error, len(failures)), make(chan admitmail.Rendered, 20)}
	for _, err := range failures {
		p.fail <- err
	}
	return p
}

func (p *postman) Send(_ context.Context, r admitmail.Rendered) (admitmail.Reply, error) {
	p.tries <- r
	select {
	case err := <-p.fail:
		return admitmail.Reply{Text: admitmail.OneLine(err.Error())}, err
	default:
		return admitmail.Reply{Code: 250, StatusCode: "2.0.0", Text: "2.0.0 queued"}, nil
	}
}

// later is a clock that is ahead.
type later struct {
	clock.System
	by time.Duration
}

func (l later) Now() time.Time { return l.System.Now().Add(l.by) }

// office is a store with a mailer and a worker whose jobs run at once.
type office struct {
	rows    *store.Store
	mailer  *admitmail.Mailer
	waiting chan admitmail.Rendered
}

func open(t *testing.T, db storetest.DB, transport admitmail.Transport, c clock.Clock) *office {
	t.Helper()
	o := &office{rows: storetest.Open(t, db), waiting: make(chan admitmail.Rendered, 20)}
	l, box := letters(t, "Admit")
	w := &admitmail.Worker{
		Store: o.rows, Letters: l, Transport: transport, Clock: c, Log: slog.New(slog.DiscardHandler),
		Waiting: func(r admitmail.Rendered) { o.waiting <- r },
	}
	queue, err := jobs.New(o.rows, []jobs.Worker{w.Job()}, jobs.RetryAfter(func(int) time.Duration { return 20 * time.Millisecond }))
	require.NoError(t, err)
	require.NoError(t, queue.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, queue.Stop(context.Background())) })
	o.mailer = admitmail.NewMailer(queue, box)
	return o
}

// post queues an invitation with its mail.
func (o *office) post(t *testing.T) (mail string) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, o.rows.InTx(ctx, func(tx *store.Tx) (err error) {
		mail, err = o.mailer.Queue(ctx, tx, admitmail.Letter{
			Template: admitmail.InviteNew, To: "h@example.com", Project: project, ProjectName: "Clinic", Request: "r1", Secret: "s3cret", Invitation: "i1",
		})
		if err != nil {
			return err
		}
		return tx.AddInvitation(ctx, store.Invitation{
			Project: project, ID: "i1", Membership: "m1", User: "u1", Request: "r1", Email: "h@example.com", Mail: mail,
			State: store.InvitationQueued, ExpiresAt: store.At(tx.Now().Add(time.Hour)),
		})
	}))
	return mail
}

const project = "0193f3a0-0000-7000-8000-000000000001"

// until waits for the mail to be as wanted.
func (o *office) until(t *testing.T, id string, state store.MailState) store.Mail {
	t.Helper()
	var m store.Mail
	require.Eventually(t, func() bool {
		var err error
		m, err = o.rows.Mail(t.Context(), id)
		require.NoError(t, err)
		return m.State == state
	}, 30*time.Second, 5*time.Millisecond)
	return m
}

func (o *office) invitation(t *testing.T) store.InvitationState {
	t.Helper()
	i, err := o.rows.Invitation(t.Context(), project, "i1")
	require.NoError(t, err)
	return i.State
}

// delivery is what the invitation knows of its mail.
func (o *office) delivery(t *testing.T) string {
	t.Helper()
	i, err := o.rows.Invitation(t.Context(), project, "i1")
	require.NoError(t, err)
	return strings.TrimSpace(fmt.Sprintf("%d %s %s", i.Delivery.ReplyCode, i.Delivery.StatusCode, i.Delivery.Status))
}

func TestAMailIsSentAndItsSecretForgotten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		p := newPostman()
		o := open(t, db, p, clock.System{})
		m := o.until(t, o.post(t), store.MailSent)
		assert.Empty(t, m.Sealed)
		assert.Equal(t, store.InvitationSent, o.invitation(t))
		assert.Equal(t, "250 2.0.0 accepted", o.delivery(t))
		assert.Contains(t, (<-p.tries).Text, "https://app.example/portal/setpassword/r1/s3cret")
		assert.Empty(t, p.tries)
	})
}

func TestAMailThatWasRefusedForNowIsSentAgainWithTheSameLink(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		p := newPostman(errors.New("451 later"), errors.New("no route"))
		o := open(t, db, p, clock.System{})
		o.until(t, o.post(t), store.MailSent)
		first := <-p.tries
		for range 2 {
			again := <-p.tries
			assert.Equal(t, first.Link, again.Link)
			assert.Equal(t, first.MessageID, again.MessageID)
		}
		assert.Equal(t, store.InvitationSent, o.invitation(t))
	})
}

func TestAMailThatIsRefusedForGoodIsNotTriedAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		p := newPostman(fmt.Errorf("%w: 550 no such\r\nmailbox", admitmail.ErrPermanent))
		o := open(t, db, p, clock.System{})
		m := o.until(t, o.post(t), store.MailBounced)
		assert.Equal(t, store.InvitationBounced, o.invitation(t))
		assert.True(t, strings.HasSuffix(m.Error, "550 no such mailbox"), m.Error)
		assert.Len(t, p.tries, 1)
	})
}

func TestAMailIsGivenUpAfterADay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		o := open(t, db, newPostman(errors.New("451 later")), later{by: 24 * time.Hour})
		o.until(t, o.post(t), store.MailBounced)
		assert.Equal(t, store.InvitationBounced, o.invitation(t))
	})
}

func TestWithoutAMailServerTheMailWaitsAndIsToldOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		o := open(t, db, nil, clock.System{})
		m := o.until(t, o.post(t), store.MailWaiting)
		assert.NotEmpty(t, m.Sealed)
		assert.NotContains(t, string(m.Sealed), "s3cret")
		assert.Equal(t, "https://app.example/portal/setpassword/r1/s3cret", (<-o.waiting).Link)
		assert.Empty(t, o.waiting)
		assert.Equal(t, store.InvitationQueued, o.invitation(t))
	})
}

func TestAnInvitationOnlyMovesForward(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		o := open(t, db, newPostman(), clock.System{})
		o.until(t, o.post(t), store.MailSent)
		move := func(state store.InvitationState) store.InvitationState {
			require.NoError(t, o.rows.InTx(t.Context(), func(tx *store.Tx) error {
				return tx.MoveInvitation(t.Context(), project, "i1", state)
			}))
			return o.invitation(t)
		}
		assert.Equal(t, store.InvitationOpened, move(store.InvitationOpened))
		assert.Equal(t, store.InvitationOpened, move(store.InvitationSent), "late")
		assert.Equal(t, store.InvitationOpened, move(store.InvitationBounced), "late")
		assert.Equal(t, store.InvitationAccepted, move(store.InvitationAccepted))
		assert.Equal(t, store.InvitationAccepted, move(store.InvitationRevoked))
		assert.Equal(t, store.InvitationAccepted, move(store.InvitationOpened))
	})
}
