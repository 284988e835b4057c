package apptest_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/clock"
)

// inviter is somebody who invites and looks after it.
type inviter struct {
	*apptest.Client
	s    *apptest.Server
	told described
}

func newInviter(t *testing.T, s *apptest.Server, as apptest.Role) inviter {
	t.Helper()
	return inviter{s.As(as), s, description(t, s)}
}

func (i inviter) path(steps ...string) string {
	return "/admin/projects/" + i.Project + "/invitations" + strings.Join(append([]string{""}, steps...), "/")
}

// invite invites an address and gives the id of the invitation and the membership.
func (i inviter) invite(email, more string) (id, membership string) {
	member := i.POST("/admin/projects/"+i.Project+"/invite",
		`{"resourceType":"Practitioner","firstName":"In","lastName":"Vited","email":"`+email+`"`+more+`}`).WantStatus(http.StatusOK)
	return i.GET(i.path() + "?email=" + email).WantStatus(http.StatusOK).Field("invitations.0.id"), member.Field("id")
}

// do asks and holds the answer to the description.
func (i inviter) do(method, path, body string) *apptest.Answer {
	answer := i.Do(method, path, body)
	i.told.check(method, path, body, answer)
	return answer
}

// setPassword uses a mailed link.
func setPassword(s *apptest.Server, link string) *apptest.Answer {
	parts := strings.Split(link, "/")
	return s.As(apptest.Anonymous).POST("/auth/setpassword",
		`{"id":"`+parts[len(parts)-2]+`","secret":"`+parts[len(parts)-1]+`","password":"`+apptest.Password+`"}`)
}

// newestMail waits for the n-th mail to an address.
func newestMail(t *testing.T, s *apptest.Server, to string, n int) (link string) {
	t.Helper()
	require.Eventually(t, func() bool {
		seen := 0
		for _, m := range s.Mails() {
			if m.To == to {
				seen, link = seen+1, m.Link
			}
		}
		return seen == n
	}, 10*time.Second, 5*time.Millisecond, "mail %d to %s", n, to)
	return link
}

func TestInvitationsAreListedByWhatBecameOfThem(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		i := newInviter(t, s, apptest.Admin)
		waiting, _ := i.invite("waiting@example.com", "")
		draft, _ := i.invite("draft@example.com", `,"sendEmail":false`)
		revoked, _ := i.invite("revoked@example.com", "")
		i.POST(i.path(revoked, "revoke"), "").WantStatus(http.StatusOK)
		accepted, _ := i.invite("Accepted@Example.com", "")
		setPassword(s, newestMail(t, s, "accepted@example.com", 1)).WantStatus(http.StatusOK)
		program := s.As(apptest.Program)
		_, membership, _ := strings.Cut(program.Membership, "/")
		member := i.GET("/admin/projects/" + i.Project + "/members/" + membership).WantStatus(http.StatusOK)
		i.POST("/admin/projects/"+i.Project+"/members/"+membership, strings.Replace(string(member.Body), `{`, `{"admin":true,`, 1)).WantStatus(http.StatusOK)
		program.POST("/admin/projects/"+i.Project+"/invite", `{"resourceType":"Patient","firstName":"By","lastName":"Client","externalId":"x1"}`).WantStatus(http.StatusOK)
		byProgram := i.GET(i.path() + "?invitedBy=" + program.Membership).WantStatus(http.StatusOK).Field("invitations.0.id")
		profile := i.GET(i.path(accepted)).WantStatus(http.StatusOK).Field("profile.reference")
		middle := i.GET(i.path(revoked)).Field("createdAt")

		for query, want := range map[string][]string{
			"":                               {byProgram, accepted, revoked, draft, waiting},
			"?state=pending":                 {byProgram, draft, waiting},
			"?state=draft,revoked":           {byProgram, revoked, draft},
			"?state=accepted":                {accepted},
			"?state=expired":                 nil,
			"?state=failed":                  nil,
			"?email=ACCEPTED@example.com":    {accepted},
			"?profile=" + profile:            {accepted},
			"?since=" + middle:               {byProgram, accepted, revoked},
			"?until=" + middle:               {draft, waiting},
			"?state=pending&since=" + middle: {byProgram},
			"?invitedBy=" + i.Membership:     {accepted, revoked, draft, waiting},
		} {
			page := i.do("GET", i.path()+query, "").WantStatus(http.StatusOK)
			assert.Equal(t, want, idsIn(page, "invitations"), query)
			var paged []string
			joint := "?"
			if query != "" {
				joint = query + "&"
			}
			for cursor := ""; ; {
				page := i.GET(i.path() + joint + "limit=1" + cursor).WantStatus(http.StatusOK)
				paged = append(paged, idsIn(page, "invitations")...)
				if page.Field("next") == "" {
					break
				}
				cursor = "&cursor=" + page.Field("next")
			}
			assert.Equal(t, want, paged, "%s by pages", query)
		}
		for _, query := range []string{"?state=lost", "?limit=0", "?limit=1001", "?cursor=x", "?since=yesterday", "?profile=Device/x", "?invitedBy=x", "?email=%00"} {
			i.do("GET", i.path()+query, "").WantStatus(http.StatusBadRequest)
		}
	})
}

