package apptest

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"

	"github.com/admitdev/admit/pkg/store/storetest"
)

// BenchmarkGrowth is BenchmarkServed for the FHIR engine, over as many resources as
// ADMIT_BENCH_RESOURCES names, one number after another: "10000 100000 1000000".
func BenchmarkGrowth(b *testing.B) {
	storetest.Each(b, func(b *testing.B, db storetest.DB) {
		w := newWorkload(b, db)
		g := newGrowth(b, w)
		for _, size := range sizes(b) {
			g.grow(b, size)
			for _, op := range g.operations() {
				name := fmt.Sprintf("%d/%s", size, op.name)
				b.Run(name+"/handler", func(b *testing.B) { compare(b, w, op, alone, (*worker).handled) })
				l := g.load(op)
				b.Run(fmt.Sprintf("%s/clients=%d", name, l.clients), func(b *testing.B) { compare(b, w, op, l, (*worker).request) })
			}
		}
	})
}

func sizes(b *testing.B) (all []int) {
	b.Helper()
	for _, one := range strings.Fields(cmp.Or(os.Getenv("ADMIT_BENCH_RESOURCES"), "3000")) {
		n, err := strconv.Atoi(one)
		require.NoError(b, err, "ADMIT_BENCH_RESOURCES is numbers with spaces between them")
		all = append(all, n)
	}
	return all
}

// growth multiplies what a workload has made. A copy has the ids of its original but for their
// first digits, which are those that all originals share, and identifiers of its own.
type growth struct {
	*workload
	sql       *sql.DB
	charts    []string // ids of patients that have observations
	originals int
	copies    int // made so far
}

// perChart is how many observations a patient has.
const perChart = 19

// idDigits is how many first digits of an id tell copies from one another. Ids begin with their
// time, which changes these once in two years.
const idDigits = 3

func newGrowth(b *testing.B, w *workload) *growth {
	b.Helper()
	driver, source := "pgx", w.db.URL
	if w.db.Name == "sqlite" {
		driver, source = "sqlite", strings.TrimPrefix(w.db.URL, "sqlite:")+"?_busy_timeout=60000"
	}
	db, err := sql.Open(driver, source)
	require.NoError(b, err)
	b.Cleanup(func() { _ = db.Close() })
	g := &growth{workload: w, sql: db}
	for range 50 {
		answer := w.staff.POST("/fhir/R4", g.chart()).WantStatus(http.StatusOK)
		_, id, _ := strings.Cut(answer.Field("entry.0.response.location"), "Patient/")
		g.charts = append(g.charts, id[:36])
	}
	g.originals = len(w.patients) + len(g.charts)*(perChart+1)
	_, err = db.ExecContext(b.Context(), "CREATE TABLE original AS SELECT id FROM resource WHERE type IN ('Patient', 'Observation') AND id LIKE '"+g.prefix()+"%'")
	require.NoError(b, err)
	return g
}

// load is 32 clients; of bundles 8 send one each, since it is many requests.
func (g *growth) load(op operation) load {
	if strings.Contains(op.name, " of ") {
		return load{8, 1, 2}
	}
	return together(32)
}

// chart is a transaction with a patient and observations of hers.
func (g *growth) chart() string {
	const patient = "urn:uuid:6a5b8f5c-0000-4000-8000-000000000001"
	entry := func(resourceType, fullURL, resource string) string {
		return fmt.Sprintf(`{"fullUrl":%q,"resource":%s,"request":{"method":"POST","url":%q}}`, fullURL, resource, resourceType)
	}
	entries := []string{entry("Patient", patient, g.patient("", true))}
	for n := range perChart {
		observation := fmt.Sprintf(`{"resourceType":"Observation","status":"final","category":[{"coding":[{"system":`+
			`"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],`+
			`"code":{"coding":[{"system":"http://loinc.org","code":"8867-%d"}],"text":"Heart rate"},"subject":{"reference":%q},`+
			`"effectiveDateTime":"2026-03-%02dT08:%02d:00Z","valueQuantity":{"value":%d.5,"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}`,
			n%5, patient, 1+n, n, 60+n)
		entries = append(entries, entry("Observation", fmt.Sprintf("urn:uuid:6a5b8f5c-0000-4000-8000-0000000001%02d", n), observation))
	}
	return bundle("transaction", entries)
}

func bundle(kind string, entries []string) string {
	return fmt.Sprintf(`{"resourceType":"Bundle","type":%q,"entry":[%s]}`, kind, strings.Join(entries, ","))
}

func (g *growth) prefix() string { return g.charts[0][:idDigits] }

