package patch

import (
	"bytes"
	"encoding/base64"
	"slices"
	"sort"
	"strconv"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/pkg/outcome"
)

// jsonPatch is a JSON Patch (RFC 6902).
type jsonPatch struct {
	operations []*document.Node
	compiled   jsonpatch.Patch
}

// JSON reads a JSON Patch.
//
// Errors: outcome Invalid.
func JSON(body []byte) (Patch, error) {
	doc, err := document.Parse(body)
	if err != nil {
		return nil, err
	}
	if doc.Kind != document.Array {
		return nil, refuse("A JSON Patch is an array of operations")
	}
	if len(doc.Items) > maxOperations {
		return nil, refuse("A patch has at most %d operations", maxOperations)
	}
	for i, op := range doc.Items {
		if err := checkOperation(op); err != nil {
			return nil, err.Because("operation %d", i)
		}
	}
	compiled, err := jsonpatch.DecodePatch(body)
	if err != nil {
		return nil, refuse("Invalid JSON Patch").Because("%v", err)
	}
	return jsonPatch{doc.Items, compiled}, nil
}

func checkOperation(op *document.Node) *outcome.Outcome {
	kind := op.Text("op")
	if !slices.Contains([]string{"add", "remove", "replace", "move", "copy", "test"}, kind) {
		return refuse("Invalid operation: %s", spelled(op.Get("op")))
	}
	pointers := []string{"path"}
	if kind == "move" || kind == "copy" {
		pointers = append(pointers, "from")
	}
	for _, name := range pointers {
		if p := op.Get(name); p == nil || p.Kind != document.String || p.String() != "" && p.String()[0] != '/' {
			return refuse("Invalid pointer in %s: %s", name, spelled(p))
		}
	}
	if needsValue := kind == "add" || kind == "replace" || kind == "test"; needsValue && op.Get("value") == nil {
		return refuse("The operation %s needs a value", kind)
	}
	return nil
}

// Apply implements Patch.
func (p jsonPatch) Apply(content []byte, _ string) ([]byte, error) {
	out, err := p.first(len(p.compiled), content)
	if err != nil {
		return nil, p.explain(content)
	}
	return out, nil
}

// first applies the first n operations.
func (p jsonPatch) first(n int, content []byte) ([]byte, error) {
	if n == 0 {
		return content, nil
	}
	return p.compiled[:n].ApplyWithOptions(content, &jsonpatch.ApplyOptions{AccumulatedCopySizeLimit: maxCopied})
}

// explain finds the operation that does not apply. Every longer beginning of the patch fails as
// well, so few attempts find the shortest.
func (p jsonPatch) explain(content []byte) error {
	at := sort.Search(len(p.operations)-1, func(i int) bool {
		_, err := p.first(i+1, content)
		return err != nil
	})
	before, err := p.first(at, content)
	if err != nil {
		return refuse("The patch cannot be applied").Because("operation %d: %v", at, err)
	}
	doc, err := document.Parse(before)
	if err != nil {
		return err
	}
	o := fault(p.operations[at], doc)
	if len(p.operations) > 1 {
		o = o.Because("operation %d", at)
	}
	return o
}

// fault is worded as Medplum's clients know it.
func fault(op, doc *document.Node) *outcome.Outcome {
	path, from := op.Text("path"), op.Text("from")
	switch target, _ := resolve(doc, path); {
	case op.Text("op") == "test":
		return refuse("Test failed: %s != %s", spelled(target), spelled(op.Get("value")))
	case from != "":
		if source, ok := resolve(doc, from); !ok || source == nil {
			path = from
		}
	}
	return refuse("Value required at path: %s", path)
}

var pointerEscapes = strings.NewReplacer("~1", "/", "~0", "~")

// resolve follows a JSON Pointer (RFC 6901).
func resolve(doc *document.Node, pointer string) (n *document.Node, ok bool) {
	n = doc
	if pointer == "" {
		return n, true
	}
	for _, step := range strings.Split(pointer, "/")[1:] {
		step = pointerEscapes.Replace(step)
		switch {
		case n != nil && n.Kind == document.Array:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(n.Items) {
				return nil, false
			}
			n = n.Items[i]
		default:
			if n = n.Get(step); n == nil {
				return nil, false
			}
		}
	}
	return n, true
}

// MediaType is JSON Patch's (RFC 6902 §6).
const MediaType = "application/json-patch+json"

// Entry reads the patch of a Bundle's entry: a JSON Patch in a Binary, or a Parameters resource
// (R4 http.html#patch).
func Entry(resource []byte) (Patch, error) {
	doc, err := document.Parse(resource)
	if err != nil {
		return nil, err
	}
	switch doc.Text("resourceType") {
	case "Parameters":
		return fromParameters(doc)
	case "Binary":
		if media := doc.Text("contentType"); media != MediaType {
			return nil, refuse("A patch in a Binary is %s", MediaType)
		}
		body, err := base64.StdEncoding.DecodeString(doc.Text("data"))
		if err != nil {
			return nil, refuse("Binary.data is not base64")
		}
		return JSON(bytes.TrimSpace(body))
	}
	return nil, refuse("A patch is a Binary or Parameters")
}
