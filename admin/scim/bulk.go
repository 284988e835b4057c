package scim

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/outcome"
)

// maxBulk is how many operations a bulk request may have.
const maxBulk = 500

const (
	bulkRequest  = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	bulkResponse = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
	bulkPrefix   = "bulkId:"
)

// bulkOperation is one of a bulk request (RFC 7644 §3.7).
type bulkOperation struct {
	Method  string `json:"method"`
	Path    string `json:"path"`
	BulkID  string `json:"bulkId"`
	Version string `json:"version"`
	Data    object `json:"data"`
}

// bulk carries out operations one by one, each for itself. One that refers to what another makes waits for
// that.
type bulk struct {
	c          echo.Context
	h          *Handler
	operations []bulkOperation
	at         map[string]int // the operations by their bulkId
	results    []object       // of those carried out
	made       map[string]string
	begun      []bool
	left       int // errors until it is given up; 0: never
	givenUp    bool
}

func (h *Handler) bulk(c echo.Context) error {
	var in struct {
		Schemas      []string        `json:"schemas"`
		FailOnErrors int             `json:"failOnErrors"`
		Operations   []bulkOperation `json:"Operations"`
	}
	if err := readJSON(c, &in); err != nil {
		return err
	}
	switch {
	case len(in.Schemas) != 1 || in.Schemas[0] != bulkRequest:
		return refuse(invalidSyntax, "schemas must name %s", bulkRequest)
	case len(in.Operations) > maxBulk:
		return &refusal{status: http.StatusRequestEntityTooLarge, detail: "At most " + strconv.Itoa(maxBulk) + " operations"}
	}
	n := len(in.Operations)
	b := &bulk{c: c, h: h, operations: in.Operations, at: map[string]int{}, results: make([]object, n), made: map[string]string{}, begun: make([]bool, n), left: in.FailOnErrors}
	for i, op := range in.Operations {
		if op.BulkID == "" {
			continue
		}
		if _, twice := b.at[op.BulkID]; twice {
			return refuse(invalidValue, "bulkId %s is given twice", op.BulkID)
		}
		b.at[op.BulkID] = i
	}
	for i := range in.Operations {
		b.run(i)
	}
	results := []object{}
	for _, result := range b.results {
		if result != nil {
			results = append(results, result)
		}
	}
	return write(c, http.StatusOK, object{attrSchemas: []string{bulkResponse}, "Operations": results})
}

// run carries an operation out, those first that it waits for.
func (b *bulk) run(i int) {
	if b.begun[i] || b.givenUp {
		return
	}
	b.begun[i] = true
	op := b.operations[i]
	for _, id := range references(op) {
		if j, ok := b.at[id]; ok {
			b.run(j)
		}
	}
	if b.givenUp {
		return
	}
	result := object{"method": strings.ToUpper(op.Method)}
	if op.BulkID != "" {
		result["bulkId"] = op.BulkID
	}
	status, err := b.do(b.c.Request().Context(), caller.From(b.c), op, result)
	if err != nil {
		r := refusalOf(b.c, err)
		status, result["response"] = r.status, r.body()
		if b.left--; b.left == 0 {
			b.givenUp = true
		}
	}
	result["status"] = strconv.Itoa(status)
	b.results[i] = result
}

// references are the bulkIds that an operation names.
func references(op bulkOperation) (ids []string) {
	eachText(op.Data, func(text string) string {
		if id, ok := strings.CutPrefix(text, bulkPrefix); ok {
			ids = append(ids, id)
		}
		return text
	})
	if _, id, ok := strings.Cut(op.Path, "/"+bulkPrefix); ok {
		ids = append(ids, id)
	}
	return ids
}

// eachText is a value with each text within it replaced.
func eachText(value any, replace func(string) string) any {
	switch value := value.(type) {
	case string:
		return replace(value)
	case []any:
		out := make([]any, len(value))
		for i, one := range value {
			out[i] = eachText(one, replace)
		}
		return out
	case object:
		out := object{}
		for name, one := range value {
			out[name] = eachText(one, replace)
		}
		return out
	}
	return value
}

func (b *bulk) do(ctx context.Context, who caller.Caller, op bulkOperation, result object) (int, error) {
	for _, id := range references(op) {
		if b.made[id] == "" {
			return 0, &refusal{http.StatusConflict, "", bulkPrefix + id + " was not made"}
		}
	}
	data, _ := eachText(op.Data, func(text string) string {
		if id, ok := strings.CutPrefix(text, bulkPrefix); ok {
			return b.made[id]
		}
		return text
	}).(object)
	in, id, err := b.place(op.Path)
	if err != nil {
		return 0, err
	}
	version := versionOf(op.Version)
	var doc object
	status := http.StatusOK
	switch method := strings.ToUpper(op.Method); {
	case method == http.MethodPost && id == "":
		if op.BulkID == "" {
			return 0, refuse(invalidValue, "bulkId is required")
		}
		status = http.StatusCreated
		if doc, err = in.create(ctx, who, data); err == nil {
			id = textAt(doc, path{name: attrID})
			b.made[op.BulkID] = id
		}
	case method == http.MethodPut && id != "":
		doc, err = in.replace(ctx, who, id, version, data)
	case method == http.MethodPatch && id != "":
		doc, err = in.patch(ctx, who, id, version, data)
	case method == http.MethodDelete && id != "":
		status, err = http.StatusNoContent, in.delete(ctx, who, id, version)
	default:
		return 0, refuse(invalidValue, "No operation is %s %s", method, op.Path)
	}
	if id != "" {
		result["location"] = b.h.location(in.kindOf(), id)
	}
	if meta, _ := doc[attrMeta].(object); meta["version"] != nil {
		result["version"] = meta["version"]
	}
	return status, err
}

// place is the collection and the id that a path names.
func (b *bulk) place(at string) (collection, string, error) {
	endpoint, id, one := strings.Cut(strings.TrimPrefix(at, "/"), "/")
	if made, ok := strings.CutPrefix(id, bulkPrefix); ok {
		id = b.made[made]
	}
	for _, in := range b.h.collections() {
		if in.kindOf().endpoint == endpoint && (!one || idForm.MatchString(id)) {
			return in, id, nil
		}
	}
	return nil, "", outcome.New(outcome.NotFound, "")
}
