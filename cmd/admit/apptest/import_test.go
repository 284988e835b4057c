package apptest_test

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
)

// importsOf is the path of the imports of somebody's project.
func importsOf(c *apptest.Client) string {
	return "/admin/projects/" + c.Project + "/invitations/import"
}

// importRow is a row of a report.
type importRow struct {
	Line                                                            int
	State, Action, Email, ExternalID, Membership, Error, Expression string
}

func upload(c *apptest.Client, contentType, list string) *apptest.Answer {
	return c.With("Content-Type", contentType).POST(importsOf(c), list)
}

// uploaded is the id of a list that was taken.
func uploaded(c *apptest.Client, list string) string {
	return upload(c, "text/csv", list).WantStatus(http.StatusCreated).Field("id")
}

// finished has an import applied or undone, waits until it is and gives how it stands then.
func finished(t *testing.T, c *apptest.Client, id, what string) string {
	t.Helper()
	c.POST(importsOf(c)+"/"+id+"/"+what, "").WantStatus(http.StatusAccepted)
	events := string(c.GET(importsOf(c) + "/" + id + "/events").WantStatus(http.StatusOK).Body)
	_, last, ended := strings.Cut(events, "event: end\ndata: ")
	require.True(t, ended, events)
	return strings.TrimSpace(last)
}

// report is what became of each row, by line.
func report(t *testing.T, c *apptest.Client, id string) map[int]importRow {
	t.Helper()
	rows := map[int]importRow{}
	body := c.GET(importsOf(c) + "/" + id + "/report?format=ndjson").WantStatus(http.StatusOK).Body
	for line := range strings.Lines(string(body)) {
		var row importRow
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		rows[row.Line] = row
	}
	return rows
}

func TestAListOfPeopleIsShownThenAppliedThenTakenBack(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		s.Invite(admin, "Practitioner", "there@example.com", "")
		s.Invite(admin, "Practitioner", "other@example.com", "")
		policy := admin.POST("/fhir/R4/AccessPolicy", `{"resourceType":"AccessPolicy","name":"night"}`).WantStatus(http.StatusCreated).Field("id")
		list := "\xef\xbb\xbfresourceType,firstName,lastName,email,externalId,accessPolicy,sendEmail,upsert\r\n" +
			"Practitioner,Nora,New,Nora@Example.com,,night,true,\r\n" +
			"Patient,=SUM(A1),\"Multi, Word\",pat@example.com,,,false,\r\n" +
			"Patient,Ext,Ernal,,e-1,,,\r\n" +
			"Practitioner,Is,There,there@example.com,,,false,\r\n" +
			"Practitioner,Up,Dated,other@example.com,,AccessPolicy/" + policy + ",false,true\r\n" +
			"Practitioner,Is,There,Nora@example.com,,,,\r\n" +
			"Nobody,Is,Wrong,x@example.com,,,,\r\n"
		s.WantNoMail()
		sent := upload(admin, "text/csv", list).WantStatus(http.StatusCreated)
		description(t, s).check("POST", importsOf(admin), "", sent)
		id := sent.Field("id")
		want := map[int]string{2: "create", 3: "create", 4: "create", 5: "unchanged", 6: "update", 7: "error", 8: "error"}
		planned := report(t, admin, id)
		for line, action := range want {
			assert.Equal(t, action, planned[line].Action, "line %d: %v", line, planned[line])
		}
		assert.Equal(t, "The person is in the list already, on line 2", planned[7].Error)
		assert.Equal(t, "resourceType", planned[8].Expression)
		s.WantNoMail()
		before := membershipsIn(admin)

		done := finished(t, admin, id, "apply")
		description(t, s).check("GET", importsOf(admin)+"/"+id, "", admin.GET(importsOf(admin)+"/"+id))
		assert.Contains(t, done, `"done":5,"failed":2`)
		applied := report(t, admin, id)
		for line, action := range want {
			assert.Equal(t, action, applied[line].Action, "line %d: %v", line, applied[line])
		}
		assert.Len(t, membershipsIn(admin), len(before)+3)
		assert.Contains(t, s.MailTo("nora@example.com").Link, "/setpassword/")
		nora := admin.GET("/fhir/R4/" + applied[2].Membership).WantStatus(http.StatusOK)
		assert.Equal(t, "AccessPolicy/"+policy, nora.Field("accessPolicy.reference"))
		assert.Equal(t, "AccessPolicy/"+policy, admin.GET("/fhir/R4/"+applied[6].Membership).Field("accessPolicy.reference"))

		table, err := csv.NewReader(strings.NewReader(string(admin.GET(importsOf(admin) + "/" + id + "/report").WantStatus(http.StatusOK).Body))).ReadAll()
		require.NoError(t, err)
		assert.Equal(t, "'=SUM(A1)", table[2][4], "no formula")

		again := uploaded(admin, list)
		for line, action := range map[int]string{2: "unchanged", 3: "unchanged", 4: "unchanged", 5: "unchanged", 6: "unchanged"} {
			assert.Equal(t, action, report(t, admin, again)[line].Action, "line %d of the list sent again", line)
		}
		finished(t, admin, again, "apply")
		assert.Len(t, membershipsIn(admin), len(before)+3)

		// Whoever has been changed since stays as they are.
		patient := admin.GET("/fhir/R4/" + applied[3].Membership).Field("profile.reference")
		admin.POST("/fhir/R4/Observation", `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"`+patient+`"}}`).WantStatus(http.StatusCreated)
		undone := finished(t, s.Again(apptest.Admin), id, "undo")
		assert.Contains(t, undone, `"undone":4,"kept":1`)
		left := report(t, admin, id)
		assert.Equal(t, "kept", left[3].State)
		assert.Contains(t, left[3].Error, "Observation/")
		admin.GET("/fhir/R4/" + applied[3].Membership).WantStatus(http.StatusOK)
		admin.GET("/fhir/R4/" + applied[2].Membership).WantStatus(http.StatusGone)
		admin.GET("/fhir/R4/" + nora.Field("profile.reference")).WantStatus(http.StatusGone)
		assert.NotEqual(t, "AccessPolicy/"+policy, admin.GET("/fhir/R4/"+applied[6].Membership).Field("accessPolicy.reference"))
		assert.Len(t, membershipsIn(admin), len(before)+1)
		admin.POST(importsOf(admin)+"/"+id+"/apply", "").WantStatus(http.StatusConflict)
		s.Invite(admin, "Practitioner", "nora@example.com", "") // nothing stands in her way
	})
}

