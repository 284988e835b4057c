package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// maxOperationParameters bounds the parameters of an operation.
const maxOperationParameters = 100

// input is what an operation is given (R4 operations.html#executing): the parameters of a query
// or of a Parameters resource, or of both.
type input struct {
	list []given
	// bare is a body that is a resource but no Parameters.
	bare *document.Node
}

// given is one parameter: the characters of a primitive, or an object.
type given struct {
	name, text string
	object     *document.Node
}

// operationInput reads what an operation is given; known are the parameters that it has. Any
// other is refused, as is one given twice.
func operationInput(c echo.Context, known ...string) (input, error) {
	var in input
	if err := in.readQuery(c.Request().URL.RawQuery); err != nil {
		return in, err
	}
	if c.Request().Method == http.MethodPost {
		body, err := web.ReadBody(c, web.MaxJSON)
		if err != nil {
			return in, err
		}
		if err := in.readBody(body); err != nil {
			return in, err
		}
	}
	if err := in.check(known); err != nil {
		return in, err
	}
	return in, negotiate(c.Request().Header, url.Values{"_format": {in.text("_format")}})
}

func (in *input) readQuery(raw string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return outcome.New(outcome.Invalid, "The query string cannot be read")
	}
	for name, values := range query {
		for _, value := range values {
			in.list = append(in.list, given{name: name, text: value})
		}
	}
	return nil
}

// readBody reads a Parameters resource or another; no body and an empty object say nothing.
func (in *input) readBody(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	doc, err := document.Parse(body)
	switch {
	case err != nil:
		return err
	case doc.Kind != document.Object:
		return outcome.New(outcome.Structure, "A Parameters resource is expected")
	case len(doc.Fields) == 0:
		return nil
	case doc.Text("resourceType") != "Parameters":
		in.bare = doc
		return nil
	}
	for _, p := range doc.Get("parameter").Values() {
		if err := in.readParameter(p); err != nil {
			return err
		}
	}
	return nil
}

// readParameter reads a Parameters.parameter. Its type is not compared: what a text means is for
// the operation to say, as in a query.
func (in *input) readParameter(p *document.Node) error {
	g := given{name: p.Text("name")}
	found := 0
	for i := range p.Fields {
		f := &p.Fields[i]
		if f.Name != "resource" && !strings.HasPrefix(f.Name, "value") {
			continue
		}
		found++
		if f.Value.Kind == document.Object {
			g.object = f.Value
		} else {
			g.text = f.Value.String()
		}
	}
	if g.name == "" || found != 1 {
		return outcome.New(outcome.Structure, "A parameter has a name and one value").At("Parameters.parameter")
	}
	in.list = append(in.list, g)
	return nil
}

// check refuses what the operation does not have.
func (in *input) check(known []string) error {
	if len(in.list) > maxOperationParameters {
		return outcome.New(outcome.TooCostly, "An operation takes at most %d parameters", maxOperationParameters)
	}
	seen := map[string]bool{}
	for _, g := range in.list {
		repeats := slices.Contains(known, g.name+repeated)
		switch {
		case g.name != "_format" && g.name != "_pretty" && !repeats && !slices.Contains(known, g.name):
			return outcome.New(outcome.Invalid, "Unknown parameter: %s", g.name)
		case seen[g.name] && !repeats:
			return outcome.New(outcome.Invalid, "The parameter %s is given twice", g.name)
		}
		seen[g.name] = true
	}
	return nil
}

// repeated marks a known parameter that may be given several times.
const repeated = "*"

// has says whether the parameter is given.
func (in *input) has(name string) bool {
	return slices.ContainsFunc(in.list, func(g given) bool { return g.name == name })
}

// text is the characters of a primitive, empty when it is not given.
func (in *input) text(name string) string {
	for _, g := range in.list {
		if g.name == name {
			return g.text
		}
	}
	return ""
}

// texts are those of a parameter that may be repeated.
func (in *input) texts(name string) []string {
	var out []string
	for _, g := range in.list {
		if g.name == name {
			out = append(out, g.text)
		}
	}
	return out
}

// object is a resource or complex value, nil when it is not given.
//
// Errors: outcome Structure when a primitive is given in its place.
func (in *input) object(name string) (*document.Node, error) {
	for _, g := range in.list {
		if g.name != name {
			continue
		}
		if g.object == nil {
			return nil, outcome.New(outcome.Structure, "The parameter %s is no text: POST it in a Parameters resource", name)
		}
		return g.object, nil
	}
	return nil, nil
}

// boolean is true or false; false when it is not given.
func (in *input) boolean(name string) (bool, error) {
	switch text := in.text(name); {
	case text == "true":
		return true, nil
	case text == "false", !in.has(name):
		return false, nil
	}
	return false, outcome.New(outcome.Invalid, "Invalid value of %s: true or false is wanted", name)
}

// number is a number from 0 to limit, as in a search.
func (in *input) number(name string, absent, limit int) (int, error) {
	query := url.Values{}
	if in.has(name) {
		query.Set(name, in.text(name))
	}
	return number(query, name, absent, limit)
}

// onlyParameters refuses a bare resource.
func (in *input) onlyParameters() error {
	if in.bare != nil {
		return outcome.New(outcome.Structure, "A Parameters resource is expected, not %s", in.bare.Text("resourceType"))
	}
	return nil
}
