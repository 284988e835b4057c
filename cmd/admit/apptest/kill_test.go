package apptest_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// TestKilledInvitesAreWholeOrNothing kills the server with SIGKILL while invites run, starts it
// again and looks at what each left: all of it or nothing. A retry completes what was cut off, and
// what had been acknowledged is still there.
func TestKilledInvitesAreWholeOrNothing(t *testing.T) {
	kills := 5
	if os.Getenv("ADMIT_LONG_TESTS") == "1" {
		kills = 100
	}
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		address := freeAddress(t)
		start := func() *process { return startProcess(t, address, "ADMIT_DATABASE_URL="+db.URL) }
		p := start()
		rows := openSQL(t, db.URL)
		owner := api{t, p.URL}.register("owner@clinic.example", "Clinic")
		k := &killing{t: t, url: p.URL, owner: owner}
		cutOff := 0
		for round := range kills {
			invited := k.invitesUntilKilled(p, round)
			p = start()
			for email, acknowledged := range invited {
				wantWhole(t, rows, email, acknowledged)
				if !acknowledged {
					cutOff++
					if status := k.invite(email); status != http.StatusOK && status != http.StatusConflict {
						t.Errorf("the retry for %s: %d", email, status)
					}
					wantWhole(t, rows, email, true)
				}
			}
			wantNoOrphans(t, rows)
		}
		if cutOff == 0 {
			t.Error("no kill hit an invite, so nothing is proven")
		}
		t.Logf("%d kills cut off %d invites", kills, cutOff)
	})
}

type killing struct {
	t     *testing.T
	url   string
	owner session
}

// invitesUntilKilled lets four callers invite one address after another and kills the server at a
// moment that nobody chose. It tells which addresses were acknowledged.
func (k *killing) invitesUntilKilled(p *process, round int) map[string]bool {
	var mu sync.Mutex
	var callers sync.WaitGroup
	acknowledged := map[string]bool{}
	begun := make(chan struct{})
	var once sync.Once
	for caller := range 4 {
		callers.Go(func() {
			for n := 0; ; n++ {
				email := fmt.Sprintf("k%d.%d.%d@example.com", round, caller, n)
				mu.Lock()
				acknowledged[email] = false
				mu.Unlock()
				once.Do(func() { close(begun) })
				if k.invite(email) != http.StatusOK {
					return
				}
				mu.Lock()
				acknowledged[email] = true
				mu.Unlock()
			}
		})
	}
	<-begun
	<-time.After(time.Duration(rand.IntN(120_000)) * time.Microsecond) // the point is that it is any moment
	p.Kill()
	callers.Wait()
	return acknowledged
}

// invite tells the status, or 0 when the connection broke. The same key each time makes it a retry.
func (k *killing) invite(email string) int {
	body := quote(`{"resourceType":"Practitioner","firstName":"K","lastName":"Illed","email":%q}`, email)
	request, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost,
		k.url+"admin/projects/"+k.owner.projectID()+"/invite", bytes.NewBufferString(body))
	if err != nil {
		k.t.Error(err)
		return 0
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+k.owner.AccessToken)
	request.Header.Set("Idempotency-Key", email)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}
