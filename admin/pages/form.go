package pages

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/admin"
	"github.com/admitdev/admit/pkg/outcome"
)

// field is one labelled input of a form.
type field struct {
	name, label, kind, autocomplete string
	value, hint, problem            string
	focused, readonly, optional     bool
}

// described are the ids of what explains the field to a screen reader.
func (f field) described() string {
	switch {
	case f.problem != "" && f.hint != "":
		return f.name + "-problem " + f.name + "-hint"
	case f.problem != "":
		return f.name + "-problem"
	case f.hint != "":
		return f.name + "-hint"
	}
	return ""
}

// form is a page that asks for something.
type form struct {
	title, intro, button string
	problem              string // about the form as a whole
	fields               []field
	hidden               []field // sent along unseen
	others               []link  // other ways than the form, below it
	further              *link   // below the form; nil for none
	action               string  // where it goes; empty for its own address
	second               string  // the text of a second button, which says no; empty for none
	image                string  // a data URL shown above the fields; empty for none
	choices              choices
	codes                []string     // shown once, above the button
	passkey              *passkeyForm // another way to go on; nil for none
}

// passkeyForm sends what the browser says with a passkey; without script it stays hidden.
type passkeyForm struct {
	ceremony string // get or create
	from     string // where the script asks for what is to be signed
	options  string // or what it is, as JSON
	action   string
	button   string
	fields   []field
	hidden   []field
}

// buttonClass is the class of its button: it is the page's own where there is no other.
func (p passkeyForm) buttonClass() string {
	if p.ceremony == "create" {
		return ""
	}
	return "second"
}

// choices are a group of boxes or of buttons of which one counts.
type choices struct {
	legend, name, kind string
	options            []option
}

type option struct {
	value, text string
	checked     bool
}

// link leads to another page.
type link struct{ address, text string }

// titleWithState tells at once, as a screen reader begins with the title, that something was wrong.
func (f form) titleWithState() string {
	if f.fails() {
		return "Error: " + f.title
	}
	return f.title
}

// fails says whether the form comes back because something was wrong.
func (f form) fails() bool {
	return f.problem != "" || len(f.wrong()) > 0
}

// wrong are the fields that have a problem.
func (f form) wrong() []field {
	fields := f.fields
	if f.passkey != nil {
		fields = append(fields[:len(fields):len(fields)], f.passkey.fields...)
	}
	return slices.DeleteFunc(slices.Clone(fields), func(f field) bool { return f.problem == "" })
}

// blame puts the issues of an outcome beside the fields that they name and the others above the
// form. It says false for an error that no entry into the form can mend.
func (f *form) blame(err error) (status int, mendable bool) {
	var refusal *outcome.Outcome
	if !errors.As(err, &refusal) || refusal.Code.Status >= http.StatusInternalServerError {
		return 0, false
	}
	for _, issue := range refusal.Issues {
		if named := f.named(issue.Expression); named != nil {
			named.problem = issue.Text
		} else {
			f.problem = issue.Text
		}
	}
	f.focus()
	return refusal.Code.Status, true
}

func (f *form) named(expression []string) *field {
	for i := range f.fields {
		if len(expression) > 0 && f.fields[i].name == expression[0] {
			return &f.fields[i]
		}
	}
	for i := 0; f.passkey != nil && i < len(f.passkey.fields); i++ {
		if len(expression) > 0 && f.passkey.fields[i].name == expression[0] {
			return &f.passkey.fields[i]
		}
	}
	return nil
}

// focus puts the cursor where it is needed: the first field that is wrong, else the first that is to be filled
// in. After a wrong password that is not the address, where it would be typed for all to see.
func (f *form) focus() {
	at := slices.IndexFunc(f.fields, func(f field) bool { return f.problem != "" })
	if at < 0 {
		at = slices.IndexFunc(f.fields, func(f field) bool { return f.value == "" && !f.readonly })
	}
	for i := range f.fields {
		f.fields[i].focused = i == max(at, 0)
	}
}

// device is where a request comes from.
func device(c echo.Context) admin.Device {
	return admin.Device{Address: c.RealIP(), Agent: c.Request().UserAgent()}
}

// passwordHint tells the one rule before it is broken.
func (h *Handler) passwordHint() string {
	return fmt.Sprintf("At least %d characters; a few words that do not belong together are a good one.", h.MinPassword)
}
