package profile

import (
	"context"
	"time"

	gofhir "github.com/gofhir/fhirpath"
	"github.com/gofhir/fhirpath/types"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/fhirpath"
)

// foreign is a constraint that our own engine does not know, as gofhir's evaluates it.
type foreign struct{ *gofhir.Expression }

// The bounds of gofhir's engine: the time of all its evaluations in one Check, and how many values a
// list may have.
const (
	evaluationTime = 200 * time.Millisecond
	evaluationSize = 10_000
)

// compile makes the rule's expression ready; false when neither engine understands it.
func (r *rule) compile() bool {
	own, err := fhirpath.Compile(r.Expression)
	if err == nil {
		r.own = own
		return true
	}
	if fhirpath.Foreign(r.Expression) != nil {
		return false
	}
	r.foreign.Expression, err = gofhir.Compile(r.Expression)
	return err == nil
}

// holds evaluates the rule; told is false when that cannot be done.
func (r *rule) holds(ctx context.Context, env *fhirpath.Env, v fhirpath.Value) (holds, told bool) {
	if r.own != nil {
		return r.own.Holds(env, v), true
	}
	if v.Node == nil || v.Node.Kind != document.Object {
		return true, false
	}
	result, err := r.foreign.EvaluateWithOptions(v.Node.Raw,
		gofhir.WithContext(ctx), gofhir.WithMaxCollectionSize(evaluationSize),
		gofhir.WithVariable("resource", types.Collection{types.NewObjectValue(env.Resource.Node.Raw)}),
		gofhir.WithVariable("rootResource", types.Collection{types.NewObjectValue(env.Root.Node.Raw)}))
	if err != nil {
		return true, false
	}
	if len(result) != 1 {
		return true, true
	}
	held, ok := result[0].(types.Boolean)
	return !ok || held.Bool(), true
}
