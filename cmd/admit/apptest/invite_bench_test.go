package apptest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// BenchmarkServedInvite has clients invite at the same time, each somebody else with a mail, over HTTP and
// to a whole server. It reports how many invites are answered in a second, all clients together, and how
// many of them were refused.
func BenchmarkServedInvite(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		s := apptest.Start(b, apptest.On(db))
		admin := s.As(apptest.Admin)
		var number, refused atomic.Int64
		invite := func(h *http.Client) error {
			request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, s.URL+"/admin/projects/"+admin.Project+"/invite", strings.NewReader(
				fmt.Sprintf(`{"resourceType":"Practitioner","firstName":"In","lastName":"Vited","email":"i%d@example.com"}`, number.Add(1))))
			if err != nil {
				return err
			}
			request.Header.Set("Authorization", "Bearer "+admin.Token)
			request.Header.Set("Content-Type", "application/json")
			response, err := h.Do(request)
			if err != nil {
				return err
			}
			if response.StatusCode != http.StatusOK {
				refused.Add(1)
			}
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			return err
		}
		for _, clients := range []int{1, 8, 32} {
			b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
				h := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
				done, before := 0, refused.Load()
				begun := time.Now()
				for b.Loop() {
					var running sync.WaitGroup
					errs := make([]error, clients)
					for i := range clients {
						running.Go(func() { errs[i] = invite(h) })
					}
					running.Wait()
					for _, err := range errs {
						require.NoError(b, err)
					}
					done += clients
				}
				b.ReportMetric(float64(done)/time.Since(begun).Seconds(), "invites/s")
				b.ReportMetric(float64(refused.Load()-before), "refused")
				require.Zero(b, refused.Load()-before)
			})
		}
	})
}