// idsIn are the ids of what a page lists.
func idsIn(page *apptest.Answer, list string) []string {
	var all []string
	for _, id := range strings.Split(strings.Trim(page.Field(list+".#.id"), `[]`), ",") {
		if id != "" {
			all = append(all, strings.Trim(id, `"`))
		}
	}
	return all
}

func TestAResentInvitationHasOneLinkThatWorks(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		i := newInviter(t, s, apptest.Admin)
		const to = "twice@example.com"
		id, _ := i.invite(to, "")
		old := newestMail(t, s, to, 1)
		version := i.GET(i.path(id)).Header.Get("ETag")
		keyed := inviter{i.With("If-Match", version).With("Idempotency-Key", "again"), s, i.told}
		first := keyed.do("POST", i.path(id, "resend"), "").WantStatus(http.StatusOK)
		assert.NotEqual(t, version, first.Header.Get("ETag"))
		fresh := newestMail(t, s, to, 2)
		repeated := keyed.do("POST", i.path(id, "resend"), "").WantStatus(http.StatusOK)
		assert.Equal(t, id, repeated.Field("id"))
		i.With("If-Match", version).POST(i.path(id, "resend"), "").WantStatus(http.StatusPreconditionFailed)
		other, _ := i.invite("other@example.com", "")
		i.With("Idempotency-Key", "again").POST(i.path(other, "resend"), "").WantStatus(http.StatusUnprocessableEntity)

		setPassword(s, old).WantStatus(http.StatusBadRequest).WantText("This link has expired")
		setPassword(s, fresh).WantStatus(http.StatusOK)
		assert.Equal(t, "accepted", i.GET(i.path(id)).Field("state"))
		for _, action := range []string{"resend", "revoke", "link"} {
			i.do("POST", i.path(id, action), "").WantStatus(http.StatusConflict)
		}
		assert.Equal(t, fresh, newestMail(t, s, to, 2), "what was refused or repeated sends nothing")
	})
}

func TestResendsAtOnceLeaveOneLink(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		i := newInviter(t, s, apptest.Admin)
		id, _ := i.invite("race@example.com", `,"sendEmail":false`)
		var mu sync.Mutex
		var links []string
		var running sync.WaitGroup
		for range 8 {
			running.Go(func() {
				made := i.POST(i.path(id, "link"), "").WantStatus(http.StatusOK)
				mu.Lock()
				defer mu.Unlock()
				links = append(links, made.Field("link"))
			})
		}
		running.Wait()
		works := 0
		for _, link := range links {
			parts := strings.Split(link, "/")
			answer := s.As(apptest.Anonymous).GET("/setpassword/" + parts[len(parts)-2] + "/" + parts[len(parts)-1])
			if answer.Status == http.StatusOK {
				works++
			}
		}
		assert.Equal(t, 1, works)
	})
}

