package search

import (
	"strings"

	"github.com/admitdev/admit/fhir/definitions"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// AnyType is the type of a criteria for all types.
const AnyType = "*"

// placeholder encloses the name of a parameter in a decoded value. No decoded value has a NUL of
// its own.
const placeholder = 0

// Criteria is a criteria of an access policy that has been read: Type?search. It is compiled for a
// type when its parameters have values.
type Criteria struct {
	Type   string // AnyType for all
	params []parameter
}

// ReadCriteria reads Type?search or *?search. %name stands for a parameter and %name.id for the id
// of a reference; %2C and the like are percent-escapes.
//
// Errors: outcome Invalid.
func ReadCriteria(s string) (Criteria, error) {
	resourceType, query, ok := strings.Cut(s, "?")
	if !ok || resourceType != AnyType && !definitions.IsResource(resourceType) {
		return Criteria{}, outcome.New(outcome.Invalid, "A criteria must begin with a resource type and ?")
	}
	params, err := split(query, template)
	if err != nil {
		return Criteria{}, err
	}
	if len(params) == 0 {
		return Criteria{}, outcome.New(outcome.Invalid, "A criteria must have a search parameter")
	}
	for _, param := range params {
		if strings.IndexByte(param.name, placeholder) >= 0 {
			return Criteria{}, outcome.New(outcome.Invalid, "A criteria cannot have a parameter in a name")
		}
		if _, shapes := resultParams[param.name]; shapes {
			return Criteria{}, outcome.New(outcome.Invalid, "A criteria cannot have %s", param.name)
		}
	}
	return Criteria{resourceType, params}, nil
}

// anyOther stands for all types in a criteria for all.
const anyOther = "Basic"

// Bind is the value of a placeholder: "patient" or "patient.id".
type Bind func(name string) (string, error)

// Compile makes the predicate. Each placeholder becomes a value, whatever characters that has: it
// can add neither a parameter nor an alternative nor a prefix. A criteria for all types can use
// only what all types have.
//
// Errors: those of bind, outcome Invalid or NotSupported.
func (c Criteria) Compile(bind Bind) (store.Predicate, error) {
	return c.compile(&parser{bind: bind, closed: true})
}

// Uses are the parameters by which a criteria that compiles tells resources apart. Those of a criteria for all
// types have the type Basic.
//
// Errors: as Compile's.
func (c Criteria) Uses(bind Bind) ([]Use, error) {
	p := &parser{bind: bind, closed: true, uses: map[Use]bool{}}
	_, err := c.compile(p)
	return p.used, err
}

func (c Criteria) compile(p *parser) (store.Predicate, error) {
	if c.Type != AnyType {
		return p.all(c.Type, c.params)
	}
	for _, param := range c.params {
		if !strings.HasPrefix(param.name, "_") {
			return nil, outcome.New(outcome.Invalid, "A criteria for all types cannot have %s", param.name)
		}
	}
	return p.all(anyOther, c.params) // as good as any: the parameters with _ are the same for all
}

// Text spells the criteria with its values; it means what Compile made of it. A placeholder
// without a value is left out.
func (c Criteria) Text(bind Bind) string {
	var out strings.Builder
	out.WriteString(c.Type)
	for i, param := range c.params {
		out.WriteByte("?&"[min(i, 1)])
		out.WriteString(escape(param.name, ":") + "=")
		for i, part := range strings.Split(param.value, string(rune(placeholder))) {
			if i%2 == 0 {
				out.WriteString(escape(part, "/:,|"))
			} else if value, err := bind(part); err == nil {
				out.WriteString(escape(escaped.Replace(value), "/:"))
			}
		}
	}
	return out.String()
}

// escaped puts the backslashes that unescape takes away.
var escaped = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `$`, `\$`, `|`, `\|`)

// bound is a value with the values of its placeholders.
func (p *parser) bound(raw string) (string, error) {
	parts := strings.Split(raw, string(rune(placeholder)))
	var out strings.Builder
	for i, part := range parts {
		if i%2 == 0 {
			out.WriteString(unescape(part))
			continue
		}
		value, err := p.bind(part)
		if err != nil {
			return "", err
		}
		if strings.IndexByte(value, placeholder) >= 0 || value == "" {
			return "", outcome.New(outcome.Invalid, "Parameter %s has no usable value", part)
		}
		out.WriteString(value)
	}
	return out.String(), nil
}

// template decodes a part of a criteria and encloses its placeholders.
func template(s string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '%' {
			end := i + 1
			for end < len(s) && s[end] != '%' {
				end++
			}
			text, err := form(s[i:end])
			if err != nil {
				return "", err
			}
			out.WriteString(text)
			i = end
			continue
		}
		if name := placeholderName(s[i+1:]); name != "" && !isEscape(s[i:], name) {
			out.WriteString(string(rune(placeholder)) + name + string(rune(placeholder)))
			i += 1 + len(name)
			continue
		}
		end := escapes(s, i)
		text, err := form(s[i:end])
		if err != nil {
			return "", err
		}
		out.WriteString(text)
		i = end
	}
	return out.String(), nil
}

// placeholderName is the name that s begins with, the longest one, with its .id.
func placeholderName(s string) string {
	end := 0
	for end < len(s) && isNameByte(s[end], end > 0) {
		end++
	}
	if end > 0 && strings.HasPrefix(s[end:], ".id") && (len(s) == end+3 || !isNameByte(s[end+3], true)) {
		end += len(".id")
	}
	return s[:end]
}

func isNameByte(c byte, digits bool) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || digits && (c == '-' || '0' <= c && c <= '9')
}

// isEscape tells %C3%A9 from a placeholder: an escape that begins with a letter is the first byte
// of a character of several, so another escape follows at once.
func isEscape(s, name string) bool {
	_, hex := hexByte(name)
	return hex && len(name) == 2 && len(s) > 3 && s[3] == '%'
}

// escapes is the end of the percent-escapes that begin at i: the bytes of one character belong
// together.
func escapes(s string, i int) int {
	first, ok := hexByte(s[min(i+1, len(s)):])
	if !ok {
		return len(s) // form refuses it
	}
	size := 1
	switch {
	case first >= 0xF0:
		size = 4
	case first >= 0xE0:
		size = 3
	case first >= 0xC0:
		size = 2
	}
	return min(i+3*size, len(s))
}

// Expand is text with the values of its placeholders, for what is no search: %patient or
// Patient/%patient.id.
//
// Errors: those of bind.
func Expand(text string, bind Bind) (string, error) {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, "%")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name := placeholderName(after)
		if name == "" {
			return "", outcome.New(outcome.Invalid, "Invalid parameter in %q", text)
		}
		value, err := bind(name)
		if err != nil {
			return "", err
		}
		out.WriteString(value)
		text = after[len(name):]
	}
}
