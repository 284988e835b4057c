package admin

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/mail"
	"github.com/admitdev/admit/pkg/store"
)

// People are told by mail of sign-ins that may not be theirs: one that comes from a browser or a network that
// they did not come from before, one that follows several wrong passwords, as many wrong passwords as are let
// through at once, and several wrong codes. Programs are not told, nor is anybody of the first
// sign-in of all.

const (
	// manyFailures is after how many wrong passwords, within a day or two, a right one is told, and how many wrong codes are.
	manyFailures = 3
	// maxPlaces is how many sign-ins are looked at to say whether a place is known.
	maxPlaces = 100
	dayLong   = 24 * time.Hour
)

// tellsADay is how often a day somebody gets a mail. Whoever brings about that somebody is told needs their
// password, or for mail.Guessed nothing at all.
var tellsADay = map[mail.Template]int{mail.Guessed: 1, mail.RightAfterWrong: 5, mail.NewPlace: 5}

// TellGuessed is the job that tells somebody of wrong passwords. It is queued for a stranger too, whom User does
// not name, so that the refusal costs the same.
type TellGuessed struct {
	Project string `json:"project"`
	User    string `json:"user"`
}

// Kind implements jobs.Args.
func (TellGuessed) Kind() string { return "tell_guessed" }

// SendGuessed is the work of TellGuessed.
func (s *SignIn) SendGuessed(ctx context.Context, job TellGuessed) error {
	if job.User == "" {
		return nil
	}
	who, err := s.account(ctx, store.Ref{Project: job.Project, Type: medplum.TypeUser, ID: job.User})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(tx *store.Tx) error { return s.tellSparingly(ctx, tx, who, mail.Guessed, mail.Note{}) })
}

// failed counts a sign-in that was refused; the person, if there is one, is told when it was the last that is let
// through. It costs the same whoever it is.
func (s *SignIn) failed(ctx context.Context, tried tries, user store.Ref) error {
	if tried.account == "" { // nothing was tried
		return nil
	}
	_, _, _, err := s.Store.CountUpTo(ctx, store.Count{Name: tried.failures(), Window: dayLong, Limit: math.MaxInt32})
	if err != nil || !tried.last {
		return err
	}
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		return s.Jobs.Enqueue(ctx, tx, TellGuessed{Project: user.Project, User: user.ID})
	})
}

// tellOfSignIn tells somebody of a sign-in that is about to be stored, if it is unusual: where there were failures,
// which it forgives, and by the places of those before.
func (s *SignIn) tellOfSignIn(ctx context.Context, tx *store.Tx, in entrance, login store.Login, failed bool, before []store.Place) error {
	failures := 0
	if failed {
		var err error
		if failures, err = tx.TakeCount(ctx, in.tried.failures()); err != nil {
			return err
		}
	}
	var what mail.Template
	switch {
	case in.only != "": // a named token is a program's
		return nil
	case failures >= manyFailures:
		what = mail.RightAfterWrong
	case len(before) > 0 && !known(before, login):
		what = mail.NewPlace
	default:
		return nil
	}
	return s.tellSparingly(ctx, tx, in.who, what, mail.Note{Text: placeOf(login)})
}

// known says whether somebody came from the network of a login and with its kind of browser before, be it at
// different times.
func known(before []store.Place, login store.Login) bool {
	return slices.ContainsFunc(before, func(p store.Place) bool { return neighbourhood(p.Address) == neighbourhood(login.RemoteAddress) }) &&
		slices.ContainsFunc(before, func(p store.Place) bool { return agentOf(p.Agent) == agentOf(login.UserAgent) })
}

// neighbourhood is the network of an address, so wide that whoever moves within a provider's stays in it.
func neighbourhood(address string) string {
	parsed, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	parsed, bits := parsed.Unmap().WithZone(""), 32
	if parsed.Is4() {
		bits = 16
	}
	return netip.PrefixFrom(parsed, bits).Masked().String()
}

// agentOf is the browser and system of a user agent, without versions, which change by themselves.
func agentOf(agent string) string {
	browser, system := device(agent)
	if browser == "" {
		browser, _, _ = strings.Cut(agent, "/")
	}
	return browser + "/" + system
}

// placeOf says when and from where somebody signed in. Of the user agent, which is anybody's text, it says what is
// recognised.
func placeOf(login store.Login) string {
	browser, system := device(login.UserAgent)
	with := "an unknown browser"
	switch {
	case browser != "" && system != "":
		with = browser + " on " + system
	case browser != "" || system != "":
		with = browser + system
	}
	at := login.AuthTime.UTC().Format("2 January 2006, 15:04 UTC")
	if _, err := netip.ParseAddr(login.RemoteAddress); err != nil {
		return at + ", with " + with
	}
	return at + ", with " + with + ", from " + login.RemoteAddress
}

// tellSparingly tells somebody of what others may bring about, so often a day that nobody fills their drawer.
func (s *SignIn) tellSparingly(ctx context.Context, tx *store.Tx, who account, what mail.Template, note mail.Note) error {
	if who.user.Email == "" {
		return nil
	}
	over, err := tx.CountUp(ctx, store.Count{
		Name: "told " + string(what) + " " + who.ref.Project + "/" + who.ref.ID, Window: dayLong, Limit: tellsADay[what],
	})
	if err != nil || over {
		return err
	}
	letter := mail.Letter{Template: what, To: who.user.Email, Project: who.ref.Project}
	if note.Text != "" {
		letter.Secret = note.Secret()
	}
	_, err = s.Mails.Queue(ctx, tx, letter)
	return err
}
