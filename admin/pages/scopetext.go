package pages

import (
	"slices"
	"strings"
)

// scopeOptions asks for each thing that a scope gives, once: profile and fhirUser give the same, and are allowed
// or refused together.
func scopeOptions(scope string) []option {
	var options []option
	for word := range strings.FieldsSeq(scope) {
		text := scopeText(word)
		if at := slices.IndexFunc(options, func(o option) bool { return o.text == text }); at >= 0 {
			options[at].value += " " + word
			continue
		}
		options = append(options, option{word, text, true})
	}
	return options
}

// scopeText says in words what a scope gives.
func scopeText(word string) string {
	switch word {
	case "openid":
		return "know who you are"
	case "profile", "fhirUser":
		return "see your name and your record of yourself"
	case "email":
		return "see your email address"
	case "phone":
		return "see your phone number"
	case "offline_access", "online_access", "offline":
		return "go on without asking again"
	case "launch", "launch/patient", "launch/encounter":
		return "know about whom it was opened"
	}
	whose, rest, ok := strings.Cut(word, "/")
	what, may, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 {
		return word
	}
	if what == "*" {
		what = "all data"
	}
	may, narrowed, _ := strings.Cut(may, "?")
	writes := may == "write" || may == "*" || strings.ContainsAny(strings.TrimPrefix(may, "read"), "cud")
	text := "see "
	if writes {
		text = "see and change "
	}
	text += what
	if whose == "patient" {
		text += " of the patient"
	}
	if narrowed != "" {
		text += " (" + narrowed + ")"
	}
	return text
}
