package web

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
)

// maxDepth is far beyond any body that Admit knows, and far from the parser's own limits.
const maxDepth = 64

// Option asks ReadJSON for more than it does by itself.
type Option = json.Options

// RefuseUnknown makes a field that the target does not have an error.
func RefuseUnknown() Option { return json.RejectUnknownMembers(true) }

// ReadJSON reads the one JSON object (or array, for a slice) of the request's body into v. Names
// are compared with case. A name given twice with one value counts once, as the example bodies of
// Medplum's guides need it; with two values the body contradicts itself and is refused. Unknown
// names are ignored. An absent body is an empty object, so that the missing fields are named.
//
// Every failure is an *outcome.Outcome.
func ReadJSON(c echo.Context, v any, options ...Option) error {
	body, err := ReadBody(c, MaxJSON)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return nil
	}
	return DecodeJSON(body, v, options...)
}

// DecodeJSON is ReadJSON for bytes that are already here.
func DecodeJSON(body []byte, v any, options ...Option) error {
	if err := wellFormed(body); err != nil {
		return err
	}
	options = append(options, jsontext.AllowDuplicateNames(true)) // wellFormed has seen that they agree
	err := json.Unmarshal(body, v, options...)
	var wrongType *json.SemanticError
	var own *outcome.Outcome
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own): // a field's own UnmarshalJSON has said it better
		return own
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &wrongType):
		return outcome.New(outcome.Invalid, "Unknown field").At(expression(wrongType.JSONPointer))
	case errors.As(err, &wrongType) && wrongType.JSONPointer != "":
		return outcome.New(outcome.Invalid, "Expected %s", kindOf(wrongType.GoType)).At(expression(wrongType.JSONPointer))
	case errors.As(err, &wrongType):
		return unparsed(body, 0, "another value than an "+kindOf(wrongType.GoType))
	}
	return outcome.New(outcome.Invalid, unparsable)
}

// unparsed says why a body cannot be read, and where.
func unparsed(body []byte, at int64, reason string) error {
	before := body[:min(at, int64(len(body)))]
	line, column := 1+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n')
	return outcome.New(outcome.Invalid, unparsable).Because("%s at line %d, column %d (byte %d)", reason, line, column, at)
}

// wellFormed says whether body is one JSON object or array in UTF-8, nested no deeper than
// maxDepth, in which no name has two values.
func wellFormed(body []byte) error {
	decoder := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true))
	if kind := decoder.PeekKind(); kind != '{' && kind != '[' {
		return unparsed(body, 0, "no object")
	}
	err := walk(decoder, body)
	var own *outcome.Outcome
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &syntax):
		return unparsed(body, syntax.ByteOffset, syntax.Err.Error())
	case err != nil:
		return unparsed(body, decoder.InputOffset(), err.Error())
	}
	end := decoder.InputOffset()
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return unparsed(body, end, "something after the end")
	}
	return nil
}

// walk consumes one value.
func walk(decoder *jsontext.Decoder, body []byte) error {
	token, err := decoder.ReadToken()
	if err != nil {
		return err
	}
	if decoder.StackDepth() > maxDepth {
		return outcome.New(outcome.Invalid, "Content is nested too deeply")
	}
	switch token.Kind() {
	case '{':
		return walkObject(decoder, body)
	case '[':
		for decoder.PeekKind() != ']' {
			if err := walk(decoder, body); err != nil {
				return err
			}
		}
		_, err = decoder.ReadToken()
	}
	return err
}

func walkObject(decoder *jsontext.Decoder, body []byte) error {
	values := map[string][]byte{}
	for decoder.PeekKind() != '}' {
		token, err := decoder.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		start := decoder.InputOffset()
		if err := walk(decoder, body); err != nil {
			return err
		}
		value := bytes.TrimLeft(body[start:decoder.InputOffset()], ": \t\r\n")
		if earlier, twice := values[name]; twice && !sameValue(earlier, value) {
			at := expression(decoder.StackPointer())
			return outcome.New(outcome.Invalid, "%q is given twice with different values", name).At(at)
		}
		values[name] = value
	}
	_, err := decoder.ReadToken()
	return err
}

// sameValue compares two values as RFC 8785 would spell them: without regard to space, the order
// of names and the spelling of numbers and strings.
func sameValue(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	left, right := jsontext.Value(bytes.Clone(a)), jsontext.Value(bytes.Clone(b))
	if left.Canonicalize() != nil || right.Canonicalize() != nil { // duplicates within: too clever by half
		return false
	}
	return bytes.Equal(left, right)
}

// expression spells a JSON pointer as the dotted path that clients expect: /a/0/b is a[0].b.
func expression(pointer jsontext.Pointer) string {
	var path strings.Builder
	for name := range pointer.Tokens() {
		switch {
		case name != "" && strings.Trim(name, "0123456789") == "":
			path.WriteString("[" + name + "]")
		case path.Len() > 0:
			path.WriteString("." + name)
		default:
			path.WriteString(name)
		}
	}
	return path.String()
}

// kindOf names in JSON's words what a Go type is read from.
func kindOf(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return "another type"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Struct, reflect.Map:
		return "object"
	}
	return "number"
}
