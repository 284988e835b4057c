package apptest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// dieAt is the header of the one request at whose n-th statement the server kills itself.
const dieAt = "Admit-Test-Die-At"

// TestInvitesKilledAtAStatementAreWholeOrNothing ends the process by SIGKILL right before the n-th
// statement of an invite, for one n after another, starts it again and looks at what is left.
func TestInvitesKilledAtAStatementAreWholeOrNothing(t *testing.T) {
	step := 9
	if os.Getenv("ADMIT_LONG_TESTS") == "1" {
		step = 1
	}
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		owner := registerOwner(t, db)
		rows := openSQL(t, db.URL)
		cutOff := ""
		for n := 1; ; n += step {
			server := startDying(t, db)
			if cutOff != "" {
				wantWhole(t, rows, cutOff, false)
				if status := server.invite(owner, cutOff, 0); status != http.StatusOK {
					t.Errorf("the retry of %s: %d", cutOff, status)
				}
				wantWhole(t, rows, cutOff, true)
			}
			cutOff = fmt.Sprintf("s%d@example.com", n)
			status := server.invite(owner, cutOff, n)
			if status == http.StatusOK { // the invite has fewer than n statements
				server.kill()
				break
			}
			if status != 0 {
				t.Fatalf("statement %d: %d instead of a broken connection", n, status)
			}
			server.kill()
			if n > 200 {
				t.Fatal("an invite has no end")
			}
		}
		wantWhole(t, rows, cutOff, true)
		wantNoOrphans(t, rows)
	})
}

func registerOwner(t *testing.T, db storetest.DB) session {
	t.Helper()
	server, err := newStillServer(t.Context(), db.URL, func(context.Context, string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go http.Serve(listener, server.Handler) // it ends with the listener
	return api{t, "http://" + listener.Addr().String() + "/"}.register("owner@clinic.example", "Clinic")
}

// dying is this test binary in a second process, as a server.
type dying struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
}

func startDying(t *testing.T, db storetest.DB) *dying {
	t.Helper()
	d := &dying{t: t, cmd: exec.Command(os.Args[0])}
	d.cmd.Env = append(os.Environ(), "ADMIT_TEST_DYING_ON="+db.URL)
	d.cmd.Stderr = os.Stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.kill)
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server does not start: %v", err)
	}
	d.url = "http://" + strings.TrimSpace(address) + "/"
	return d
}

func (d *dying) kill() {
	_ = d.cmd.Process.Kill() // dead already is the usual case
	_ = d.cmd.Wait()
}

// invite tells the status, or 0 when the connection broke. n is the statement to die at, 0 for none.
func (d *dying) invite(owner session, email string, n int) int {
	d.t.Helper()
	return d.post(owner, "admin/projects/"+owner.projectID()+"/invite",
		quote(`{"resourceType":"Practitioner","firstName":"K","lastName":"Illed","email":%q}`, email), email, n)
}

// post is invite for any route.
func (d *dying) post(by session, path, body, key string, n int) int {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.url+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+by.AccessToken)
	request.Header.Set("Idempotency-Key", key)
	request.Header.Set(dieAt, strconv.Itoa(n))
	response, err := new(http.Transport).RoundTrip(request)
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

// serveDying is what the second process does. It says where it listens.
func serveDying(databaseURL string) error {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	var left atomic.Int64
	server, err := newStillServer(context.Background(), databaseURL, func(context.Context, string) error {
		if left.Add(-1) == 0 {
			_ = self.Kill() // there is nobody left to tell
			select {}
		}
		return nil
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, err := strconv.ParseInt(r.Header.Get(dieAt), 10, 64); err == nil && n > 0 {
			left.Store(n)
		}
		server.Handler.ServeHTTP(w, r)
	}))
}
