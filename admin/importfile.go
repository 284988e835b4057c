package admin

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/web"
)

// The limits of a list of people.
const (
	MaxImport     = 32 << 20 // bytes
	maxImportRows = 50_000
	maxImportRow  = 64 << 10 // bytes of a row in NDJSON
	maxCell       = 4096     // characters of a cell in CSV
)

// The media types of lists.
const (
	TypeCSV    = "text/csv"
	TypeNDJSON = "application/x-ndjson"
)

// listed is a row of a list: an invite, or why it is none.
type listed struct {
	number  int // of the line that it begins on
	invite  Invitation
	refused error
}

func (l *listed) isRefused() bool { return l.refused != nil }

// readList reads a list of people. What is wrong with one row is that row's; an error is about the
// list as a whole.
//
// Errors: outcome Invalid, TooLong, UnsupportedMedia.
func readList(body io.Reader, contentType string) ([]listed, error) {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || !slices.Contains([]string{TypeCSV, TypeNDJSON, "application/ndjson", "application/jsonl"}, media) {
		return nil, outcome.New(outcome.UnsupportedMedia, "Content-Type must be %s or %s", TypeCSV, TypeNDJSON)
	}
	text, err := inUTF8(body, params["charset"])
	if err != nil {
		return nil, err
	}
	rows, err := []listed(nil), error(nil)
	if media == TypeCSV {
		rows, err = readCSV(text)
	} else {
		rows, err = readNDJSON(text)
	}
	var tooLong *http.MaxBytesError
	var own *outcome.Outcome
	switch {
	case errors.As(err, &tooLong):
		return nil, outcome.New(outcome.TooLong, "A list has %d MiB at most; send it in parts", MaxImport>>20)
	case errors.As(err, &own):
		return nil, own
	case err != nil: // the client went away or broke its chunks
		return nil, outcome.New(outcome.Invalid, "The list ends before its end").Because("%s", err)
	case len(rows) == 0:
		return nil, outcome.New(outcome.Invalid, "The list is empty")
	}
	return rows, nil
}

// inUTF8 reads text in the encoding that is declared, which a byte order mark overrules, without the mark.
//
// Errors: outcome UnsupportedMedia.
func inUTF8(body io.Reader, charset string) (io.Reader, error) {
	declared := unicode.UTF8
	if charset != "" {
		var err error
		if declared, err = htmlindex.Get(charset); err != nil {
			return nil, outcome.New(outcome.UnsupportedMedia, "The charset %q is not known", charset)
		}
	}
	if name, err := htmlindex.Name(declared); err == nil && name == "utf-8" {
		return transform.NewReader(body, unicode.BOMOverride(transform.Nop)), nil // bad bytes are for readList to find
	}
	return transform.NewReader(body, unicode.BOMOverride(declared.NewDecoder())), nil
}

// readable refuses text that is in another encoding than it was said to be.
func readable(line int, text string) error {
	if utf8.ValidString(text) && !strings.ContainsRune(text, utf8.RuneError) {
		return nil
	}
	return outcome.New(outcome.Invalid, "Line %d is not in the encoding of the list; name its charset, such as windows-1252, or send UTF-8", line)
}

func readCSV(text io.Reader) ([]listed, error) {
	reader := csv.NewReader(text)
	reader.FieldsPerRecord, reader.ReuseRecord = -1, true
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, malformed(err)
	}
	if len(header) == 1 && strings.ContainsAny(header[0], ";\t") {
		return nil, outcome.New(outcome.Invalid, "The columns are separated by semicolons or tabs; separate them by commas, as CSV (RFC 4180) has it")
	}
	names, known := slices.Clone(header), columns()
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
		switch {
		case known[names[i]] == nil:
			return nil, outcome.New(outcome.Invalid, "The column %.64q is not known; the columns are %s", names[i], columnNames()).At(fmt.Sprintf("%.64s", names[i]))
		case slices.Contains(names[:i], names[i]):
			return nil, outcome.New(outcome.Invalid, "The column %q is there twice", names[i]).At(names[i])
		}
	}
	var rows []listed
	for {
		cells, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, malformed(err)
		}
		line, _ := reader.FieldPos(0)
		if err := readable(line, strings.Join(cells, "")); err != nil {
			return nil, err
		}
		row := listed{number: line}
		row.invite, row.refused = fromCells(known, names, cells)
		if rows, err = withRow(rows, row); err != nil {
			return nil, err
		}
	}
}

// malformed is a fault in the quoting, after which nothing can be told apart.
func malformed(err error) error {
	var fault *csv.ParseError
	if !errors.As(err, &fault) {
		return err
	}
	return outcome.New(outcome.Invalid, "Line %d is no CSV (RFC 4180): %s", fault.StartLine, fault.Err)
}

