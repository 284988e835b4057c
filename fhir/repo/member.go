package repo

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"github.com/admitdev/admit/fhir/document"
	"github.com/admitdev/admit/fhir/index"
	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/store"
)

// MemberParam is the parameter of the rows by which the members of a project are found: strings are
// the words that name them, references the Groups that they have joined, tokens what a list leaves
// out. No search of a client knows it.
const MemberParam = "_member"

// The tokens of MemberParam.
const (
	MemberProgram = "program" // a client or a bot
	MemberBlocked = "blocked"
)

// maxMemberWords bounds the rows that names can make.
const maxMemberWords = 64

// memberRows are the rows of a membership under MemberParam.
func memberRows(doc *document.Node) (rows store.Index) {
	var m medplum.ProjectMembership
	if json.Unmarshal(doc.Raw, &m) != nil {
		return rows // validation refuses it
	}
	token := func(code string) { rows.Token = append(rows.Token, store.TokenRow{Param: MemberParam, Code: code}) }
	if resourceType, _ := m.User.Split(); resourceType != medplum.TypeUser {
		token(MemberProgram)
		return rows
	}
	if !m.IsActive() {
		token(MemberBlocked)
	}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(m.Groups()))) {
		rows.Reference = append(rows.Reference, store.ReferenceRow{Param: MemberParam, TargetType: medplum.TypeGroup, TargetID: id})
	}
	member := m.Member()
	names := append(member.Addresses(), m.Profile.Display, m.User.Display, m.UserName, m.ExternalID, m.Phone(),
		member.Name, member.GivenName, member.FamilyName, member.Nickname, member.Company)
	for _, word := range memberWords(names...) {
		rows.String = append(rows.String, store.StringRow{Param: MemberParam, Folded: word, Exact: word})
	}
	return rows
}

// memberWords are the words of values, folded: each as it stands between spaces, and its parts, so
// that "smith" finds ada.smith@example.com, and so does the whole address.
func memberWords(values ...string) []string {
	seen := map[string]bool{}
	var words []string
	add := func(word string) {
		if word != "" && len(word) <= index.MaxFolded && !seen[word] && len(words) < maxMemberWords {
			seen[word] = true
			words = append(words, word)
		}
	}
	for _, value := range values {
		for _, whole := range strings.Fields(index.Fold(value)) {
			add(whole)
			for _, part := range strings.FieldsFunc(whole, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
				add(part)
			}
		}
	}
	return words
}
