package web

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/admitdev/admit/pkg/outcome"
)

// MaxJSON is the greatest size of an ordinary body; contract: maxJsonSize.
const MaxJSON = 1 << 20

// unparsable is Medplum's text for a body that is no JSON.
const unparsable = "Content could not be parsed"

var byteOrderMark = []byte("\xef\xbb\xbf")

// ReadBody returns the body of a request whose content type is application/json or
// application/*+json. More than limit bytes is outcome.TooLong, another type, version of FHIR,
// charset or content encoding outcome.UnsupportedMedia. A leading byte order mark is dropped (RFC 8259 §8.1). The
// content itself, UTF-8 included, is for the caller to check.
func ReadBody(c echo.Context, limit int64) ([]byte, error) {
	body, err := ReadRaw(c, limit)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	if err := wantJSON(c.Request().Header); err != nil {
		return nil, err
	}
	return bytes.TrimPrefix(body, byteOrderMark), nil
}

// ReadForm returns the parameters of an application/x-www-form-urlencoded body. A parameter given
// twice is for the surface to judge (RFC 6749 §3.2 forbids it).
func ReadForm(c echo.Context) (url.Values, error) {
	body, err := ReadRaw(c, MaxJSON)
	if err != nil || len(body) == 0 {
		return url.Values{}, err
	}
	header := c.Request().Header
	media, params, err := mime.ParseMediaType(header.Get(echo.HeaderContentType))
	if err != nil || media != echo.MIMEApplicationForm {
		return nil, outcome.New(outcome.UnsupportedMedia, "Content-Type must be %s", echo.MIMEApplicationForm)
	}
	if err := wantUTF8(params["charset"], header); err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, outcome.New(outcome.Invalid, unparsable)
	}
	return values, nil
}

// ReadRaw reads the body up to limit, whatever it is. A declared length over it is refused before a byte is read.
func ReadRaw(c echo.Context, limit int64) ([]byte, error) {
	request := c.Request()
	if request.ContentLength > limit {
		return nil, outcome.New(outcome.TooLong, "")
	}
	if request.Body == nil || request.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, request.Body, limit))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, outcome.New(outcome.TooLong, "")
	case err != nil: // the client went away or broke its chunks
		return nil, outcome.New(outcome.Invalid, unparsable)
	}
	return body, nil
}

func wantJSON(header http.Header) error {
	media, params, err := mime.ParseMediaType(header.Get(echo.HeaderContentType))
	isJSON := media == echo.MIMEApplicationJSON ||
		strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
	if err != nil || !isJSON {
		return outcome.New(outcome.UnsupportedMedia, "Content-Type must be application/json or application/fhir+json")
	}
	if version, said := params["fhirversion"]; said && version != "4.0" { // R4 http.html#version-parameter
		return outcome.New(outcome.UnsupportedMedia, "The fhirVersion of the Content-Type must be 4.0")
	}
	return wantUTF8(params["charset"], header)
}

func wantUTF8(charset string, header http.Header) error {
	if charset != "" && !strings.EqualFold(charset, "utf-8") {
		return outcome.New(outcome.UnsupportedMedia, "The charset must be utf-8")
	}
	if encoding := header.Get(echo.HeaderContentEncoding); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return outcome.New(outcome.UnsupportedMedia, "The body must not be compressed")
	}
	return nil
}
