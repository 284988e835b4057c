package repo

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

const typeSearchParameter = "SearchParameter"

// The bounds of what projects define.
const (
	maxExpression = 4000 // bytes
	maxParameters = 50   // of one type: every write of the type evaluates them
)

// paramCode is how a parameter is named: neither a modifier, a chain nor a parameter of every type
// can be spelled like it.
var paramCode = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)

// parametersIn are the search parameters that a SearchParameter defines: when it is active, one for
// each of its bases. A copy of R4's own definition defines nothing.
//
// Errors: outcome Invalid, Required, NotSupported, each at its element.
func parametersIn(doc *document.Node) ([]store.SearchParameter, error) {
	if doc.Text("status") != "active" {
		return nil, nil
	}
	var params []store.SearchParameter
	for i, base := range doc.Get("base").Values() {
		at := fmt.Sprintf("SearchParameter.base[%d]", i)
		switch own, err := isOwn(base.String(), doc, at); {
		case err != nil:
			return nil, err
		case !own:
			continue
		}
		params = append(params, store.SearchParameter{
			Type: base.String(), Code: doc.Text("code"), Kind: doc.Text("type"), Expression: doc.Text("expression"), Targets: texts(doc.Get("target")),
		})
	}
	if len(params) == 0 {
		return nil, nil
	}
	return params, checkParameter(doc)
}

// isOwn says whether the project defines the parameter, and not R4 itself.
func isOwn(base string, doc *document.Node, at string) (bool, error) {
	as := base
	if base == "Resource" || base == "DomainResource" {
		as = "Basic" // as good as any: their parameters are the same for all
	}
	switch known, ok := definitions.SearchParamOf(as, doc.Text("code")); {
	case ok && known.URL == doc.Text("url"):
		return false, nil
	case as != base || !definitions.IsResource(base):
		return false, outcome.New(outcome.NotSupported, "A search parameter of a project names the resource types that it is of, not %s", base).At(at)
	case ok:
		return false, outcome.New(outcome.Invalid, "%s has a search parameter %s already: %s", base, known.Code, known.URL).At("SearchParameter.code")
	}
	return true, nil
}

func checkParameter(doc *document.Node) error {
	code, expression := doc.Text("code"), doc.Text("expression")
	switch {
	case !paramCode.MatchString(code):
		return outcome.New(outcome.Invalid, "A search parameter cannot be named %s", code).At("SearchParameter.code")
	case expression == "":
		return outcome.New(outcome.Required, "A search parameter needs an expression").At("SearchParameter.expression")
	case len(expression) > maxExpression:
		return outcome.New(outcome.TooLong, "An expression has at most %d bytes", maxExpression).At("SearchParameter.expression")
	case !isRooted(expression):
		return outcome.New(outcome.NotSupported, "Each alternative of an expression is a path that begins with a resource type").At("SearchParameter.expression")
	}
	_, err := index.Compile(&definitions.SearchParam{Type: definitions.ParamType(doc.Text("type")), Expression: expression})
	switch {
	case errors.Is(err, index.ErrType):
		return outcome.New(outcome.NotSupported, "A project cannot define search parameters of type %s", doc.Text("type")).At("SearchParameter.type")
	case err != nil:
		return outcome.New(outcome.NotSupported, "The expression cannot be evaluated").At("SearchParameter.expression").Because("%v", err)
	}
	for i, target := range texts(doc.Get("target")) {
		if !definitions.IsResource(target) {
			return outcome.New(outcome.Invalid, "Unknown resource type").At(fmt.Sprintf("SearchParameter.target[%d]", i))
		}
	}
	return nil
}

func texts(n *document.Node) []string {
	var all []string
	for _, item := range n.Values() {
		all = append(all, item.String())
	}
	return all
}

// Of an expression what is left without its strings and the arguments of its functions must be
// paths from a resource type: a rule that hides fields is asked about exactly those paths, so
// nothing may be read in another way.
var (
	quoted    = regexp.MustCompile(`'(\\.|[^'\\])*'`)
	arguments = regexp.MustCompile(`([A-Za-z])\([^()]+\)`)
	rooted    = regexp.MustCompile(`^\(*([A-Z][A-Za-z]*)\.[A-Za-z]+(\(\))?((\.[A-Za-z]+(\(\))?|\[[0-9]+\])*)( as [A-Za-z.]+)?\)*((\.[A-Za-z]+(\(\))?|\[[0-9]+\])*)\)*$`)
	unbounded = regexp.MustCompile(`%|\b(children|descendants|repeat)\(`)
)

func isRooted(expression string) bool {
	bare := quoted.ReplaceAllString(expression, "''")
	if unbounded.MatchString(bare) {
		return false
	}
	for {
		less := arguments.ReplaceAllString(bare, "$1()")
		if less == bare {
			break
		}
		bare = less
	}
	for branch := range strings.SplitSeq(bare, "|") {
		match := rooted.FindStringSubmatch(strings.TrimSpace(branch))
		if match == nil || !definitions.IsResource(match[1]) {
			return false
		}
	}
	return true
}

// define makes what a SearchParameter defines valid: nothing when it is deleted (doc is nil). Every
// write from now on is indexed by it, and a task indexes what is there.
func (a *access) define(ctx context.Context, ref store.Ref, doc *document.Node) error {
	if ref.Project == store.SystemProject {
		return nil
	}
	var params []store.SearchParameter
	if doc != nil {
		var err error
		if params, err = parametersIn(doc); err != nil {
			return err
		}
	}
	changed, err := a.tx.DefineSearchParameters(ctx, ref.Project, ref.ID, params)
	switch {
	case errors.Is(err, store.ErrCodeTaken):
		return outcome.New(outcome.Conflict, "Another SearchParameter defines %s", doc.Text("code")).At("SearchParameter.code")
	case err != nil || len(changed) == 0:
		return err
	}
	if err := a.notTooMany(ctx, ref.Project); err != nil {
		return err
	}
	for _, g := range changed {
		task := store.Reindex{Project: ref.Project, ID: a.newID(), Type: g.Type, Generation: g.Generation}
		if err := a.repo.startReindex(ctx, a.tx, task); err != nil {
			return err
		}
	}
	return a.tx.Announce(ctx, typeSearchParameter, ref.Project)
}

func (a *access) notTooMany(ctx context.Context, project string) error {
	all, err := a.tx.IndexGenerations(ctx, project)
	for _, g := range all {
		if len(g.Parameters) > maxParameters {
			return outcome.New(outcome.BusinessRule, "A project may define at most %d search parameters of one type", maxParameters).At("SearchParameter.base")
		}
	}
	return err
}
