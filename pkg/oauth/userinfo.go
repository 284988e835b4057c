package oauth

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/web"
)

// userinfo is OpenID Connect Core §5.3. sub is that of the tokens, the user's id; upstream says the
// profile's, which OIDC forbids.
type userinfo struct {
	Subject       string `json:"sub"`
	Profile       string `json:"profile,omitempty"`
	Locale        string `json:"locale,omitempty"`
	Name          string `json:"name,omitempty"`
	Given         string `json:"given_name,omitempty"`
	Family        string `json:"family_name,omitempty"`
	UpdatedAt     int64  `json:"updated_at,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"`
	Phone         string `json:"phone_number,omitempty"`
	PhoneVerified *bool  `json:"phone_number_verified,omitempty"`
}

func (s *Server) userinfo(c echo.Context) error {
	login, member, err := s.caller(c)
	if err != nil {
		return err
	}
	switch ok, err := s.letsIn(c.Request().Context(), member, c.RealIP()); {
	case err != nil:
		return err
	case !ok:
		return outcome.New(outcome.Forbidden, notAllowed)
	}
	_, id, _ := strings.Cut(member.User.Reference, "/")
	shown := userinfo{Subject: id}
	user := login.User()
	if login.ID == "" {
		user = store.Ref{Project: member.Project, Type: typeClient, ID: id}
	}
	person, err := s.Directory.Person(c.Request().Context(), user, member)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	shown.tell(login.Scope, member, person)
	return c.JSON(http.StatusOK, shown)
}

// tell adds what the scope asks for.
func (u *userinfo) tell(scope string, member Membership, person Person) {
	if hasScope(scope, "profile") {
		u.Profile, u.Locale = member.Profile.Reference, "en-US"
		u.Name, u.Given, u.Family = person.Name, person.Given, person.Family
		if !person.UpdatedAt.IsZero() {
			u.UpdatedAt = person.UpdatedAt.Unix()
		}
	}
	if hasScope(scope, "email") && person.Email != "" {
		u.Email, u.EmailVerified = person.Email, &person.EmailVerified
	}
	if hasScope(scope, "phone") && person.Phone != "" {
		u.Phone, u.PhoneVerified = person.Phone, new(bool)
	}
}

func writeOK(c echo.Context) error { return web.WriteOutcome(c, outcome.New(outcome.OK, "")) }
