package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/admitdev/admit/fhir/caller"
	"github.com/admitdev/admit/fhir/repo"
	"github.com/admitdev/admit/pkg/outcome"
	"github.com/admitdev/admit/pkg/store"
)

// importBatch is how many rows are done in one transaction.
const importBatch = 200

// problem is what is wrong with a row, as it is kept.
type problem struct {
	Text       string `json:"text"`
	Expression string `json:"expression,omitempty"`
}

// imported is what a row has made, with the versions by which it is known whether that has changed.
type imported struct {
	Membership version  `json:"membership"`
	Before     string   `json:"before,omitempty"` // the version of the membership that was updated
	User       *version `json:"user,omitempty"`   // that was made, and so on
	Profile    *version `json:"profile,omitempty"`
	Password   bool     `json:"password,omitempty"` // that the list gave
}

// version is a version of a resource.
type version struct {
	Project string `json:"project"`
	Type    string `json:"type"`
	ID      string `json:"id"`
	Version string `json:"version"`
}

func versionOf(res store.Resource) *version {
	return &version{res.Project, res.Type, res.ID, res.Version}
}

// ref is the resource.
func (v version) ref() store.Ref { return store.Ref{Project: v.Project, Type: v.Type, ID: v.ID} }

// waiting is a row that waits, opened.
type waiting struct {
	row  store.ImportRow
	in   Invitation
	hash string
	// refused is why the password will not do, which may have been good enough when it was sent.
	refused error
	plan    plan
}

// explained is an error with its diagnostics, for whoever sees no more than a line.
func explained(err error) string {
	var o *outcome.Outcome
	if !errors.As(err, &o) {
		return err.Error()
	}
	texts := make([]string, len(o.Issues))
	for i, issue := range o.Issues {
		if texts[i] = issue.Text; issue.Diagnostics != "" {
			texts[i] += ": " + issue.Diagnostics
		}
	}
	return strings.Join(texts, "; ")
}

// fail keeps why a row is refused.
func (w *waiting) fail(refused error) error {
	p := problem{Text: explained(refused)}
	var o *outcome.Outcome
	if errors.As(refused, &o) && len(o.Issues) > 0 && len(o.Issues[0].Expression) > 0 {
		p.Expression = o.Issues[0].Expression[0]
	}
	text, err := marshal(p)
	w.row.State, w.row.Action, w.row.Problem = store.RowFailed, store.RowError, string(text)
	return err
}

func (w *waiting) done(action store.ImportAction, result imported) error {
	text, err := marshal(result)
	w.row.State, w.row.Action, w.row.Result = store.RowDone, action, string(text)
	return err
}

// errOneByOne is for a batch of which a row was refused only when it was written, or was invited by
// somebody else meanwhile.
var errOneByOne = errors.New("the rows are to be done one by one")

// applyBatch does the next rows after a number and gives the number of the last; 0 when there are none.
func (s *Service) applyBatch(ctx context.Context, who caller.Caller, in store.Import, after int) (last int, err error) {
	rows, err := s.Store.ImportRows(ctx, in, store.RowPending, after, importBatch)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	batch, err := s.openRows(ctx, rows)
	if err != nil {
		return 0, err
	}
	var left []waiting
	err = s.Repo.System("import people", in.Project).InTx(ctx, func(tx *repo.Tx) (err error) {
		left, err = s.applyTogether(ctx, tx, who, in, batch)
		return err
	})
	if errors.Is(err, errOneByOne) || errors.As(err, new(*outcome.Outcome)) || errors.As(err, new(*store.KeyConflict)) {
		left, err = batch, nil
	}
	if err != nil {
		return 0, err
	}
	for _, w := range left {
		if err := s.applyAlone(ctx, who, in, w); err != nil {
			return 0, err
		}
	}
	return rows[len(rows)-1].Number, nil
}

