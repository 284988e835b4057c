package search_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// What search.html says of values, in plain Go over what encoding/json reads: nothing here is shared
// with the engine.

const ucumSystem = "http://unitsofmeasure.org"

// all follows a path through objects and arrays.
func all(from any, path ...string) []any {
	switch from := from.(type) {
	case nil:
		return nil
	case []any:
		var out []any
		for _, item := range from {
			out = append(out, all(item, path...)...)
		}
		return out
	case object:
		if len(path) > 0 {
			return all(from[path[0]], path[1:]...)
		}
	}
	if len(path) > 0 {
		return nil
	}
	return []any{from}
}

func one(from any, path ...string) string {
	found := all(from, path...)
	if len(found) == 0 {
		return ""
	}
	return fmt.Sprint(found[0])
}

// plain is a string as search.html#string compares it: without case, accents and runs of spaces.
func plain(s string) string {
	letters := strings.NewReplacer("Ł", "L", "ł", "l").Replace(s)
	bare := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(letters))
	return strings.Join(strings.Fields(cases.Fold().String(bare)), " ")
}

// interval is the time that a date covers, in microseconds, both ends included.
type interval struct{ low, high int64 }

// span is search.html#date: a date of any precision.
func span(s string) interval {
	step := func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }
	layout := "2006"
	switch {
	case len(s) == len("2006-01"):
		layout, step = "2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }
	case len(s) == len("2006-01-02"):
		layout, step = "2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	case len(s) > len("2006-01-02"):
		layout = "2006-01-02T15:04:05Z07:00"
		unit := time.Second
		if _, fraction, ok := strings.Cut(s, "."); ok {
			for range strings.IndexFunc(fraction, func(r rune) bool { return r < '0' || r > '9' }) {
				unit /= 10
			}
		}
		step = func(t time.Time) time.Time { return t.Add(unit) }
	}
	t, err := time.Parse(layout, s)
	if err != nil {
		panic(err)
	}
	return interval{t.UnixMicro(), step(t).UnixMicro() - 1}
}

func periodSpan(p object) interval {
	i := interval{-1 << 60, 1 << 60}
	if start := one(p, "start"); start != "" {
		i.low = span(start).low
	}
	if end := one(p, "end"); end != "" {
		i.high = span(end).high
	}
	return i
}

// holds is search.html#prefix for ranges.
func (target interval) holds(op string, s interval) bool {
	within := target.low >= s.low && target.high <= s.high
	switch op {
	case "ne":
		return !within
	case "gt":
		return target.high > s.high
	case "lt":
		return target.low < s.low
	case "ge":
		return target.high > s.high || within
	case "le":
		return target.low < s.low || within
	case "sa":
		return target.low > s.high
	case "eb":
		return target.high < s.low
	case "ap":
		return target.low <= s.high && target.high >= s.low
	}
	return within
}

func rational(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(s)
	}
	return r
}

// compares is search.html#number: equality goes by the precision of what is looked for.
func compares(op string, target *big.Rat, looked string, factor *big.Rat) bool {
	value := new(big.Rat).Mul(rational(looked), factor)
	c := target.Cmp(value)
	switch op {
	case "gt", "sa":
		return c > 0
	case "lt", "eb":
		return c < 0
	case "ge":
		return c >= 0
	case "le":
		return c <= 0
	case "ap":
		tenth := new(big.Rat).Abs(new(big.Rat).Mul(value, big.NewRat(1, 10)))
		return new(big.Rat).Abs(new(big.Rat).Sub(target, value)).Cmp(tenth) <= 0
	}
	_, fraction, _ := strings.Cut(looked, ".")
	half := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Mul(big.NewInt(2), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(fraction))), nil)))
	half.Mul(half, factor)
	equal := target.Cmp(new(big.Rat).Sub(value, half)) >= 0 && target.Cmp(new(big.Rat).Add(value, half)) < 0
	return equal == (op != "ne")
}

// grams are the units that convert.
var grams = map[string]*big.Rat{"mg": big.NewRat(1, 1000), "g": big.NewRat(1, 1), "kg": big.NewRat(1000, 1)}

var same = big.NewRat(1, 1)

// measures is search.html#quantity.
func measures(q object, op, number, system, code string, unitGiven bool) bool {
	value := rational(string(q["value"].(json.Number)))
	switch {
	case !unitGiven:
		return compares(op, value, number, same)
	case system == "":
		return (one(q, "code") == code || one(q, "unit") == code) && compares(op, value, number, same)
	case code == "":
		return one(q, "system") == system && compares(op, value, number, same)
	case system == ucumSystem:
		to, ok := grams[one(q, "code")]
		return one(q, "system") == system && ok && compares(op, value.Mul(value, to), number, grams[code])
	}
	return one(q, "system") == system && one(q, "code") == code && compares(op, value, number, same)
}

// tokens are system and code of each value of an element.
func tokens(values []any) [][2]string {
	var out [][2]string
	for _, v := range values {
		switch v := v.(type) {
		case object:
			switch {
			case v["coding"] != nil || v["text"] != nil && v["value"] == nil:
				for _, c := range all(v, "coding") {
					out = append(out, [2]string{one(c, "system"), one(c, "code")})
				}
			case v["code"] != nil:
				out = append(out, [2]string{one(v, "system"), one(v, "code")})
			default: // Identifier
				out = append(out, [2]string{one(v, "system"), one(v, "value")})
			}
		default:
			out = append(out, [2]string{"", fmt.Sprint(v)})
		}
	}
	return out
}

// displays are what :text looks at.
func displays(values []any) []string {
	var out []string
	for _, v := range values {
		for _, path := range [][]string{{"text"}, {"display"}, {"coding", "display"}, {"type", "text"}} {
			for _, t := range all(v, path...) {
				out = append(out, t.(string))
			}
		}
	}
	return out
}

// followed is what a chain follows: relative references alone.
func followed(literal string) (resourceType, id string) {
	if strings.HasPrefix(literal, base) {
		return "", ""
	}
	return localReference(literal)
}

// localReference is type and id of a literal reference to this server.
func localReference(literal string) (resourceType, id string) {
	rest := strings.TrimPrefix(literal, base)
	resourceType, id, ok := strings.Cut(rest, "/")
	if !ok || strings.Contains(id, "/") || strings.Contains(resourceType, ":") {
		return "", ""
	}
	return resourceType, id
}
