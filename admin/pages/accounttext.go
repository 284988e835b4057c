package pages

import (
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/mail"
)

// to is the address of a page of the account, about a thing that it names.
func (h *Handler) to(name string, id ...string) templ.SafeURL {
	address := h.accountAddress(name)
	if len(id) > 0 {
		address += "?" + url.Values{"id": id}.Encode()
	}
	return templ.SafeURL(address)
}

func sessionName(s admin.Session) string {
	switch {
	case s.Client != nil && mail.OneLine(s.Client.Name) != "":
		return mail.OneLine(s.Client.Name)
	case s.Client != nil:
		return "An application"
	case s.Membership == "":
		return "This page"
	}
	return "Signed in without an application"
}

// sessionScope is what its application was allowed.
func sessionScope(s admin.Session) string {
	if s.Scope == "" {
		return "allowed to do all that you may"
	}
	var may []string
	for _, o := range scopeOptions(s.Scope) {
		may = append(may, o.text)
	}
	return "allowed to: " + strings.Join(may, ", ")
}

// sessionPlace is what tells sessions of one application apart.
func sessionPlace(s admin.Session) string {
	var parts []string
	for _, part := range []string{s.Browser, s.OS, s.RemoteAddress} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if s.Browser == "" && s.UserAgent != "" {
		parts = append(parts, mail.OneLine(s.UserAgent))
	}
	return strings.Join(parts, ", ")
}

func day(instant string) string { return spell(instant, "2 January 2006") }

func minute(instant string) string { return spell(instant, "2 January 2006, 15:04 UTC") }

func spell(instant, layout string) string {
	at, err := time.Parse(time.RFC3339, instant)
	if err != nil {
		return instant
	}
	return at.Format(layout)
}
