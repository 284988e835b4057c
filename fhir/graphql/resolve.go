package graphql

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/search"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// statement counts what is asked of the store.
func (x *execution) statement() error {
	if x.searches++; x.searches > x.limits.Searches {
		return x.giveUp("Query needs too many searches (max %d)", x.limits.Searches)
	}
	return nil
}

// load makes an object of a resource.
func (x *execution) load(res store.Resource, up *object, key string, at int) (*object, error) {
	if err := x.loads(len(res.Content)); err != nil {
		return nil, err
	}
	doc, err := document.Parse(res.Content)
	if err != nil { // not %w: it is our damage, not the client's mistake
		return nil, fmt.Errorf("%s/%s is damaged: %v", res.Type, res.ID, err) //nolint:errorlint // see above
	}
	return &object{of: resourceType(res.Type), node: doc, up: up, key: key, at: at}, nil
}

// loads counts a resource of so many bytes.
func (x *execution) loads(bytes int) error {
	if x.resources++; x.resources > x.limits.Resources {
		return x.giveUp("Query loads too many resources (max %d)", x.limits.Resources)
	}
	if x.bytes += bytes; x.bytes > x.limits.Bytes {
		return x.giveUp("Query loads resources that are too large (max %d bytes)", x.limits.Bytes)
	}
	return nil
}

// read is Patient(id:).
func (x *execution) read(o *object, g group, meaning *field) error {
	if err := x.statement(); err != nil {
		return err
	}
	id := fmt.Sprint(g.fields[0].ArgumentMap(x.variables)["id"])
	res, err := x.session.Read(x.ctx, meaning.resource, id)
	if err != nil {
		o.set(g.key, null)
		return x.fail(o, g.key, g.fields[0], err)
	}
	child, err := x.load(res, o, g.key, -1)
	if err != nil {
		return err
	}
	o.set(g.key, value{object: child})
	return x.below([]*object{child}, g)
}

// connection is the result of a search with what is known about it (R4 graphql.html#searching).
type connection struct {
	request *search.Request
	count   int
	rows    []*object
	links   []search.Link
}

// searchesFor runs a search for each of the objects: the one at the top, or one for each resource
// that others point at.
func (x *execution) searchesFor(objects []*object, g group, meaning *field) error {
	var below []*object
	for _, o := range objects {
		found, err := x.search(o, g, meaning)
		if err != nil {
			o.set(g.key, null)
			if err := x.fail(o, g.key, g.fields[0], err); err != nil {
				return err
			}
			continue
		}
		if meaning.role == connectionRole {
			child := &object{of: meaning.of, connection: found, up: o, key: g.key, at: -1}
			o.set(g.key, value{object: child})
			below = append(below, child)
			continue
		}
		list := value{isList: true}
		for _, row := range found.rows {
			list.list = append(list.list, value{object: row})
		}
		o.set(g.key, list)
		below = append(below, found.rows...)
	}
	return x.below(below, g)
}

func (x *execution) search(o *object, g group, meaning *field) (*connection, error) {
	args := g.fields[0].ArgumentMap(x.variables)
	query, err := searchQuery(meaning.resource, args, o)
	if err != nil {
		return nil, err
	}
	language, err := x.session.Language(x.ctx, x.base)
	if err != nil {
		return nil, err
	}
	request, err := language.Parse([]string{meaning.resource}, query)
	if err != nil {
		return nil, err
	}
	found := &connection{request: request}
	if err := x.statement(); err != nil {
		return nil, err
	}
	rows, err := x.session.Search(x.ctx, request)
	core := x.core(meaning.resource, args, request)
	if err != nil && (core == nil || !outcome.Has(err, outcome.Forbidden)) {
		return nil, err
	}
	if meaning.role == connectionRole && selects(g, "count") {
		if err := x.statement(); err != nil {
			return nil, err
		}
		if found.count, err = x.session.Count(x.ctx, request); err != nil && (core == nil || !outcome.Has(err, outcome.Forbidden)) {
			return nil, err
		}
		found.count += len(core)
	}
	rows, found.links = request.Page(rows)
	for i, row := range rows {
		child, err := x.load(row.Resource, o, g.key, i)
		if err != nil {
			return nil, err
		}
		found.rows = append(found.rows, child)
	}
	for _, c := range core[:min(len(core), max(request.Count-len(rows), 0))] {
		doc := c.doc()
		if err := x.loads(doc.bytes); err != nil {
			return nil, err
		}
		found.rows = append(found.rows, &object{of: resourceType(c.ref.Type), node: doc.node, up: o, key: g.key, at: len(found.rows)})
	}
	return found, nil
}