func TestARevokedInvitationLetsNobodyIn(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		i := newInviter(t, s, apptest.Admin)
		const to = "gone@example.com"
		id, membership := i.invite(to, "")
		link := newestMail(t, s, to, 1)
		profile := i.GET(i.path(id)).Field("profile.reference")
		i.With("If-Match", `W/"99"`).POST(i.path(id, "revoke"), "").WantStatus(http.StatusPreconditionFailed)
		revoked := i.do("POST", i.path(id, "revoke"), "").WantStatus(http.StatusOK)
		assert.Equal(t, "revoked", revoked.Field("state"))
		again := i.do("POST", i.path(id, "revoke"), "").WantStatus(http.StatusOK)
		assert.Equal(t, revoked.Field("version"), again.Field("version"))
		setPassword(s, link).WantStatus(http.StatusBadRequest)
		i.GET("/fhir/R4/ProjectMembership/" + membership).WantStatus(http.StatusGone)
		i.GET("/fhir/R4/" + profile).WantStatus(http.StatusOK)
		i.POST(i.path(id, "resend"), "").WantStatus(http.StatusConflict)

		fresh, _ := i.invite(to, "") // one may be invited anew
		require.NotEqual(t, id, fresh)
		assert.Equal(t, profile, i.GET(i.path(fresh)).Field("profile.reference"))

		// Who has an account comes in without a link, and so is kept out by losing the membership.
		there := newInviter(t, s, apptest.OtherAdmin)
		setPassword(s, newestMail(t, s, to, 2)).WantStatus(http.StatusOK)
		known, _ := there.invite(to, "")
		there.POST(there.path(known, "revoke"), "").WantStatus(http.StatusOK)
		signInByName(s, there.Project, to, apptest.Password).WantStatus(http.StatusBadRequest)
		s.SignIn(to, apptest.Password, i.Project)
		joined, _ := there.invite(to, "")
		s.SignIn(to, apptest.Password, there.Project)
		assert.Equal(t, "accepted", there.GET(there.path(joined)).Field("state"), "by signing in")

		// An invite that changed a member is no reason to remove them.
		changed, member := there.invite(to, `,"upsert":true,"membership":{"profile":{"reference":"`+there.GET(there.path(joined)).Field("profile.reference")+`"}}`)
		there.POST(there.path(changed, "revoke"), "").WantStatus(http.StatusOK)
		there.GET("/fhir/R4/ProjectMembership/" + member).WantStatus(http.StatusOK)
	})
}

func TestAnInvitationEndsByItself(t *testing.T) {
	at := &apptest.Clock{}
	s := apptest.Start(t, apptest.At(at))
	i := newInviter(t, s, apptest.Admin)
	const to = "late@example.com"
	id, _ := i.invite(to, "")
	longer, _ := i.invite("longer@example.com", "")
	until := at.Now().Add(20 * 24 * time.Hour).Format(time.RFC3339)
	extended := i.do("POST", i.path(longer, "extend"), `{"expiresAt":"`+until+`"}`).WantStatus(http.StatusOK)
	assert.Equal(t, until, extended.Field("expiresAt"))
	for _, body := range []string{`{}`, `{"expiresAt":"2020-01-01T00:00:00Z"}`, `{"expiresAt":"2999-01-01T00:00:00Z"}`, `{"expiresAt":"soon"}`, `{"days":3}`} {
		i.do("POST", i.path(longer, "extend"), body).WantStatus(http.StatusBadRequest)
	}
	at.Ahead = 8 * 24 * time.Hour
	i = inviter{s.Again(apptest.Admin), s, i.told} // whose own token is as old
	assert.Equal(t, "expired", i.GET(i.path(id)).Field("state"))
	assert.Equal(t, []string{id}, idsIn(i.GET(i.path()+"?state=expired"), "invitations"))
	assert.Equal(t, []string{longer}, idsIn(i.GET(i.path()+"?state=pending"), "invitations"))
	setPassword(s, newestMail(t, s, to, 1)).WantStatus(http.StatusBadRequest)
	i.do("POST", i.path(id, "extend"), `{"expiresAt":"`+until+`"}`).WantStatus(http.StatusConflict)
	setPassword(s, newestMail(t, s, "longer@example.com", 1)).WantStatus(http.StatusOK)

	i.POST(i.path(id, "resend"), "").WantStatus(http.StatusOK)
	assert.Equal(t, "queued", i.GET(i.path(id)).Field("state"))
	setPassword(s, newestMail(t, s, to, 2)).WantStatus(http.StatusOK)
}

