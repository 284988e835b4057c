package rest

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
)

// parameters reads the query of a request that may have the named parameters, each once, besides
// _format and _pretty. Any other is refused.
func parameters(c echo.Context, known ...string) (url.Values, error) {
	return readQuery(c.Request().URL.RawQuery, c.Request().Header, known...)
}

func readQuery(raw string, header http.Header, known ...string) (url.Values, error) {
	if raw == "" {
		return nil, negotiate(header, nil)
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, outcome.New(outcome.Invalid, "The query string cannot be read")
	}
	for name, values := range query {
		switch {
		case name != "_format" && name != "_pretty" && !slices.Contains(known, name):
			return nil, outcome.New(outcome.Invalid, "Unknown parameter: %s", name)
		case name == "_pretty" && values[0] != "true" && values[0] != "false":
			return nil, outcome.New(outcome.Invalid, "Invalid value of _pretty: %.40s", values[0])
		case len(values) > 1:
			return nil, outcome.New(outcome.Invalid, "The parameter %s is given twice", name)
		}
	}
	return query, negotiate(header, query)
}

// negotiate refuses answers in anything but JSON (R4 http.html#mime-type). _format counts before
// Accept.
func negotiate(header http.Header, query url.Values) error {
	if format := query.Get("_format"); format != "" {
		// A + that was not escaped is a space by now.
		media := strings.Replace(format, "fhir json", "fhir+json", 1)
		if format == "json" || isJSON(media) && ofThisVersion(media) {
			return nil
		}
		return outcome.New(outcome.NotAcceptable, "The format %s is not supported; json is", format)
	}
	accepted := strings.Join(header.Values(echo.HeaderAccept), ",")
	if strings.TrimSpace(accepted) == "" {
		return nil
	}
	for media := range strings.SplitSeq(accepted, ",") {
		name, rest, _ := strings.Cut(media, ";")
		switch name = strings.ToLower(strings.TrimSpace(name)); {
		case rest != "" && (!ofThisVersion(media) || refused(media)):
		case name == "*/*", name == "application/*", name == "text/*", isJSON(name):
			return nil
		}
	}
	return outcome.New(outcome.NotAcceptable, "Answers are application/fhir+json, fhirVersion 4.0")
}

// ofThisVersion says whether a media type is of R4, or of no version of FHIR (R4 http.html#version-parameter).
func ofThisVersion(media string) bool {
	_, parameters, err := mime.ParseMediaType(media)
	version, said := parameters["fhirversion"]
	return err != nil || !said || version == "4.0"
}

// refused says whether a media range is one that the client does not want (RFC 9110 §12.4.2).
func refused(media string) bool {
	_, parameters, err := mime.ParseMediaType(media)
	weight, parsed := strconv.ParseFloat(parameters["q"], 64)
	return err == nil && parsed == nil && weight == 0
}

func isJSON(media string) bool {
	if media == "application/fhir+json" || media == "application/json" {
		return true
	}
	name, _, err := mime.ParseMediaType(media)
	return err == nil && (name == "application/json" || name == "application/fhir+json" ||
		name == "application/json+fhir" || name == "text/json")
}

// pretty says whether the answer is to be indented.
func pretty(c echo.Context) bool {
	return c.Request().URL.RawQuery != "" && c.QueryParam("_pretty") == "true"
}

// number reads a parameter that is a number from 0 to limit; what is above counts as limit.
func number(query url.Values, name string, absent, limit int) (int, error) {
	text := query.Get(name)
	if !query.Has(name) {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, outcome.New(outcome.Invalid, "Invalid value of %s: a number from 0 is wanted", name)
	}
	return min(n, limit), nil
}

// etag is the version as a weak entity tag (R4 http.html#versioning).
func etag(version string) string { return `W/"` + version + `"` }

// onlyPreconditions refuses the preconditions of a write that are not heeded (RFC 9110 §13.1);
// If-Modified-Since is for reads and means nothing here.
func onlyPreconditions(header http.Header, heeded ...string) error {
	for _, name := range []string{"If-Match", "If-None-Match", "If-Unmodified-Since"} {
		if len(header.Values(name)) > 0 && !slices.Contains(heeded, name) {
			return outcome.New(outcome.NotSupported, "The precondition %s is not supported here", name)
		}
	}
	return nil
}

// ifMatch is the version that If-Match names; empty without the header or with *, which any
// resource that is there satisfies. A write has no other precondition.
func ifMatch(header http.Header) (string, error) {
	if err := onlyPreconditions(header, "If-Match"); err != nil {
		return "", err
	}
	values := header.Values("If-Match")
	if len(values) == 0 {
		return "", nil
	}
	if len(values) == 1 && strings.TrimSpace(values[0]) == "*" {
		return "", nil
	}
	version, ok := versionOf(strings.Join(values, ","))
	if !ok {
		return "", outcome.New(outcome.PreconditionFailed, "")
	}
	return version, nil
}

// versionOf reads one entity tag: W/"…", "…" or, as some clients send it, the bare version.
func versionOf(tag string) (string, bool) {
	tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
	if inner, ok := strings.CutPrefix(tag, `"`); ok {
		if tag, ok = strings.CutSuffix(inner, `"`); !ok {
			return "", false
		}
	}
	return tag, tag != "" && !strings.ContainsAny(tag, "\", ")
}

// noneMatch says whether If-None-Match names the version: then the client has it already.
func noneMatch(header http.Header, version string) bool {
	for tag := range strings.SplitSeq(strings.Join(header.Values("If-None-Match"), ","), ",") {
		if named, ok := versionOf(tag); ok && (named == version || named == "*") {
			return true
		}
	}
	return false
}
