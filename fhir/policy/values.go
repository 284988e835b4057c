package policy

import (
	"strings"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
)

// values are what the parameters of a policy stand for.
type values struct {
	named map[string]string
	// unknown stands for every parameter that has no value, when a policy is only checked.
	unknown string
}

// values are the parameters that are always there and those of the membership. A name given twice
// would leave it to the order which one holds.
func (s Subject) values(parameters []medplum.Parameter) (values, error) {
	named := map[string]string{"profile": s.Profile.Reference, "patient": s.Profile.Reference}
	given := map[string]bool{}
	for _, p := range parameters {
		if given[p.Name] {
			return values{}, outcome.New(outcome.Invalid, "Parameter %s is given twice", p.Name)
		}
		given[p.Name] = true
		switch {
		case p.ValueReference != nil:
			named[p.Name] = p.ValueReference.Reference
		case p.ValueString != nil:
			named[p.Name] = *p.ValueString
		default:
			return values{}, outcome.New(outcome.Invalid, "Parameter %s has no value", p.Name)
		}
	}
	return values{named: named}, nil
}

// bind is the value of name, or with .id what follows its last slash.
func (v values) bind(name string) (string, error) {
	base, id := strings.CutSuffix(name, ".id")
	value := v.named[base]
	if value == "" {
		value = v.unknown
	}
	if value == "" {
		return "", outcome.New(outcome.Invalid, "Parameter %s has no value", base)
	}
	if id {
		value = value[strings.LastIndexByte(value, '/')+1:]
	}
	return value, nil
}

var _ search.Bind = values{}.bind

// reference is a reference whose text may be %name, or Type/%name.id.
func (v values) reference(r medplum.Reference) (medplum.Reference, error) {
	text, err := search.Expand(r.Reference, v.bind)
	if err != nil {
		return medplum.Reference{}, err
	}
	return medplum.Reference{Reference: text, Display: r.Display}, nil
}