// TestWhoeverHasSignedInStaysThoughTheirLoginIsGone: an ended login may be purged, that they came stays known.
func TestWhoeverHasSignedInStaysThoughTheirLoginIsGone(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		id := uploaded(admin, "resourceType,firstName,lastName,email,password,sendEmail\r\n"+
			"Practitioner,Ida,In,ida@example.com,"+apptest.Password+",false\r\n"+
			"Practitioner,Otto,Out,otto@example.com,"+apptest.Password+",false\r\n")
		finished(t, admin, id, "apply")
		s.SignIn("ida@example.com", apptest.Password, admin.Project).POST("/oauth2/logout", "{}").WantStatus(http.StatusOK)
		s.As(apptest.SuperAdmin).POST("/admin/super/purge", `{"resourceType":"Login","before":"2999-01-01T00:00:00Z"}`).WantStatus(http.StatusOK)
		assert.Contains(t, finished(t, admin, id, "undo"), `"undone":1,"kept":1`)
		assert.Equal(t, "The person has signed in", report(t, admin, id)[2].Error)
		s.SignIn("ida@example.com", apptest.Password, admin.Project)
	})
}

// membershipsIn are the memberships of somebody's project.
func membershipsIn(c *apptest.Client) []string {
	var found struct{ Entry []struct{ FullURL string } }
	c.GET("/fhir/R4/ProjectMembership?_count=1000").WantStatus(http.StatusOK).Into(&found)
	var all []string
	for _, e := range found.Entry {
		all = append(all, e.FullURL)
	}
	return all
}

func TestAListThatIsNoneIsRefusedWholeAndLeavesNothing(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		const head = "resourceType,firstName,lastName,email\n"
		for _, tc := range []struct {
			name, contentType, list string
			status                  int
			text                    string
		}{
			{"another type", "application/json", "{}", 415, "Content-Type must be"},
			{"an encoding that nobody knows", "text/csv; charset=klingon", head, 415, `The charset "klingon" is not known`},
			{"another encoding than it says", "text/csv", head + "Patient,J\xfcrgen,X,j@example.com\n", 400, "Line 2 is not in the encoding"},
			{"nothing", "text/csv", "", 400, "The list is empty"},
			{"a header alone", "text/csv", head, 400, "The list is empty"},
			{"an unknown column", "text/csv", "resourceType,shoeSize\nPatient,44\n", 400, `The column "shoeSize" is not known`},
			{"semicolons", "text/csv", "resourceType;firstName;lastName\nPatient;A;B\n", 400, "The columns are separated by semicolons or tabs; separate them by commas, as CSV (RFC 4180) has it"},
			{"a column twice", "text/csv", "email,email\na@example.com,b@example.com\n", 400, `The column "email" is there twice`},
			{"a quote that never ends", "text/csv", head + "Patient,\"J,X,j@example.com\nPatient,B,C,d@example.com\n", 400, "Line 2 is no CSV"},
			{"too many rows", "text/csv", head + strings.Repeat("Patient,A,B,same@example.com\n", 50_001), 413, "50000 rows at most"},
			{"too many bytes", "text/csv", head + strings.Repeat("x", 32<<20), 413, "32 MiB at most"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				got := upload(admin, tc.contentType, tc.list).WantStatus(tc.status)
				assert.Contains(t, got.Field("issue.0.details.text"), tc.text)
			})
		}
		s.WantUnchanged("User", "ProjectMembership", "Patient", "Practitioner")
	})
}