// searchQuery spells the arguments of a search as its query string.
func searchQuery(resource string, args map[string]any, o *object) (string, error) {
	var query []string
	add := func(name, value string) { query = append(query, url.QueryEscape(name)+"="+url.QueryEscape(value)) }
	for name, given := range args {
		if given == nil {
			continue
		}
		text := spelled(given)
		switch name {
		case "_reference":
			id := o.node.Text("id")
			if id == "" { // hidden: nothing can be found by it
				return "", outcome.New(outcome.NotFound, "")
			}
			add(toCode(text), o.node.Text("resourceType")+"/"+id)
		case "_filter":
			if code, value, ok := simpleFilter(resource, text); ok {
				add(code, value)
			} else {
				add(name, text)
			}
		default:
			add(toCode(name), text)
		}
	}
	slices.Sort(query)
	return strings.Join(query, "&"), nil
}

// simpleFilter is a filter that is a single comparison, "name eq Patient", as a search parameter.
func simpleFilter(resource, filter string) (code, value string, ok bool) {
	parts := strings.SplitN(strings.TrimSpace(filter), " ", 3)
	if len(parts) != 3 || parts[1] != "eq" || strings.ContainsAny(parts[2], ` ()`) {
		return "", "", false
	}
	param, known := definitions.SearchParamOf(resource, parts[0])
	if !known {
		return "", "", false
	}
	value = strings.Trim(parts[2], `"`)
	if param.Type == definitions.String {
		return param.Code + ":exact", value, true
	}
	return param.Code, value, true
}

func spelled(v any) string {
	if f, ok := v.(float64); ok {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// reference is a literal reference to a resource of this server.
type reference struct{ resourceType, id string }

// follow resolves references, those of one type in one statement.
func (x *execution) follow(objects []*object, g group) error {
	args := g.fields[0].ArgumentMap(x.variables)
	optional, _ := args["optional"].(bool)
	only, _ := args["type"].(string)
	targets := make([]reference, len(objects))
	wanted := map[string][]string{}
	for i, o := range objects {
		targets[i] = x.target(o)
		_, known := x.loaded[targets[i]]
		if t := targets[i]; t.id != "" && !known && (only == "" || only == t.resourceType) {
			x.loaded[t] = nil
			wanted[t.resourceType] = append(wanted[t.resourceType], t.id)
		}
	}
	if err := x.loadMany(wanted); err != nil {
		return err
	}
	var below []*object
	for i, o := range objects {
		found := x.loaded[targets[i]]
		switch {
		case only != "" && targets[i].resourceType != only:
			o.set(g.key, null)
		case found != nil:
			child := &object{of: found.of, node: found.node, up: o, key: g.key, at: -1}
			o.set(g.key, value{object: child})
			below = append(below, child)
		default:
			o.set(g.key, null)
			if optional || targets[i].id == "" && o.node.Text("reference") == "" {
				continue
			}
			if err := x.fail(o, g.key, g.fields[0], outcome.New(outcome.NotFound, "")); err != nil {
				return err
			}
		}
	}
	return x.below(below, g)
}

// target is what a Reference leads to on this server.
func (x *execution) target(o *object) reference {
	literal := strings.TrimPrefix(o.node.Text("reference"), x.base)
	literal, _, _ = strings.Cut(literal, "/_history/")
	resourceType, id := medplum.Reference{Reference: literal}.Split()
	if !definitions.IsResource(resourceType) {
		return reference{}
	}
	return reference{resourceType, id}
}

// loadMany loads what the caller may read; the rest stays as if it were not there.
func (x *execution) loadMany(wanted map[string][]string) error {
	types := make([]string, 0, len(wanted))
	for resourceType := range wanted {
		types = append(types, resourceType)
	}
	slices.Sort(types)
	for _, resourceType := range types {
		if err := x.statement(); err != nil {
			return err
		}
		found, err := x.session.ReadMany(x.ctx, resourceType, wanted[resourceType])
		if outcome.Has(err, outcome.Forbidden) {
			continue
		}
		if err != nil {
			return err
		}
		for id, res := range found {
			if x.loaded[reference{resourceType, id}], err = x.load(res, nil, "", -1); err != nil {
				return err
			}
		}
	}
	return nil
}

// summaries are the fields of connections and their edges.
func (x *execution) summaries(objects []*object, g group) error {
	var below []*object
	for _, o := range objects {
		v := null
		switch c := o.connection; g.fields[0].Name {
		case "count":
			v = value{raw: strconv.AppendInt(nil, int64(c.count), 10)}
		case "offset":
			v = value{raw: strconv.AppendInt(nil, int64(c.request.Offset), 10)}
		case "pageSize":
			v = value{raw: strconv.AppendInt(nil, int64(c.request.Count), 10)}
		case "first", "previous", "next", "last":
			for _, link := range c.links {
				if link.Relation == g.fields[0].Name {
					v = text(link.URL)
				}
			}
		case "edges":
			v = value{isList: true}
			edge := x.schema.field(o.of, "edges").of
			for i, row := range c.rows {
				child := &object{of: edge, node: row.node, up: o, key: g.key, at: i}
				v.list = append(v.list, value{object: child})
				below = append(below, child)
			}
		case "mode":
			v = text("match")
		case "resource":
			child := &object{of: resourceType(o.of.resource), node: o.node, up: o, key: g.key, at: -1}
			v = value{object: child}
			below = append(below, child)
		}
		o.set(g.key, v)
	}
	return x.below(below, g)
}