// openRows reads what rows ask for, and hashes the passwords in them.
func (s *Service) openRows(ctx context.Context, rows []store.ImportRow) ([]waiting, error) {
	batch := make([]waiting, len(rows))
	for i, row := range rows {
		text, err := s.Box.Open(row.Request, importPlace(row.Import, row.Number))
		if err != nil {
			return nil, fmt.Errorf("open row %d of import %s: %w", row.Number, row.Import, err)
		}
		batch[i].row = row
		if err := json.Unmarshal(text, &batch[i].in); err != nil {
			return nil, fmt.Errorf("read row %d of import %s: %w", row.Number, row.Import, err)
		}
		batch[i].hash, err = s.hash(ctx, batch[i].in.Password, batch[i].in.Email)
		if errors.As(err, new(*outcome.Outcome)) {
			batch[i].refused, err = err, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return batch, nil
}

// importPlace is where a row is sealed for.
func importPlace(id string, number int) string { return "import/" + id + "/" + strconv.Itoa(number) }

// still is those of the rows that wait, once nobody else can do them.
func still(ctx context.Context, tx *repo.Tx, in store.Import, batch []waiting) ([]waiting, error) {
	rows := tx.Store()
	held, err := rows.HoldImport(ctx, in.Project, in.ID)
	if err != nil || held.State != store.ImportRunning {
		return nil, err
	}
	first, last := batch[0].row.Number, batch[len(batch)-1].row.Number
	now, err := rows.ImportRows(ctx, in, store.RowPending, first-1, len(batch))
	if err != nil {
		return nil, err
	}
	var waits []waiting
	for _, w := range batch {
		if w.row.Number <= last && slices.ContainsFunc(now, func(r store.ImportRow) bool { return r.Number == w.row.Number }) {
			waits = append(waits, w)
		}
	}
	return waits, nil
}

// applyTogether does what can be done together and says which rows are left: those that need more
// than a new person.
func (s *Service) applyTogether(ctx context.Context, tx *repo.Tx, who caller.Caller, in store.Import, batch []waiting) (left []waiting, err error) {
	waits, err := still(ctx, tx, in, batch)
	if err != nil || len(waits) == 0 {
		return nil, err
	}
	if err := s.planWaiting(ctx, tx, in, waits); err != nil {
		return nil, err
	}
	plain, left, marked, err := sortedOut(waits)
	if err != nil {
		return nil, err
	}
	plain, known, err := s.withoutProfiles(ctx, tx, in.Project, plain)
	if err != nil {
		return nil, err
	}
	if err := s.inviteAll(ctx, tx, who, in.Project, plain); err != nil {
		return nil, err
	}
	for _, w := range plain {
		marked = append(marked, w.row)
	}
	return append(left, known...), tx.Store().SetImportRows(ctx, marked)
}

func (s *Service) planWaiting(ctx context.Context, tx *repo.Tx, in store.Import, waits []waiting) error {
	invites := make([]Invitation, len(waits))
	for i := range waits {
		invites[i] = waits[i].in
	}
	p := planning{project: in.Project, keys: tx.Store(), members: tx.System("see who is a member", in.Project)}
	plans, err := p.plans(ctx, invites)
	for i := range plans {
		if waits[i].plan = plans[i]; waits[i].refused != nil {
			waits[i].plan = refusedBy(waits[i].refused)
		}
	}
	return err
}

// sortedOut tells the rows of new people from those that need a transaction of their own and from
// those that need nothing, which are marked.
func sortedOut(waits []waiting) (plain, left []waiting, marked []store.ImportRow, err error) {
	seen := map[string]bool{}
	for _, w := range waits {
		switch {
		case w.plan.action == store.RowUnchanged:
			err = w.done(store.RowUnchanged, imported{Membership: *versionOf(w.plan.member)})
		case w.plan.action == store.RowError:
			err = w.fail(w.plan.refused)
		case w.plan.plain && !seen[w.in.Email]:
			seen[w.in.Email] = w.in.Email != ""
			plain = append(plain, w)
			continue
		default:
			left = append(left, w)
			continue
		}
		if err != nil {
			return nil, nil, nil, err
		}
		marked = append(marked, w.row)
	}
	return plain, left, marked, nil
}

// applyAlone does one row, in a transaction of its own.
func (s *Service) applyAlone(ctx context.Context, who caller.Caller, in store.Import, w waiting) error {
	err := s.again(ctx, func() error {
		return s.Repo.System("import a person", in.Project).InTx(ctx, func(tx *repo.Tx) error {
			waits, err := still(ctx, tx, in, []waiting{w})
			if err != nil || len(waits) == 0 {
				return err
			}
			if err := s.planWaiting(ctx, tx, in, waits); err != nil {
				return err
			}
			row, err := s.inviteOne(ctx, tx, who, in.Project, waits[0])
			if err != nil {
				return err
			}
			return tx.Store().SetImportRows(ctx, []store.ImportRow{row})
		})
	})
	var refused *outcome.Outcome
	if !errors.As(err, &refused) {
		return err
	}
	return s.Store.InTx(ctx, func(tx *store.Tx) error {
		if err := w.fail(refused); err != nil {
			return err
		}
		return tx.SetImportRows(ctx, []store.ImportRow{w.row})
	})
}

// inviteOne invites somebody about whom something is known already.
func (s *Service) inviteOne(ctx context.Context, tx *repo.Tx, who caller.Caller, project string, w waiting) (store.ImportRow, error) {
	switch w.plan.action {
	case store.RowError:
		return w.row, w.plan.refused
	case store.RowUnchanged:
		err := w.done(store.RowUnchanged, imported{Membership: *versionOf(w.plan.member)})
		return w.row, err
	}
	v := inviting{s: s, who: who, in: w.in, hash: w.hash, ahead: invitedAhead{membership: tx.NewID()}}
	var member store.Resource
	made, err := tx.Gather(ctx, func(tx *repo.Tx) (err error) {
		v.tx = tx
		member, err = v.run(ctx, project)
		return err
	})
	if err != nil {
		return w.row, err
	}
	result := v.imported(made)
	if w.plan.action == store.RowUpdate {
		result.Membership, result.Before = *versionOf(member), w.plan.member.Version
	}
	err = w.done(w.plan.action, result)
	return w.row, err
}