func TestEachRowOfAListHasItsOwnError(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin, other := s.As(apptest.Admin), s.As(apptest.OtherAdmin)
		theirs := other.POST("/fhir/R4/AccessPolicy", `{"resourceType":"AccessPolicy","name":"theirs"}`).WantStatus(http.StatusCreated).Field("id")
		patient := other.POST("/fhir/R4/Patient", `{"resourceType":"Patient"}`).WantStatus(http.StatusCreated).Field("id")
		s.Invite(admin, "Practitioner", "there@example.com", "")
		rows := []struct{ row, text, expression string }{
			{`{"resourceType":"Patient","firstName":"` + strings.Repeat("x", 129) + `","lastName":"L","email":"a@example.com"}`, "First name must be between 1 and 128 characters", "firstName"},
			{`{"resourceType":"Patient","firstName":1,"lastName":"L","email":"b@example.com"}`, "Expected string", "firstName"},
			{`{"resourceType":"Patient","firstName":"F","lastName":"L","email":"c@example.com","shoeSize":44}`, "Unknown field", "shoeSize"},
			{`{"resourceType":"Patient","firstName":"F","lastName":"L","email":"d@example.com","accessPolicy":{"reference":"AccessPolicy/` + theirs + `"}}`,
				"Access policy AccessPolicy/" + theirs + " does not exist", "accessPolicy"},
			{`{"resourceType":"RelatedPerson","firstName":"F","lastName":"L","email":"e@example.com","patient":{"reference":"Patient/` + patient + `"}}`,
				"Patient Patient/" + patient + " does not exist", "patient"},
			{`{"resourceType":"Patient","firstName":"F","lastName":"L","email":"f@example.com","password":"short"}`, "", "password"},
			{`{"resourceType":"Patient","firstName":"F","lastName":"L","email":"g@example.com","forceNewMembership":true}`, "", "forceNewMembership"},
			{`{"resourceType":"Patient","firstName":"F","lastName":"L","email":"there@example.com"}`, "User is already a member of this project", ""},
			{`{"resourceType":"Practitioner","firstName":"F","lastName":"L","email":"there@example.com","admin":true,"scope":"server"}`, "", "email"},
			{`{"resourceType":"Patient","firstName":"F\u0000","lastName":"L","email":"h@example.com"}`, "First name must be between 1 and 128 characters", "firstName"},
			{`{"resourceType":"Patient","firstName":"` + strings.Repeat("y", 70_000) + `"}`, "A row has at most 65536 bytes", ""},
			{`nonsense`, "Content could not be parsed: no object at line 1, column 1 (byte 0)", ""},
			{`{"resourceType":"Patient","firstName":"F","lastName":"Good","email":"good@example.com","sendEmail":false,"membership":{"active":false}}`, "", ""},
			{`{"resourceType":"Patient","firstName":"F","lastName":"L","email":"late@example.com","sendEmail":false,"membership":{"userConfiguration":7}}`, "", ""},
		}
		list := ""
		for _, row := range rows {
			list += row.row + "\n"
		}
		id := upload(admin, "application/x-ndjson", list).WantStatus(http.StatusCreated).Field("id")
		planned := report(t, admin, id)
		for i, row := range rows[:12] {
			got := planned[i+1]
			assert.Equal(t, "error", got.Action, "row %d: %v", i+1, got)
			assert.Equal(t, row.expression, got.Expression, "row %d: %v", i+1, got)
			if row.text != "" {
				assert.Equal(t, row.text, got.Error, "row %d", i+1)
			}
		}
		finished(t, admin, id, "apply")
		applied := report(t, admin, id)
		assert.Equal(t, "done", applied[13].State, "%v", applied[13])
		assert.Equal(t, "failed", applied[14].State, "what only the write finds is its row's alone: %v", applied[14])
		assert.NotEmpty(t, applied[14].Error)
		assert.Equal(t, "false", admin.GET("/fhir/R4/"+applied[13].Membership).Field("active"))
	})
}

