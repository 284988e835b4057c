package apptest_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

func TestTheListsOfAProjectAreListedToItsAdministrators(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin, other := s.As(apptest.Admin), s.As(apptest.OtherAdmin)
		assert.JSONEq(t, `{"imports":[]}`, string(admin.GET(importsOf(admin)).WantStatus(http.StatusOK).Body))
		first := uploaded(admin, listOf(2, "first"))
		second := uploaded(admin, listOf(1, "second"))
		finished(t, admin, first, "apply")

		page := admin.GET(importsOf(admin) + "?limit=1").WantStatus(http.StatusOK)
		description(t, s).check("GET", importsOf(admin), "", page)
		assert.Equal(t, []string{second, "checked", "1"}, []string{page.Field("imports.0.id"), page.Field("imports.0.state"), page.Field("imports.0.waiting")})
		rest := admin.GET(importsOf(admin) + "?cursor=" + page.Field("next")).WantStatus(http.StatusOK)
		assert.Equal(t, []string{first, "done", "2", ""}, []string{rest.Field("imports.0.id"), rest.Field("imports.0.state"), rest.Field("imports.0.done"), rest.Field("next")})
		assert.Contains(t, rest.Field("imports.0.uploadedBy.reference"), "ProjectMembership/")

		assert.JSONEq(t, `{"imports":[]}`, string(other.GET(importsOf(other)).WantStatus(http.StatusOK).Body))
		other.GET(importsOf(admin)).WantStatus(http.StatusNotFound)
		s.As(apptest.Practitioner).GET(importsOf(admin)).WantStatus(http.StatusForbidden)
		for query, expression := range map[string]string{"limit=0": "limit", "limit=101": "limit", "limit=x": "limit", "cursor='": "cursor"} {
			assert.Equal(t, expression, admin.GET(importsOf(admin)+"?"+query).WantStatus(http.StatusBadRequest).Field("issue.0.expression.0"), query)
		}
	})
}

func TestOnlySoManyListsWait(t *testing.T) {
	at := &apptest.Clock{}
	s := apptest.Start(t, apptest.At(at), apptest.With("ADMIT_PROJECT_IMPORT_LIMIT=3"))
	admin := s.As(apptest.Admin)
	for n := range 3 {
		uploaded(admin, listOf(1, fmt.Sprint("waits", n)))
	}
	refused := upload(admin, "text/csv", listOf(1, "more")).WantStatus(http.StatusConflict)
	assert.Contains(t, refused.Field("issue.0.details.text"), "3 lists wait already to be applied")
	finished(t, admin, admin.GET(importsOf(admin)+"?limit=1").Field("imports.0.id"), "apply")
	uploaded(admin, listOf(1, "more"))
	at.Ahead = 25 * time.Hour
	again := s.Again(apptest.Admin)
	id := uploaded(again, listOf(1, "later"))
	kept := again.GET(importsOf(again)).WantStatus(http.StatusOK)
	assert.Equal(t, []string{id, "done", ""}, []string{kept.Field("imports.0.id"), kept.Field("imports.1.state"), kept.Field("imports.2.id")})
}

// TestOnlySoManyListsAreKept: the oldest make room once they can no longer be undone.
func TestOnlySoManyListsAreKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		at := &apptest.Clock{}
		s := apptest.Start(t, apptest.On(db), apptest.At(at), apptest.With("ADMIT_PROJECT_IMPORT_LIMIT=1"))
		admin := s.As(apptest.Admin)
		var ids []string
		for n := range 10 {
			ids = append(ids, uploaded(admin, listOf(1, fmt.Sprint("kept", n))))
			finished(t, admin, ids[n], "apply")
		}
		refused := upload(admin, "text/csv", listOf(1, "more")).WantStatus(http.StatusConflict)
		assert.Contains(t, refused.Field("issue.0.details.text"), "10 lists are kept already")
		at.Ahead = 25 * time.Hour
		again := s.Again(apptest.Admin)
		uploaded(again, listOf(1, "more"))
		again.GET(importsOf(again) + "/" + ids[0]).WantStatus(http.StatusNotFound)
		for _, id := range ids[1:] {
			again.GET(importsOf(again) + "/" + id).WantStatus(http.StatusOK)
		}
	})
}

func TestAListIsTakenBackWithinADayByAnyAdministrator(t *testing.T) {
	at := &apptest.Clock{}
	s := apptest.Start(t, apptest.At(at))
	admin := s.As(apptest.Admin)
	second := s.Invite(admin, "Practitioner", "second@clinic.example", `,"membership":{"admin":true}`)
	before := len(membershipsIn(admin))
	id, late := uploaded(admin, listOf(2, "back")), uploaded(admin, listOf(1, "stays"))
	finished(t, admin, id, "apply")
	finished(t, admin, late, "apply")
	assert.Contains(t, finished(t, second, id, "undo"), `"undone":2,"kept":0`)
	assert.Len(t, membershipsIn(admin), before+1)
	second.POST(importsOf(second)+"/"+id+"/apply", "").WantStatus(http.StatusConflict)

	at.Ahead = 24*time.Hour + time.Minute
	again := s.Again(apptest.Admin)
	refused := again.POST(importsOf(again)+"/"+late+"/undo", "").WantStatus(http.StatusConflict)
	assert.Equal(t, "An import can be undone within 24 hours", refused.Field("issue.0.details.text"))
	assert.Len(t, membershipsIn(again), before+1)
}

// TestAnUploadThatBreaksOffLeavesNothing: the client goes away in the middle of its list.
func TestAnUploadThatBreaksOffLeavesNothing(t *testing.T) {
	s := apptest.Start(t)
	admin := s.As(apptest.Admin)
	list := listOf(500, "half")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n%s",
		importsOf(admin), admin.Token, len(list), list[:len(list)/2])
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer answer.Body.Close()
	assert.Equal(t, http.StatusBadRequest, answer.StatusCode)
	assert.JSONEq(t, `{"imports":[]}`, string(admin.GET(importsOf(admin)).WantStatus(http.StatusOK).Body))
}
