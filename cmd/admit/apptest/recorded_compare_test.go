package apptest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// recordedBase is the address at which the recorded server called itself.
const recordedBase = "http://127.0.0.1:8103/"

// mismatch is one place in which an answer of ours is not the recorded one.
type mismatch struct {
	File, Exchange string
	Path           string // status, header.etag, body.issue[0].details.text …
	Recorded, Ours string
}

func (m mismatch) String() string {
	return fmt.Sprintf("%s · %s · %s: recorded %s, ours %s", m.File, m.Exchange, m.Path, m.Recorded, m.Ours)
}

// comparison knows which of our ids stands for which recorded one, so an id that the recorded
// server repeated must be repeated by ours.
type comparison struct {
	base string
	ids  map[string]string // recorded → ours
}

var (
	uuidPattern    = `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`
	instantPattern = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)`
	httpDate       = `[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT`
	dateString     = `[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d GMT\+0000 \(Coordinated Universal Time\)`
	placeholder    = `<(\w+), ([\d,]+) characters>`

	varying = regexp.MustCompile(strings.Join([]string{uuidPattern, instantPattern, httpDate, dateString, placeholder}, "|"))
	aUUID   = regexp.MustCompile(`^` + uuidPattern + `$`)
	// secondsKeys hold numbers that are times.
	secondsKeys = map[string]bool{"iat": true, "exp": true, "nbf": true, "auth_time": true}
)

// value compares one JSON value with the recorded one and calls report for each place they differ in.
func (c *comparison) value(path string, recorded, ours any, report func(path, recorded, ours string)) {
	switch want := recorded.(type) {
	case map[string]any:
		got, ok := ours.(map[string]any)
		if !ok {
			report(path, "an object", describe(ours))
			return
		}
		c.object(path, want, got, report)
	case []any:
		got, ok := ours.([]any)
		if !ok {
			report(path, "an array", describe(ours))
			return
		}
		want, length := untrimmed(want)
		if length != len(got) {
			report(path+".length", fmt.Sprint(length), fmt.Sprint(len(got)))
		}
		for i := range min(len(want), len(got)) {
			c.value(fmt.Sprintf("%s[%d]", path, i), want[i], got[i], report)
		}
	case string:
		got, ok := ours.(string)
		if !ok || !c.text(want, got) {
			report(path, describe(want), describe(ours))
		}
	case json.Number:
		got, ok := ours.(json.Number)
		if !ok || (got != want && !secondsKeys[path[strings.LastIndexByte(path, '.')+1:]]) {
			report(path, describe(want), describe(ours))
		}
	default:
		if recorded != ours {
			report(path, describe(recorded), describe(ours))
		}
	}
}

// untrimmed is what a recording kept of an array, and how long it was.
func untrimmed(recorded []any) (kept []any, length int) {
	if len(recorded) > 0 {
		last, _ := recorded[len(recorded)-1].(map[string]any)
		if number, ok := last["_trimmed"].(json.Number); ok {
			kept = recorded[:len(recorded)-1]
			more, _ := number.Int64()
			return kept, len(kept) + int(more)
		}
	}
	return recorded, len(recorded)
}

func (c *comparison) object(path string, want, got map[string]any, report func(path, recorded, ours string)) {
	// Ids are learnt in the order of the keys, so that is a fixed one.
	for _, key := range slices.Sorted(maps.Keys(want)) {
		ours, ok := got[key]
		if !ok {
			report(path+"."+key, describe(want[key]), "nothing")
			continue
		}
		c.value(path+"."+key, want[key], ours, report)
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			report(path+"."+key, "nothing", describe(got[key]))
		}
	}
}

// text compares strings exactly, but for what no two servers have alike: ids (which must be the
// same where the recording repeats them), instants, secrets and the server's own address.
func (c *comparison) text(recorded, ours string) bool {
	recorded = strings.ReplaceAll(recorded, recordedBase, c.base)
	var pattern strings.Builder
	var learnt []string
	last := 0
	for _, at := range varying.FindAllStringIndex(recorded, -1) {
		found := recorded[at[0]:at[1]]
		pattern.WriteString(regexp.QuoteMeta(recorded[last:at[0]]))
		last = at[1]
		switch {
		case aUUID.MatchString(found) && c.ids[found] != "":
			pattern.WriteString(regexp.QuoteMeta(c.ids[found]))
		case aUUID.MatchString(found):
			pattern.WriteString(`([A-Za-z0-9\-.]{1,64})`)
			learnt = append(learnt, found)
		case strings.HasPrefix(found, "<"):
			pattern.WriteString(`.+`)
		case strings.Contains(found, "Coordinated"):
			pattern.WriteString(dateString)
		case strings.HasSuffix(found, "GMT"):
			pattern.WriteString(httpDate)
		default:
			pattern.WriteString(instantPattern)
		}
	}
	pattern.WriteString(regexp.QuoteMeta(recorded[last:]))
	match := regexp.MustCompile(`^` + pattern.String() + `$`).FindStringSubmatch(ours)
	if match == nil {
		return false
	}
	for i, id := range learnt {
		c.ids[id] = match[i+1]
	}
	return true
}

func describe(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	const enough = 160
	if len(text) > enough {
		return string(text[:enough]) + "…"
	}
	return string(text)
}
