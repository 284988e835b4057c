package apptest

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// patients is how many there are to find one among.
const patients = 300

// workload is a server with people and patients, and the requests whose cost is looked at.
type workload struct {
	*Server
	*recorder
	db       storetest.DB
	admin    *Client
	staff    *Client
	program  *Client
	patients []string // ids
	next     atomic.Int64
}

// newWorkload starts a server that logs as one in production does.
func newWorkload(t testing.TB, db storetest.DB) *workload {
	t.Helper()
	w := &workload{recorder: &recorder{open: map[int64]*transaction{}}, db: db}
	w.Server = Start(t, On(db), Watched(w.watch), With("ADMIT_LOG_LEVEL=info", "ADMIT_LOGIN_RATE_LIMIT=100000", auditSetting()))
	w.admin, w.staff, w.program = w.As(Admin), w.As(Practitioner), w.As(Program)
	for range patients {
		w.patients = append(w.patients, w.staff.POST("/fhir/R4/Patient", w.patient("", true)).WantStatus(http.StatusCreated).Field("id"))
	}
	return w
}

// patient is the JSON of a patient of ordinary size. Each new one has a number of its own; one that
// has an id has that for a number, so that updates change nothing but active.
func (w *workload) patient(id string, active bool) string {
	number := id
	if id == "" {
		number = strconv.FormatInt(w.next.Add(1), 10)
	} else {
		id = fmt.Sprintf(`"id":%q,`, id)
	}
	return fmt.Sprintf(`{"resourceType":"Patient",%s"identifier":[{"system":"urn:mrn","value":"MRN-%[2]s"}],"active":%[3]t,`+
		`"name":[{"use":"official","family":"Example MRN-%[2]s Smith","given":["Eve","Maria"]}],"gender":"female","birthDate":"1980-02-03",`+
		`"telecom":[{"system":"phone","value":"+43 1 234"},{"system":"email","value":"eve@example.com"}],`+
		`"address":[{"line":["Street 1"],"city":"Vienna","postalCode":"1010","country":"AT"}]}`, id, number, active)
}

// operation is a kind of request. request gives the n-th one that the worker of this number sends.
type operation struct {
	name    string
	status  int
	request func(w *workload, worker, n int) []byte
}

// operations are those that the README speaks of. Each worker updates a patient of its own.
func operations() []operation {
	return []operation{
		{"read", http.StatusOK, func(w *workload, _, _ int) []byte {
			return w.staff.wire("GET", "/fhir/R4/Patient/"+w.patients[0], "", "")
		}},
		{"search", http.StatusOK, func(w *workload, _, _ int) []byte {
			return w.staff.wire("GET", "/fhir/R4/Patient?identifier=urn:mrn%7CMRN-100", "", "")
		}},
		{"create", http.StatusCreated, func(w *workload, _, _ int) []byte {
			return w.staff.wire("POST", "/fhir/R4/Patient", "application/fhir+json", w.patient("", true))
		}},
		{"update", http.StatusOK, func(w *workload, worker, n int) []byte {
			id := w.patients[1+worker]
			return w.staff.wire("PUT", "/fhir/R4/Patient/"+id, "application/fhir+json", w.patient(id, n%2 == 0))
		}},
		{"invite", http.StatusOK, func(w *workload, _, _ int) []byte {
			return w.admin.wire("POST", "/admin/projects/"+w.admin.Project+"/invite", "application/json", fmt.Sprintf(
				`{"resourceType":"Patient","firstName":"Homer","lastName":"Simpson","email":"bench-%d@example.com","sendEmail":false}`, w.next.Add(1)))
		}},
		{"client_credentials", http.StatusOK, func(w *workload, _, _ int) []byte {
			return w.anonymous().wire("POST", "/oauth2/token", "application/x-www-form-urlencoded", url.Values{
				"grant_type": {"client_credentials"}, "client_id": {w.program.ClientID}, "client_secret": {w.program.ClientSecret},
			}.Encode())
		}},
		{"introspect", http.StatusOK, func(w *workload, _, _ int) []byte {
			return w.anonymous().wire("POST", "/oauth2/introspect", "application/x-www-form-urlencoded", url.Values{
				"token": {w.staff.Token}, "client_id": {w.program.ClientID}, "client_secret": {w.program.ClientSecret},
			}.Encode())
		}},
	}
}

// wire is a request as its bytes.
func (c *Client) wire(method, path, contentType, body string) []byte {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, strings.TrimPrefix(c.base, "http://"))
	if token := c.header.Get("Authorization"); token != "" {
		fmt.Fprintf(&s, "Authorization: %s\r\n", token)
	}
	if body != "" {
		fmt.Fprintf(&s, "Content-Type: %s\r\nContent-Length: %d\r\n", contentType, len(body))
	}
	s.WriteString("\r\n" + body)
	return []byte(s.String())
}

// unwatched starts a second server on the workload's database: what is watched for its statements cannot
// be measured, since nothing stands between the store and the driver in production.
func (w *workload) unwatched(t testing.TB) *Server {
	t.Helper()
	return Start(t, On(w.db), With("ADMIT_LOG_LEVEL=info", "ADMIT_BASE_URL="+w.URL, auditSetting()))
}

// auditSetting is what the environment says of the audit trail of FHIR access: a server that writes none is
// compared with others that do not.
func auditSetting() string {
	return "ADMIT_AUDIT_FHIR=" + cmp.Or(os.Getenv("ADMIT_AUDIT_FHIR"), "writes")
}

// connection is a keep-alive client that does no more than HTTP asks of it, since it shares the
// machine with what is measured.
type connection struct {
	net.Conn
	answers *bufio.Reader
}

func connect(t testing.TB, to *Server) *connection {
	t.Helper()
	return connectTo(t, to.URL)
}

func connectTo(t testing.TB, address string) *connection {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(address, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &connection{conn, bufio.NewReader(conn)}
}

// ask sends a request and reads the whole answer.
func (c *connection) ask(request []byte, want int) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	status, length, err := c.head()
	if err != nil {
		return err
	}
	if status != want {
		text := make([]byte, length)
		_, err := io.ReadFull(c.answers, text)
		return fmt.Errorf("%d: %s %w", status, text, err)
	}
	_, err = c.answers.Discard(length)
	return err
}

// head reads what comes before the body. An answer in chunks has no length, and is an error here.
func (c *connection) head() (status, length int, err error) {
	length = -1
	for {
		line, err := c.answers.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		switch {
		case len(name) == 0 && length < 0:
			return 0, 0, errors.New("an answer without a Content-Length")
		case len(name) == 0:
			return status, length, nil
		case status == 0:
			status, err = strconv.Atoi(string(value[:min(3, len(value))]))
		case string(name) == "Content-Length:":
			length, err = strconv.Atoi(string(value))
		}
		if err != nil {
			return 0, 0, err
		}
	}
}

// parsed is a request as net/http hands it to the server's handler.
func parsed(t testing.TB, request []byte) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	require.NoError(t, err)
	r.RemoteAddr = "127.0.0.1:1"
	return r.WithContext(t.Context())
}

// handle has the server's handler answer, without a network.
func handle(by *Server, request *http.Request, want int) error {
	answer := httptest.NewRecorder()
	by.Handler.ServeHTTP(answer, request)
	if answer.Code != want {
		return fmt.Errorf("%d: %s", answer.Code, answer.Body)
	}
	return nil
}
