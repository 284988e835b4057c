package admin

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/pkg/audit"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// ImportRow is what a report says of a row.
type ImportRow struct {
	Line   int                  `json:"line"`
	State  store.ImportRowState `json:"state"`
	Action store.ImportAction   `json:"action"`
	listedPerson
	// Membership is what it has made or found.
	Membership string `json:"membership,omitempty"`
	Error      string `json:"error,omitempty"`
	Expression string `json:"expression,omitempty"` // the column at fault
}

func reported(row store.ImportRow) (ImportRow, error) {
	shown := ImportRow{Line: row.Number, State: row.State, Action: row.Action}
	var made imported
	var wrong problem
	for text, into := range map[string]any{row.Person: &shown.listedPerson, row.Result: &made, row.Problem: &wrong} {
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), into); err != nil {
			return shown, fmt.Errorf("row %d of import %s is damaged: %w", row.Number, row.Import, err)
		}
	}
	shown.Error, shown.Expression = wrong.Text, wrong.Expression
	if made.Membership.ID != "" {
		shown.Membership = made.Membership.Type + "/" + made.Membership.ID
	}
	return shown, nil
}

// ImportReport is a report that can be written.
type ImportReport struct {
	ContentType string
	Name        string // of the file
	write       func(io.Writer) error
}

// Send writes the report.
func (r ImportReport) Send(w io.Writer) error { return r.write(w) }

// ReportImport is what became of each row, or would, as csv or ndjson.
//
// Errors: outcome Forbidden, NotFound, Invalid.
func (s *Service) ReportImport(ctx context.Context, who caller.Caller, project, id, format string) (ImportReport, error) {
	if err := s.mayAdminister(ctx, who, project, audit.Import); err != nil {
		return ImportReport{}, err
	}
	in, err := s.storedImport(ctx, project, id)
	if err != nil {
		return ImportReport{}, err
	}
	report := ImportReport{Name: "import-" + in.ID + "." + format}
	switch format {
	case "csv":
		report.ContentType = TypeCSV + "; charset=utf-8; header=present"
		report.write = func(w io.Writer) error { return s.writeCSV(ctx, in, w) }
	case "ndjson":
		report.ContentType = TypeNDJSON
		report.write = func(w io.Writer) error {
			encoder := json.NewEncoder(w)
			encoder.SetEscapeHTML(false)
			return s.eachRow(ctx, in, func(row ImportRow) error { return encoder.Encode(row) })
		}
	default:
		return ImportReport{}, outcome.New(outcome.Invalid, "The format of a report is csv or ndjson").At("format")
	}
	return report, nil
}

func (s *Service) writeCSV(ctx context.Context, in store.Import, w io.Writer) error {
	out := csv.NewWriter(w)
	err := out.Write([]string{"line", "state", "action", "resourceType", "firstName", "lastName", "email", "externalId", "membership", "expression", "error"})
	if err != nil {
		return err
	}
	err = s.eachRow(ctx, in, func(row ImportRow) error {
		cells := []string{
			strconv.Itoa(row.Line), string(row.State), string(row.Action), row.ResourceType, row.FirstName, row.LastName,
			row.Email, row.ExternalID, row.Membership, row.Expression, row.Error,
		}
		for i := range cells {
			cells[i] = noFormula(cells[i])
		}
		return out.Write(cells)
	})
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	return err
}

// noFormula keeps a spreadsheet from calculating what somebody has called themselves (OWASP, CSV
// injection).
func noFormula(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n|%＝＋－＠", []rune(cell)[0]) {
		return "'" + cell
	}
	return cell
}

// eachRow reads the rows page by page.
func (s *Service) eachRow(ctx context.Context, in store.Import, fn func(ImportRow) error) error {
	for after := 0; ; {
		rows, err := s.Store.ImportRows(ctx, in, "", after, planAtOnce)
		if err != nil {
			return err
		}
		for _, row := range rows {
			shown, err := reported(row)
			if err == nil {
				err = fn(shown)
			}
			if err != nil {
				return err
			}
		}
		if len(rows) < planAtOnce {
			return nil
		}
		after = rows[len(rows)-1].Number
	}
}
