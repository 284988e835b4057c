package oauth_test

import (
	"testing"

	"github.com/admitdev/admit/pkg/oauth"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// BenchmarkVerify is what a bearer token costs a request: its signature the first time, a look into
// the cache from then on.
func BenchmarkVerify(b *testing.B) {
	w := newWorld(b, storetest.SQLite(b))
	token := w.tokens().text("access_token")
	for name, verify := range map[string]func(string) error{"first": oauth.VerifyForTest(w.oauth), "again": oauth.AccessForTest(w.oauth)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := verify(token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