func TestACopiedLinkProvesNoAddress(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		i, there := newInviter(t, s, apptest.OtherAdmin), newInviter(t, s, apptest.Admin)
		const victim = "victim@example.com"
		id, _ := i.invite(victim, "")
		mailed := newestMail(t, s, victim, 1)
		copied := i.do("POST", i.path(id, "link"), "").WantStatus(http.StatusOK)
		link := copied.Field("link")
		assert.Equal(t, "no-store", copied.Header.Get("Cache-Control"))
		assert.NotContains(t, string(i.GET(i.path(id)).Body), link)
		setPassword(s, mailed).WantStatus(http.StatusBadRequest)
		setPassword(s, link).WantStatus(http.StatusOK)
		s.SignIn(victim, apptest.Password, i.Project)
		assert.Equal(t, "false", i.GET("/admin/projects/"+i.Project+"/users/find?email="+victim).Field("emailVerified"))

		// What the administrator of one project chose leads to no other.
		taken, _ := there.invite(victim, "")
		signInByName(s, there.Project, victim, apptest.Password).WantStatus(http.StatusBadRequest)
		assert.Contains(t, there.do("POST", there.path(taken, "link"), "").WantStatus(http.StatusOK).Field("link"), "/signin?project=")
		require.Contains(t, newestMail(t, s, victim, 2), "/setpassword/")

		// Nor does a link that was copied before another project came, and none is made any more.
		const both = "both@example.com"
		before, _ := i.invite(both, `,"sendEmail":false`)
		early := i.POST(i.path(before, "link"), "").WantStatus(http.StatusOK).Field("link")
		there.invite(both, `,"sendEmail":false`)
		assert.Contains(t, i.POST(i.path(before, "link"), "").WantStatus(http.StatusOK).Field("link"), "/signin?project=")
		setPassword(s, early).WantStatus(http.StatusOK)
		signInByName(s, there.Project, both, apptest.Password).WantStatus(http.StatusBadRequest)
	})
}

// TestTheDirectoryTellsNothingOfAnInvitedPersonsAccount, and the link leads whoever has one to the sign-in.
func TestTheDirectoryTellsNothingOfAnInvitedPersonsAccount(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		i, there := newInviter(t, s, apptest.Admin), newInviter(t, s, apptest.OtherAdmin)
		_, _ = there.invite("waits@example.com", "")
		_, _ = there.invite("signs.in@example.com", "")
		account := setPassword(s, newestMail(t, s, "signs.in@example.com", 1)).WantStatus(http.StatusOK)
		require.NotEmpty(t, account.Body)
		enrol(t, s.SignIn("signs.in@example.com", apptest.Password, there.Project))
		var links, described []string
		for _, to := range []string{"new@example.com", "waits@example.com", "signs.in@example.com"} {
			member := i.POST("/admin/projects/"+i.Project+"/invite",
				`{"resourceType":"Practitioner","firstName":"Another","lastName":"Name","email":"`+to+`"}`).WantStatus(http.StatusOK)
			id := i.GET(i.path() + "?email=" + to).WantStatus(http.StatusOK).Field("invitations.0.id")
			links = append(links, i.do("POST", i.path(id, "link"), "").WantStatus(http.StatusOK).Field("link"))
			user := i.GET("/admin/projects/" + i.Project + "/users/" + member.Field("id")).WantStatus(http.StatusOK)
			var told []string
			for _, field := range []string{"name", "givenName", "familyName", "emailVerified", "mfaEnrolled", "status", "scope"} {
				told = append(told, field+"="+user.Field(field))
			}
			described = append(described, strings.Join(told, " "))
		}
		setPassword(s, links[0]).WantStatus(http.StatusOK)
		for n := range links[1:] {
			assert.Equal(t, s.URL+"/signin?project="+i.Project, links[n+1])
			assert.Equal(t, described[0], described[n+1])
		}
		assert.Contains(t, described[0], "givenName=Another familyName=Name")
		setPassword(s, newestMail(t, s, "waits@example.com", 2)).WantStatus(http.StatusOK) // the mailed link goes on working
	})
}

