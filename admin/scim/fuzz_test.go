package scim

import (
	"encoding/json"
	"errors"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fuzzed is a User with something of everything.
const fuzzed = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"1","userName":"Bob","active":true,"title":"Nurse",
	"name":{"givenName":"Bob","familyName":"Ländler"},"emails":[{"value":"bob@example.com","type":"work","primary":true},{"value":"b@home.example"}],
	"groups":[{"value":"g","display":"Ward"}],"meta":{"lastModified":"2026-01-02T03:04:05.006Z"},
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"ICU","manager":{"value":"42"}}}`

func document(t *testing.T, text string) (doc object) {
	require.NoError(t, json.Unmarshal([]byte(text), &doc))
	return doc
}

// wantRefusal wants an error that is the client's.
func wantRefusal(t *testing.T, err error, scimTypes ...string) {
	var r *refusal
	require.True(t, errors.As(err, &r), "%v", err)
	assert.Contains(t, scimTypes, r.scimType)
}

// FuzzFilter: a filter is refused as a filter, or it can be looked for in the store and in a resource, where
// either it or its opposite holds.
func FuzzFilter(f *testing.F) {
	for _, filter := range []string{
		`userName eq "bob"`, `title pr and not (active eq "False" or name.givenName sw "B")`, `emails[type eq "work" and value co "@"].value ew ".com"`, `meta.lastModified gt "2011-05-13T04:42:34Z"`,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "42"`, `groups.value eq "g"`, `id ne null`, `(((title pr)))`, `userName eq "\u00c4\""`, `emails[not (type pr)]`,
	} {
		f.Add(filter)
	}
	users := userKind()
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := parseFilter(text)
		if err != nil {
			wantRefusal(t, err, invalidFilter)
			return
		}
		e, err := users.check(parsed)
		if err != nil {
			wantRefusal(t, err, invalidFilter)
			return
		}
		compile(e, userTerms(nil))
		doc := document(t, fuzzed)
		assert.NotEqual(t, holds(e, doc), holds(not{e}, doc), text)
		assert.Equal(t, document(t, fuzzed), doc, "looking at it changes nothing")
		again, err := parseFilter("(" + text + ") and title pr")
		if err == nil { // it is not too deep now
			again, err = users.check(again)
			require.NoError(t, err)
			assert.Equal(t, holds(e, doc), holds(again, doc), text)
		}
	})
}

// FuzzPatchPath: a path is refused, or what PATCH does with it is, or the result is a resource still.
func FuzzPatchPath(f *testing.F) {
	for _, path := range []string{
		"title", "name.givenName", `emails[type eq "work"].value`, `emails[primary eq true]`, "/userName", "urn:ietf:params:scim:schemas:core:2.0:User:title",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", `groups[value eq "g"]`, "emails.type", `emails[type eq "x" or not (value pr)]`, "schemas", "members",
	} {
		for _, value := range []string{`"x"`, `true`, `{"value":"a@b","type":"work"}`, `[{"value":"a@b","primary":true}]`, `null`, `[null,[]]`} {
			f.Add(path, value)
		}
	}
	users, groups := userKind(), groups{groupKind(), nil}
	f.Fuzz(func(t *testing.T, path, text string) {
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			return
		}
		for _, op := range []string{opAdd, opReplace, opRemove} {
			patch := object{attrSchemas: []any{patchSchema}, "Operations": []any{object{"op": op, "path": path, "value": value}}}
			for _, patch := range []object{patch, pathless(patch, path, value)} {
				if operations, err := users.operations(patch); err != nil {
					wantRefusal(t, err, invalidPath, invalidSyntax, invalidValue, noTarget, mutability)
				} else if doc, err := users.patched(document(t, fuzzed), operations); err != nil {
					wantRefusal(t, err, invalidPath, invalidSyntax, invalidValue, noTarget, mutability)
				} else {
					again := maps.Clone(doc)
					again[attrSchemas] = []any{users.core.ID}
					again, err := users.normal(again)
					require.NoError(t, err)
					assert.Equal(t, doc, again, "it is as the schemas have it")
				}
				if _, err := groups.change(patch); err != nil {
					wantRefusal(t, err, invalidPath, invalidSyntax, invalidValue, noTarget, mutability)
				}
			}
		}
	})
}

// pathless is the same without a path.
func pathless(patch object, path string, value any) object {
	op, _ := patch["Operations"].([]any)[0].(object)["op"].(string)
	return object{attrSchemas: patch[attrSchemas], "Operations": []any{object{"op": op, "value": object{path: value}}}}
}