// grow makes copies until there are about size resources, those that benchmarks have made counting.
func (g *growth) grow(b *testing.B, size int) {
	b.Helper()
	var there int
	require.NoError(b, g.sql.QueryRowContext(b.Context(), "SELECT count(*) FROM resource").Scan(&there))
	if more := (size - there) / g.originals; more > 0 {
		require.NoError(b, g.multiply(g.copies, g.copies+more))
		g.copies += more
	}
	if g.db.Name == "postgres" {
		_, err := g.sql.ExecContext(b.Context(), "VACUUM ANALYZE")
		require.NoError(b, err)
	}
}

// multiply makes the copies from one number to another, table by table.
func (g *growth) multiply(from, to int) error {
	prefix := g.prefix()
	numbers := fmt.Sprintf(`(WITH RECURSIVE n(k) AS (SELECT %d UNION ALL SELECT k + 1 FROM n WHERE k < %d) SELECT %s AS digits FROM n)`,
		from, to-1, map[string]string{"postgres": "lpad(to_hex(k), 3, '0')", "sqlite": "printf('%03x', k)"}[g.db.Name])
	for _, table := range []string{"resource", "token_index", "reference_index", "string_index", "date_index", "quantity_index", "uri_index"} {
		columns, err := g.columns(table)
		if err != nil {
			return err
		}
		values := make([]string, len(columns))
		for i, column := range columns {
			values[i] = column
			switch column {
			case "id", "target_id":
				values[i] = fmt.Sprintf("CASE WHEN %s LIKE '%s%%' THEN digits || substr(%[1]s, %[3]d) ELSE %[1]s END", column, prefix, idDigits+1)
			case "content", "meta":
				values[i] = fmt.Sprintf(`replace(replace(replace(%s, '"id":"%s', '"id":"' || digits), 'Patient/%[2]s', 'Patient/' || digits), 'MRN-', digits || '-MRN-')`, column, prefix)
			case "code", "folded", "exact":
				values[i] = fmt.Sprintf("replace(replace(%s, 'MRN-', digits || '-MRN-'), 'mrn-', digits || '-mrn-')", column)
			}
		}
		_, err = g.sql.Exec(fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s CROSS JOIN %s c WHERE type IN ('Patient', 'Observation') AND id IN (SELECT id FROM original) AND digits <> '%s'",
			table, strings.Join(columns, ", "), strings.Join(values, ", "), table, numbers, prefix))
		if err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	return nil
}

func (g *growth) columns(table string) ([]string, error) {
	rows, err := g.sql.Query("SELECT * FROM " + table + " LIMIT 0")
	if err != nil {
		return nil, err
	}
	columns, err := rows.Columns()
	return columns, errors.Join(err, rows.Err(), rows.Close())
}

// operations are those of BenchmarkServed that grow with the data, and the engine's own.
func (g *growth) operations() []operation {
	get := func(name, format string, each func(w *workload, n int) []any) operation {
		return operation{name, http.StatusOK, func(w *workload, worker, n int) []byte {
			return w.staff.wire("GET", "/fhir/R4/"+fmt.Sprintf(format, each(w, worker+n)...), "", "")
		}}
	}
	chart := func(_ *workload, n int) []any { return []any{g.charts[n%len(g.charts)]} }
	number := func(_ *workload, n int) []any { return []any{n%patients + 1} }
	post := func(name string, body func() string) operation {
		return operation{name, http.StatusOK, func(w *workload, _, _ int) []byte {
			return w.staff.wire("POST", "/fhir/R4", "application/fhir+json", body())
		}}
	}
	served := slices.DeleteFunc(operations(), func(op operation) bool { return op.name != "create" && op.name != "update" })
	return append([]operation{
		get("read", "Patient/%s", chart),
		get("token", "Patient?identifier=urn:mrn%%7CMRN-%d", number),
		get("string", "Patient?family=example%%20mrn-%d%%20smith", number),
		get("timeline", "Observation?subject=Patient/%s&_sort=-date&_count=20", chart),
		get("chain", "Observation?subject:Patient.identifier=urn:mrn%%7CMRN-%d&_count=20", func(_ *workload, n int) []any { return []any{patients + 1 + n%50} }),
		get("include", "Observation?subject=Patient/%s&_include=Observation:subject&_count=20", chart),
	}, append(served,
		post("transaction of 20", g.chart),
		post("batch of 100", func() string {
			entries := make([]string, 100)
			for i := range entries {
				entries[i] = fmt.Sprintf(`{"resource":%s,"request":{"method":"POST","url":"Patient"}}`, g.patient("", true))
			}
			return bundle("batch", entries)
		}))...)
}