func TestEachCellOfATableIsReadOrRefusedByItself(t *testing.T) {
	s := apptest.Start(t)
	admin := s.As(apptest.Admin)
	list := "resourceType,firstName,lastName,email\r\n" +
		"Patient,Mixed,Ends,a@example.com\n" +
		"Patient,\"Two\nlines\",L,b@example.com\r\n" +
		"Patient,F\x00,L,c@example.com\n" +
		"Patient," + strings.Repeat("x", 1<<20) + ",L,d@example.com\n" +
		"Patient,F,L\n" +
		"Patient,\"Quo\"\"ted\",\"L, M\",e@example.com"
	rows := report(t, admin, uploaded(admin, list))
	for line, want := range map[int]importRow{
		2: {Action: "create"},
		3: {Action: "error", Error: "A cell has no control characters", Expression: "firstName"},
		5: {Action: "error", Error: "A cell has no control characters", Expression: "firstName"},
		6: {Action: "error", Error: "A cell has at most 4096 characters", Expression: "firstName"},
		7: {Action: "error", Error: "The row has 3 cells where the header has 4"},
		8: {Action: "create"},
	} {
		got := rows[line]
		assert.Equal(t, []string{want.Action, want.Error, want.Expression}, []string{got.Action, got.Error, got.Expression}, "line %d", line)
	}
	assert.Len(t, rows, 6)
}

func TestAListInAnotherEncodingThatIsDeclaredIsRead(t *testing.T) {
	s := apptest.Start(t)
	admin := s.As(apptest.Admin)
	for name, list := range map[string]string{
		"text/csv; charset=windows-1252": "resourceType,firstName,lastName,email\nPatient,J\xfcrgen,X,j@example.com\n",
		"text/csv; charset=utf-16le":     utf16le("resourceType,firstName,lastName,email\nPatient,Jürgen,X,k@example.com\n"),
		"text/csv":                       "\xff\xfe" + utf16le("resourceType,firstName,lastName,email\nPatient,Jürgen,X,l@example.com\n"),
	} {
		id := upload(admin, name, list).WantStatus(http.StatusCreated).Field("id")
		body := string(admin.GET(importsOf(admin) + "/" + id + "/report").WantStatus(http.StatusOK).Body)
		assert.Contains(t, body, "Jürgen", name)
	}
}

func utf16le(text string) string {
	var out strings.Builder
	for _, r := range text {
		out.WriteByte(byte(r))
		out.WriteByte(byte(r >> 8))
	}
	return out.String()
}

func TestAListIsOfItsProjectAloneAndOfThoseWhoMayStillDoIt(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin, other := s.As(apptest.Admin), s.As(apptest.OtherAdmin)
		list := "resourceType,firstName,lastName,email,sendEmail\nPatient,A,B,a@example.com,false\n"
		id := uploaded(admin, list)
		kept, err := s.Store.Import(t.Context(), admin.Project, id)
		require.NoError(t, err)
		assert.NotEqual(t, fmt.Sprintf("%x", sha256.Sum256([]byte("text/csv"+list))), kept.Digest, "of use without the server's key")
		for _, path := range []string{importsOf(admin), importsOf(other)} {
			other.GET(path + "/" + id).WantStatus(http.StatusNotFound)
			other.GET(path + "/" + id + "/report").WantStatus(http.StatusNotFound)
			other.GET(path + "/" + id + "/events").WantStatus(http.StatusNotFound)
			other.POST(path+"/"+id+"/apply", "").WantStatus(http.StatusNotFound)
			other.POST(path+"/"+id+"/undo", "").WantStatus(http.StatusNotFound)
		}
		s.As(apptest.Practitioner).POST(importsOf(admin)+"/"+id+"/apply", "").WantStatus(http.StatusForbidden)
		admin.POST(importsOf(admin)+"/"+id+"/undo", "").WantStatus(http.StatusConflict)
		require.Contains(t, string(admin.GET(importsOf(admin)+"/"+id).WantStatus(http.StatusOK).Body), `"state":"checked"`)
	})
}

func TestAListNamesAtMostSoManyPolicies(t *testing.T) {
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		admin := s.As(apptest.Admin)
		var list strings.Builder
		list.WriteString("resourceType,firstName,lastName,email,accessPolicy\n")
		for i := range 501 {
			fmt.Fprintf(&list, "Practitioner,Al,Ice,p.%d@example.com,AccessPolicy/none-%d\n", i, i)
		}
		rows := report(t, admin, uploaded(admin, list.String()))
		assert.Equal(t, "Access policy AccessPolicy/none-499 does not exist", rows[501].Error)
		assert.Equal(t, "A list names at most 500 policies", rows[502].Error)
	})
}

// listOf is a list of n new people, without mails.
func listOf(n int, word string) string {
	var list strings.Builder
	list.WriteString("resourceType,firstName,lastName,email,sendEmail\n")
	for i := range n {
		fmt.Fprintf(&list, "Practitioner,Al,Ice,%s.%d@example.com,false\n", word, i)
	}
	return list.String()
}