// TestAnInviteWithAPasswordTellsNothingByItself of whether somebody is known elsewhere, nor since when: neither its
// answer nor what an administrator can read afterwards.
func TestAnInviteWithAPasswordTellsNothingByItself(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		i, there := newInviter(t, s, apptest.Admin), newInviter(t, s, apptest.OtherAdmin)
		for n, more := range []string{`,"sendEmail":false`, ``, `,"scope":"project","sendEmail":false`} {
			people := []string{fmt.Sprintf("new%d@example.com", n), fmt.Sprintf("waits%d@example.com", n), fmt.Sprintf("account%d@example.com", n)}
			_, _ = there.invite(people[1], `,"sendEmail":false`)
			_, _ = there.invite(people[2], `,"password":"Quiet-harbour-47"`)
			setPassword(s, newestMail(t, s, people[2], 1)).WantStatus(http.StatusOK)
			var told []string
			for _, to := range people {
				invited := i.POST("/admin/projects/"+i.Project+"/invite", `{"resourceType":"Practitioner","firstName":"Ann","lastName":"Other","email":"`+to+
					`","password":"Another-harbour-48","mfaRequired":true`+more+`}`).WantStatus(http.StatusOK)
				member, user := invited.Field("id"), invited.Field("user.reference")
				_, timed := clock.Of(strings.TrimPrefix(user, "User/"))
				require.False(t, timed, "the id of a User tells when they came to the server")
				answers := []*apptest.Answer{
					invited, i.GET("/admin/projects/" + i.Project + "/members/" + member), i.GET("/admin/projects/" + i.Project + "/users/" + member),
					i.GET("/fhir/R4/ProjectMembership/" + member + "/_history"), i.GET("/fhir/R4/" + user), i.GET("/fhir/R4/" + user + "/_history"),
					i.GET("/fhir/R4/UserSecurityRequest?user=" + user), i.GET("/scim/v2/Users/" + member),
					i.GET("/fhir/R4/AuditEvent?entity=" + user),
				}
				if strings.Contains(more, `"sendEmail":false`) { // a mail that is on its way changes its state
					answers = append(answers, i.GET(i.path()+"?email="+to))
				}
				told = append(told, unlikely(answers, to))
			}
			assert.Equal(t, told[0], told[1], more)
			assert.Equal(t, told[0], told[2], more)
		}
	})
}

