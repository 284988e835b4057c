package authing

import (
	"encoding/json"
	"strconv"
)

// arguments are values that a client gave, of the types that the schema says.
type arguments map[string]any

// text is empty when there is none.
func (a arguments) text(name string) string {
	text, _ := a[name].(string)
	return text
}

// flag is false when there is none.
func (a arguments) flag(name string) bool {
	flag, _ := a[name].(bool)
	return flag
}

// has says whether there is a value.
func (a arguments) has(name string) bool { return a[name] != nil }

func (a arguments) texts(name string) []string {
	list, _ := a[name].([]any)
	texts := make([]string, 0, len(list))
	for _, item := range list {
		if text, ok := item.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// objects are the objects of a list.
func (a arguments) objects(name string) []arguments {
	list, _ := a[name].([]any)
	objects := make([]arguments, 0, len(list))
	for _, item := range list {
		if one, ok := item.(map[string]any); ok {
			objects = append(objects, one)
		}
	}
	return objects
}

func (a arguments) object(name string) arguments {
	one, _ := a[name].(map[string]any)
	return one
}

// number is what a client gave, or otherwise; numbers come in several types.
func (a arguments) number(name string, otherwise int) (int, error) {
	switch n := a[name].(type) {
	case nil:
		return otherwise, nil
	case int:
		return n, nil
	case int64:
		return int(n), nil
	case float64:
		return a.parsed(name, strconv.FormatFloat(n, 'f', -1, 64))
	case json.Number:
		return a.parsed(name, n.String())
	case string:
		return a.parsed(name, n)
	}
	return a.parsed(name, "")
}

func (a arguments) parsed(name, text string) (int, error) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, nil
	}
	return 0, refuse(name, "a number is expected")
}

// The pages of lists begin with 1.
const (
	defaultLimit = 10
	maxLimit     = 200
	maxPage      = 1_000_000 / maxLimit
)

// page is which part of a list a client asks for.
func (a arguments) page() (offset, limit int, err error) {
	page, err := a.number("page", 1)
	if err != nil {
		return 0, 0, err
	}
	if limit, err = a.number("limit", defaultLimit); err != nil {
		return 0, 0, err
	}
	switch {
	case page < 1 || page > maxPage:
		return 0, 0, refuse("page", "between 1 and 5000")
	case limit < 1 || limit > maxLimit:
		return 0, 0, refuse("limit", "between 1 and 200")
	}
	return (page - 1) * limit, limit, nil
}
