package apptest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/cmd/admit/apptest"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// provisioned is how many users BenchmarkSCIM lists, in bulks of the greatest size.
const (
	provisioned = 3_000
	inOneBulk   = 500
)

// BenchmarkSCIM lists and filters users as identity providers do, over HTTP; "ms/median" is what half of the
// requests take at most.
func BenchmarkSCIM(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		c := apptest.Start(b, apptest.On(db)).As(apptest.Admin)
		for n := 0; n < provisioned; n += inOneBulk {
			var operations []string
			for i := n; i < n+inOneBulk; i++ {
				members := fmt.Sprintf(`"userName":"user%[1]d@example.com","externalId":"x%[1]d","name":{"givenName":"Given%[2]d","familyName":"Family%[1]d"},"emails":[{"value":"user%[1]d@example.com","type":"work","primary":true}]`, i, i%100)
				operations = append(operations, fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"%d","data":%s}`, i, scimBody(scimUser, members)))
			}
			got := c.POST("/scim/v2/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[`+strings.Join(operations, ",")+`]}`).WantStatus(http.StatusOK)
			require.Equal(b, "201", got.Field("Operations.499.status"))
		}
		for _, tc := range []struct {
			name, path string
			want       int
		}{
			{"list", scimUsers + "?startIndex=1&count=100", 100}, {"list, from the middle", scimUsers + "?startIndex=1501&count=100", 100},
			{"userName eq", filtered(scimUsers, `userName eq "User2777@example.com"`), 1}, {"externalId eq", filtered(scimUsers, `externalId eq "x2777"`), 1},
			{"emails eq", filtered(scimUsers, `emails[type eq "work"].value eq "user2777@example.com"`), 1}, {"name.familyName sw", filtered(scimUsers, `name.familyName sw "family277"`), 11},
			{"nobody", filtered(scimUsers, `userName eq "nobody@example.com"`), 0}, {"by userName", scimUsers + "?sortBy=userName&count=100", 100},
			{"active, by id", filtered(scimUsers, `active eq true`) + "&sortBy=id&count=100", 100},
		} {
			b.Run(tc.name, func(b *testing.B) {
				var took []time.Duration
				for b.Loop() {
					begun := time.Now()
					got := c.GET(tc.path)
					took = append(took, time.Since(begun))
					require.Equal(b, fmt.Sprint(tc.want), got.Field("itemsPerPage"), "%.300s", got.Body)
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
			})
		}
	})
}
