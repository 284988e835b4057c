package apptest_test

import (
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// The most memory that a transaction as large as they may be takes, in megabytes. It was 420 resident on
// SQLite and 635 on PostgreSQL (322 and 538 of heap), with the defaults of Go.
const largeBundleMemory = 1024

// TestALargeTransactionTakesBoundedMemory has the largest transaction carried out by the real server
// and watches what it says of its memory meanwhile.
func TestALargeTransactionTakesBoundedMemory(t *testing.T) {
	if os.Getenv("ADMIT_LONG_TESTS") != "1" {
		return
	}
	note := strings.Repeat("x", 10_300)
	entry := quote(`{"request":{"method":"POST","url":"Patient"},"resource":{"resourceType":"Patient","name":[{"family":"Large","text":%q}]}}`, note)
	body := `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.TrimSuffix(strings.Repeat(entry+",", 5000), ",") + "]}"
	storetest.Each(t, func(t *testing.T, db storetest.DB) {
		p := startProcess(t, freeAddress(t), "ADMIT_DATABASE_URL="+db.URL)
		a := api{t, p.URL}
		owner := a.register("owner@clinic.example", "Clinic")
		began, done := time.Now(), make(chan struct{})
		var heap, resident float64
		go func() {
			defer close(done)
			got := a.do(call{Method: http.MethodPost, Path: "/fhir/R4", Token: owner.AccessToken, ContentType: "application/fhir+json", Body: body})
			got.wantStatus(t, http.StatusOK)
		}()
		for watching := true; watching; {
			select {
			case <-done:
				watching = false
			case <-time.After(50 * time.Millisecond):
			}
			metrics := string(a.do(call{Method: http.MethodGet, Path: "/metrics"}).Body)
			heap = max(heap, gauge(metrics, "go_memstats_heap_inuse_bytes"))
			resident = max(resident, gauge(metrics, "process_resident_memory_bytes"))
		}
		t.Logf("a transaction of %d MB: %.0f MB of heap and %.0f MB resident at most, %v", len(body)>>20, heap, resident, time.Since(began).Round(time.Millisecond))
		if resident > largeBundleMemory || resident == 0 {
			t.Errorf("%.0f MB resident", resident)
		}
		if total := a.countFamily(t, owner.AccessToken, "Large"); total != 5000 {
			t.Errorf("%d patients", total)
		}
	})
}

// gauge is a metric in megabytes.
func gauge(metrics, name string) float64 {
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(metrics)
	if found == nil {
		return 0
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		return 0
	}
	return value / (1 << 20)
}