var (
	anyID   = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	anyTime = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+)`)
)

// unlikely is what answers tell but for the ids, the times and the address, by which no two of them are alike.
func unlikely(answers []*apptest.Answer, to string) string {
	var out strings.Builder
	for _, a := range answers {
		text := anyTime.ReplaceAllString(anyID.ReplaceAllString(string(a.Body), "ID"), "TIME")
		fmt.Fprintln(&out, a.Status, strings.ReplaceAll(text, to, "ADDRESS"))
	}
	return out.String()
}

func TestWhatAnInvitationGrantsIsChangedUntilItIsAccepted(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		i, there := newInviter(t, s, apptest.Admin), newInviter(t, s, apptest.OtherAdmin)
		policy := func(in inviter) string {
			return in.POST("/fhir/R4/AccessPolicy", `{"resourceType":"AccessPolicy","name":"narrow","resource":[{"resourceType":"Device"}]}`).WantStatus(http.StatusCreated).Field("id")
		}
		mine, theirs := policy(i), policy(there)
		const to = "grant@example.com"
		id, membership := i.invite(to, "")
		grant := func(policy string) string {
			return `{"accessPolicy":{"reference":"AccessPolicy/` + policy + `"},"access":[],"admin":false}`
		}
		i.do("PATCH", i.path(id), grant(mine)).WantStatus(http.StatusOK)
		assert.Equal(t, "AccessPolicy/"+mine, i.GET("/fhir/R4/ProjectMembership/"+membership).Field("accessPolicy.reference"))
		i.do("PATCH", i.path(id), grant(theirs)).WantStatus(http.StatusBadRequest)
		i.do("PATCH", i.path(id), `{"nonsense":1}`).WantStatus(http.StatusBadRequest)
		setPassword(s, newestMail(t, s, to, 1)).WantStatus(http.StatusOK)
		i.do("PATCH", i.path(id), grant(mine)).WantStatus(http.StatusConflict)
		s.SignIn(to, apptest.Password, i.Project).GET("/fhir/R4/Patient").WantStatus(http.StatusForbidden)
	})
}

func TestInvitationsAreTheAdministratorsOfTheirProject(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		i, there := newInviter(t, s, apptest.Admin), s.As(apptest.OtherAdmin)
		const to = "mine@example.com"
		id, _ := i.invite(to, "")
		link := newestMail(t, s, to, 1)
		for as, status := range map[*apptest.Client]int{there: http.StatusNotFound, s.As(apptest.Practitioner): http.StatusForbidden, s.As(apptest.Patient): http.StatusForbidden} {
			for _, request := range []struct{ method, path, body string }{
				{"GET", i.path(), ""}, {"GET", i.path(id), ""}, {"POST", i.path(id, "link"), ""}, {"POST", i.path(id, "resend"), ""},
				{"POST", i.path(id, "revoke"), ""}, {"PATCH", i.path(id), `{"admin":true}`}, {"POST", i.path(id, "extend"), `{"expiresAt":"2999-01-01T00:00:00Z"}`},
			} {
				as.Do(request.method, request.path, request.body).WantStatus(status)
			}
		}
		there.GET("/admin/projects/" + there.Project + "/invitations/" + id).WantStatus(http.StatusNotFound)
		there.POST("/admin/projects/"+there.Project+"/invitations/"+id+"/link", "").WantStatus(http.StatusNotFound)
		i.GET(i.path("no-such")).WantStatus(http.StatusNotFound)
		setPassword(s, link).WantStatus(http.StatusOK)
	})
}

// TestMailsOfNewAddressesCountToo: by giving a User one address after another a project would write to anybody.
func TestMailsOfNewAddressesCountToo(t *testing.T) {
	s := apptest.Start(t, apptest.Standing(), apptest.With("ADMIT_PROJECT_MAIL_LIMIT=2"))
	i := newInviter(t, s, apptest.Admin)
	_, membership := i.invite("first@example.com", `,"sendEmail":false,"scope":"project"`)
	update := "/fhir/R4/" + i.GET("/fhir/R4/ProjectMembership/"+membership).Field("user.reference") + "/$update-email"
	i.POST(update, `{"email":"second@example.com"}`).WantStatus(http.StatusOK)
	i.POST(update, `{"email":"third@example.com","skipEmailVerification":true}`).WantStatus(http.StatusTooManyRequests)
	assert.Equal(t, "second@example.com", i.GET("/admin/projects/"+i.Project+"/users/"+membership).Field("email"), "what was refused has changed nothing")
}

func TestResendsCountAsMails(t *testing.T) {
	s := apptest.Start(t, apptest.Standing(), apptest.With("ADMIT_PROJECT_MAIL_LIMIT=2"))
	i := newInviter(t, s, apptest.Admin)
	id, _ := i.invite("limit@example.com", "")
	newestMail(t, s, "limit@example.com", 1) // a resend ends a mail that is still to go
	i.POST(i.path(id, "resend"), "").WantStatus(http.StatusOK)
	link := newestMail(t, s, "limit@example.com", 2)
	i.do("POST", i.path(id, "resend"), "").WantStatus(http.StatusTooManyRequests)
	setPassword(s, link).WantStatus(http.StatusOK) // a refused resend has not ended it
}
