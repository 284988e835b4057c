package admin_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/clock"
	"github.com/admitdev/admit/pkg/store"
	"github.com/admitdev/admit/pkg/store/storetest"
)

// batchRows is how many people an import makes in one transaction.
const batchRows = 200

// BenchmarkImport compares the import of ADMIT_IMPORT_ROWS people (200 unless it is set), from the
// list to the last row, with the very statements of one of its batches, given to the driver by
// themselves as often: "ratio" is ours by that.
func BenchmarkImport(b *testing.B) {
	rows := batchRows
	if given := os.Getenv("ADMIT_IMPORT_ROWS"); given != "" {
		n, err := strconv.Atoi(given)
		require.NoError(b, err)
		rows = max(n/batchRows, 1) * batchRows
	}
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		tape := &tape{}
		c := newClinic(b, storetest.OpenWith(b, db, store.Options{Wrap: tape.wrap})).open(b)
		c.importList(b, c.uploadList(b, batchRows, "warm"))
		recorded := c.uploadList(b, batchRows, "recorded")
		tape.since, tape.running = clock.System{}.NewID(), true
		c.importList(b, recorded)
		tape.running = false
		direct := openDirectly(b, db)
		var ours, bare time.Duration
		n := 0
		for ; b.Loop(); n++ {
			begun := time.Now()
			in := c.uploadList(b, rows, fmt.Sprintf("ours%d", n))
			uploaded := time.Since(begun)
			c.importList(b, in)
			ours += time.Since(begun)
			b.ReportMetric(uploaded.Seconds(), "s/upload")
			for batch := range rows / batchRows {
				again := tape.again("recorded.", fmt.Sprintf("bare%d.%d.", n, batch))
				begun := time.Now()
				play(b, direct, again)
				bare += time.Since(begun)
			}
		}
		b.ReportMetric(float64(rows*n)/ours.Seconds(), "invites/s")
		b.ReportMetric(float64(ours)/float64(bare), "ratio")
		b.ReportMetric(float64(len(tape.statements))/batchRows, "statements/invite")
	})
}

func (c *clinic) uploadList(t testing.TB, n int, word string) admin.Import {
	t.Helper()
	var list strings.Builder
	list.WriteString("resourceType,firstName,lastName,email,sendEmail\n")
	for i := range n {
		fmt.Fprintf(&list, "Practitioner,Al,Ice,%s.%d@example.com,false\n", word, i)
	}
	in, _, err := c.UploadImport(t.Context(), c.ada, c.project, admin.TypeCSV, strings.NewReader(list.String()))
	require.NoError(t, err)
	return in
}

func (c *clinic) importList(t testing.TB, in admin.Import) {
	t.Helper()
	_, err := c.ApplyImport(t.Context(), c.ada, c.project, in.ID)
	require.NoError(t, err)
	require.NoError(t, c.RunImport(t.Context(), admin.ImportJob{Project: c.project, ID: in.ID}))
	done, err := c.ReadImport(t.Context(), c.ada, c.project, in.ID)
	require.NoError(t, err)
	require.Equal(t, in.Total, done.Done)
}