func withRow(rows []listed, row listed) ([]listed, error) {
	if len(rows) == maxImportRows {
		return nil, outcome.New(outcome.TooLong, "A list has %d rows at most; send it in parts", maxImportRows)
	}
	return append(rows, row), nil
}

func fromCells(known map[string]column, names, cells []string) (in Invitation, err error) {
	if len(cells) != len(names) {
		return in, outcome.New(outcome.Invalid, "The row has %d cells where the header has %d", len(cells), len(names))
	}
	for i, name := range names {
		switch cell := cells[i]; {
		case cell == "":
		case utf8.RuneCountInString(cell) > maxCell:
			return Invitation{}, outcome.New(outcome.Invalid, "A cell has at most %d characters", maxCell).At(name)
		case !isPlain(cell):
			return Invitation{}, outcome.New(outcome.Invalid, "A cell has no control characters").At(name)
		default:
			if err := known[name](&in, cell); err != nil {
				return Invitation{}, outcome.New(outcome.Invalid, "%s", err).At(name)
			}
		}
	}
	return in, nil
}

// column puts a cell that is not empty into an invite.
type column func(in *Invitation, cell string) error

// columns are the columns of a list in CSV: the fields of an invite.
func columns() map[string]column {
	text := func(field func(*Invitation) *string) column {
		return func(in *Invitation, cell string) error { *field(in) = cell; return nil }
	}
	flag := func(set func(*Invitation, bool)) column {
		return func(in *Invitation, cell string) error {
			yes := strings.EqualFold(cell, "true")
			if !yes && !strings.EqualFold(cell, "false") {
				return outcome.New(outcome.Invalid, "Expected true or false")
			}
			set(in, yes)
			return nil
		}
	}
	return map[string]column{
		"resourceType": text(func(in *Invitation) *string { return &in.ResourceType }),
		"firstName":    text(func(in *Invitation) *string { return &in.FirstName }),
		"lastName":     text(func(in *Invitation) *string { return &in.LastName }),
		"email":        text(func(in *Invitation) *string { return &in.Email }),
		"externalId":   text(func(in *Invitation) *string { return &in.ExternalID }),
		"scope":        text(func(in *Invitation) *string { return &in.Scope }),
		"password":     text(func(in *Invitation) *string { return &in.Password }),
		"sendEmail":    flag(func(in *Invitation, yes bool) { in.SendEmail = new(Flag(yes)) }),
		"mfaRequired":  flag(func(in *Invitation, yes bool) { in.MFARequired = yes }),
		"admin":        flag(func(in *Invitation, yes bool) { in.Admin = new(yes) }),
		"upsert":       flag(func(in *Invitation, yes bool) { in.Upsert = yes }),
		"patient":      func(in *Invitation, cell string) error { in.Patient = &medplum.Reference{Reference: cell}; return nil },
		"accessPolicy": func(in *Invitation, cell string) (err error) {
			in.AccessPolicy, err = marshal(medplum.Reference{Reference: cell})
			return err
		},
	}
}

func columnNames() string {
	names := []string{}
	for name := range columns() {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func readNDJSON(text io.Reader) ([]listed, error) {
	reader := bufio.NewReaderSize(text, maxImportRow)
	var rows []listed
	for number := 1; ; number++ {
		line, err := reader.ReadSlice('\n')
		row := listed{number: number}
		if errors.Is(err, bufio.ErrBufferFull) {
			row.refused = outcome.New(outcome.Invalid, "A row has at most %d bytes", maxImportRow)
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = reader.ReadSlice('\n')
			}
			line = []byte("…")
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if content := strings.TrimSpace(string(line)); content != "" {
			if err := readable(number, content); err != nil {
				return nil, err
			}
			if row.refused == nil {
				row.refused = fromJSON([]byte(content), &row.invite)
			}
			var full error
			if rows, full = withRow(rows, row); full != nil {
				return nil, full
			}
		}
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
	}
}

func fromJSON(content []byte, in *Invitation) error {
	err := web.DecodeJSON(content, in, web.RefuseUnknown())
	if err == nil && in.ForceNewMembership {
		err = outcome.New(outcome.Invalid, "A list makes nobody a further membership, for it would make another each time that it is sent").At("forceNewMembership")
	}
	if err != nil {
		*in = Invitation{}
	}
	return err
}

// listedPerson is how a row is told from others in a report.
type listedPerson struct {
	ResourceType string `json:"resourceType,omitempty"`
	FirstName    string `json:"firstName,omitempty"`
	LastName     string `json:"lastName,omitempty"`
	Email        string `json:"email,omitempty"`
	ExternalID   string `json:"externalId,omitempty"`
}

func (in *Invitation) listed() listedPerson {
	short := func(s string) string {
		runes := []rune(s)
		return string(runes[:min(len(runes), maxExternalID)])
	}
	return listedPerson{short(in.ResourceType), short(in.FirstName), short(in.LastName), short(in.Email), short(in.ExternalID)}
}
