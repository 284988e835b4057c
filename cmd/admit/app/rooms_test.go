package app_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/admitdev/admit/"

// source is one Go file of the project.
type source struct {
	name    string // path from the root
	room    string // directory from the root
	test    bool
	syntax  *ast.File
	imports []string // ours without the module's name
}

// sources parses every Go file of the project.
func sources(t *testing.T) []source {
	t.Helper()
	root, err := filepath.Abs("../../..")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(root, "go.mod"))
	var all []source
	err = fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && name != "." || entry.Name() == "testdata" || entry.Name() == "node_modules") {
			return fs.SkipDir
		}
		if entry.IsDir() || path.Ext(name) != ".go" {
			return nil
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		file := source{name: name, room: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), syntax: syntax}
		for _, spec := range syntax.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			file.imports = append(file.imports, strings.TrimPrefix(imported, module))
		}
		all = append(all, file)
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

// under says whether room is one of dirs or lies in one.
func under(room string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return room == dir || strings.HasPrefix(room, dir+"/") })
}

// The rooms, and what each may import of ours. A room not named here fails the test: whoever
// makes one decides where it stands.
var (
	vocabulary = []string{"fhir/r4", "fhir/medplum"}
	pure       = []string{"fhir/document", "fhir/definitions", "fhir/fhirpath", "fhir/index", "fhir/validate", "fhir/search", "fhir/policy", "fhir/terminology", "fhir/profile", "fhir/ucum"}
	// helpersOfTests start things for tests and are imported by tests alone.
	helpersOfTests = []string{"cmd/admit/apptest", "pkg/admittest", "pkg/store/storetest", "fhir/repo/repotest"}
)

func mayImport(room string) []string {
	switch {
	case under(room, vocabulary...):
		return nil
	case under(room, "migrations"):
		return nil
	case under(room, "pkg/admittest"): // the whole server for others' tests; it stands in pkg for them to find it
		return []string{"pkg", "fhir", "admin", "cmd/admit/app"}
	case under(room, "pkg"):
		return append([]string{"pkg", "migrations"}, vocabulary...)
	case under(room, pure...):
		return append(append([]string{"pkg/outcome", "pkg/store"}, pure...), vocabulary...)
	case under(room, "fhir/caller"):
		return append(append([]string{"pkg", "fhir/caller"}, pure...), vocabulary...)
	case under(room, "fhir/repo"):
		return append(append([]string{"pkg", "fhir/caller", "fhir/repo"}, pure...), vocabulary...)
	case under(room, "fhir"):
		return []string{"pkg", "fhir"}
	case under(room, "admin"):
		return []string{"pkg", "fhir", "admin"}
	case under(room, "cmd"):
		return []string{"pkg", "fhir", "admin", "cmd", "migrations"}
	}
	return nil
}

func TestArrowsGoDown(t *testing.T) {
	for _, file := range sources(t) {
		if file.test { // tests may start a whole server around the room they test
			continue
		}
		for _, imported := range file.imports {
			ours := under(imported, "cmd", "admin", "fhir", "pkg", "migrations")
			if ours && !under(imported, mayImport(file.room)...) {
				t.Errorf("%s must not import %s", file.name, imported)
			}
			if ours && under(imported, helpersOfTests...) && !under(file.room, helpersOfTests...) {
				t.Errorf("%s imports %s, which is for tests alone", file.name, imported)
			}
		}
	}
}

func TestLibrariesStayInTheirRooms(t *testing.T) {
	for _, rule := range []struct {
		library string
		rooms   []string
	}{
		{"gorm.io", []string{"pkg/store"}},
		{"github.com/jackc/pgx", []string{"pkg/store"}},
		{"modernc.org/sqlite", []string{"pkg/store"}},
		{"github.com/pressly/goose", []string{"pkg/store"}},
		{"github.com/riverqueue", []string{"pkg/jobs", "pkg/store"}},
		{"github.com/labstack/echo", []string{"pkg/web", "pkg/oauth", "fhir/caller", "fhir/rest", "admin/api", "admin/signin", "admin/pages", "admin/authing", "admin/icure", "admin/scim", "cmd"}},
		{"github.com/elimity-com/scim", []string{"admin/scim"}},
		{"github.com/lestrrat-go/jwx", []string{"pkg/oauth"}},
		{"github.com/google/uuid", []string{"pkg/clock", "pkg/secret", "pkg/store", "pkg/mail"}}, // the last two only read them
		{"math/rand", []string{"pkg/store"}},                                                     // jitter between retries
		{"crypto/rand", []string{"pkg/secret", "pkg/oauth"}},                                     // keys that sign tokens
		{"github.com/alexedwards/argon2id", []string{"pkg/secret"}},
		{"golang.org/x/crypto", []string{"pkg/secret"}},
		{"github.com/wneessen/go-mail", []string{"pkg/mail"}},
	} {
		for _, file := range sources(t) {
			for _, imported := range file.imports {
				if !file.test && under(imported, rule.library) && !under(file.room, rule.rooms...) {
					t.Errorf("%s imports %s, which stays in %v", file.name, imported, rule.rooms)
				}
			}
		}
	}
}

func TestPureRoomsDoNoInputOrOutput(t *testing.T) {
	for _, file := range sources(t) {
		if file.test || !under(file.room, append(pure, vocabulary...)...) || under(file.room, "fhir/definitions/gen") {
			continue
		}
		for _, imported := range file.imports {
			if imported == "context" && file.room == "fhir/profile" {
				continue // by whose deadline it stops the other FHIRPath engine
			}
			if under(imported, "os", "net", "database/sql", "log", "context") && !under(imported, "net/url", "net/mail", "net/netip") {
				t.Errorf("%s imports %s, but its room does no I/O", file.name, imported)
			}
		}
	}
}

func TestTimeComesFromTheClock(t *testing.T) {
	for _, file := range sources(t) {
		if file.test || under(file.room, "pkg/clock", "pkg/secret") || under(file.room, helpersOfTests...) {
			continue
		}
		ast.Inspect(file.syntax, func(node ast.Node) bool {
			call, ok := node.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			of, ok := call.X.(*ast.Ident)
			if ok && of.Name == "time" && slices.Contains([]string{"Now", "Since", "Until"}, call.Sel.Name) {
				t.Errorf("%s uses time.%s", file.name, call.Sel.Name)
			}
			return true
		})
	}
}

func TestNoTestIsSkipped(t *testing.T) {
	for _, file := range sources(t) {
		ast.Inspect(file.syntax, func(node ast.Node) bool {
			call, ok := node.(*ast.SelectorExpr)
			if ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, call.Sel.Name) && (file.test || under(file.room, helpersOfTests...)) {
				t.Errorf("%s skips a test", file.name)
			}
			return true
		})
	}
}

func TestEveryPackageSaysWhatItDecides(t *testing.T) {
	documented := map[string]bool{}
	for _, file := range sources(t) {
		if !file.test {
			documented[file.room] = documented[file.room] || file.syntax.Doc != nil
		}
	}
	for room, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", room)
		}
	}
}
