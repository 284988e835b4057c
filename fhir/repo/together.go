package repo

import (
	"context"
	"reflect"
	"slices"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/store"
)

// Target is a resource that an update or patch will be about.
type Target struct{ Type, ID string }

// Together runs fn, whose writes are made when it ends: all of them in one statement, or none. It
// costs no transaction, so fn makes either creates or, of these targets, updates and patches, and
// only of types that are Plain; what it writes is not read in it.
//
// Errors: as Create's and Update's.
func (s *Session) Together(ctx context.Context, targets []Target, fn func(*Session) error) error {
	a := s.access
	kept := &keeper{rows: a.rows, wanted: a.wanted(targets)}
	a.rows = kept
	if err := fn(&Session{a}); err != nil {
		return err
	}
	return kept.write(ctx)
}

// Plain says that a create or update of the type writes its own row and nothing else, and looks nothing up.
func (s *Session) Plain(ctx context.Context, resourceType string) bool {
	return !needsTx(resourceType) && len(draft{ref: store.Ref{Type: resourceType}}.keys()) == 0 && !ownRules(resourceType) &&
		(s.system != "" || !s.who.CheckReferences && !s.who.SuperAdmin) && !s.mayInherit(ctx, resourceType)
}

// Transaction is InTx, in which writes are kept back until something is read or fn ends: then
// creates are one statement, and so are updates. The targets are those of the updates to come, and the
// conditions are asked together as far as can be.
//
// Errors: those of fn and of the writes. What fn was told of a single write is true only without one.
func (s *Session) Transaction(ctx context.Context, targets []Target, asked Conditions, fn func(*Tx) error) error {
	return s.InTx(ctx, func(tx *Tx) error {
		a := tx.access
		found, err := a.ask(ctx, asked)
		if err != nil {
			return err
		}
		kept := &writeBehind{keeper{rows: a.rows, wanted: a.wanted(slices.Concat(targets, found))}}
		a.rows, a.patients = kept, map[string][]medplum.Reference{}
		if err := fn(&Tx{a}); err != nil {
			return err
		}
		return kept.write(ctx)
	})
}

// wanted are the rows that updates of the targets will ask for.
func (a *access) wanted(targets []Target) []store.Ref {
	var wanted []store.Ref
	for _, t := range targets {
		if _, denied := a.narrow(policy.Update, t.Type); denied == nil && ValidID(t.ID) {
			wanted = append(wanted, store.Ref{Project: a.home(t.Type), Type: t.Type, ID: t.ID})
		}
	}
	return wanted
}

const (
	// maxTogether is how many writes the store makes in one statement.
	maxTogether = 500
	// maxAhead is how many rows are read before they are asked for: as many are in memory.
	maxAhead = 100
)

// keeper keeps writes back, and reads what is wanted ahead.
type keeper struct {
	rows
	writes []store.Write
	failed error // of writes that cannot be made any more

	wanted  []store.Ref
	ahead   map[store.Ref]store.Resource
	visible store.Predicate // of what is in ahead
}

// taken is a row that was read ahead. Each is given once: it may change thereafter.
func (k *keeper) taken(ref store.Ref, visible store.Predicate) (store.Resource, bool) {
	res, ok := k.ahead[ref]
	delete(k.ahead, ref)
	return res, ok && reflect.DeepEqual(visible, k.visible)
}

// readAhead reads the row, if it is wanted, and those like it that will be wanted next. Rows that
// are deleted or not to be seen stay out, for whoever asks for one of them alone.
func (k *keeper) readAhead(ctx context.Context, ref store.Ref, visible store.Predicate) error {
	if !slices.Contains(k.wanted, ref) {
		return nil
	}
	var later []store.Ref
	ids := store.IDIn{ref.ID}
	for _, w := range k.wanted {
		switch {
		case w == ref:
		case w.Project == ref.Project && w.Type == ref.Type && len(ids) < maxAhead:
			ids = append(ids, w.ID)
		default:
			later = append(later, w)
		}
	}
	k.wanted, k.ahead, k.visible = later, map[store.Ref]store.Resource{}, visible
	if len(ids) < 2 {
		return nil
	}
	q := store.Query{Projects: []string{ref.Project}, Types: []string{ref.Type}, Where: ids, Limit: len(ids)}
	if visible != nil {
		q.Where = store.And{ids, visible}
	}
	rows, err := k.rows.Search(ctx, q)
	for _, row := range rows {
		k.ahead[row.Ref] = row.Resource
	}
	return err
}

func (k *keeper) Get(ctx context.Context, ref store.Ref, visible store.Predicate) (store.Resource, error) {
	if res, ok := k.taken(ref, visible); ok {
		return res, nil
	}
	if err := k.readAhead(ctx, ref, visible); err != nil {
		return store.Resource{}, err
	}
	if res, ok := k.taken(ref, visible); ok {
		return res, nil
	}
	return k.rows.Get(ctx, ref, visible)
}

func (k *keeper) Put(_ context.Context, w ...store.Write) error {
	k.writes = append(k.writes, w...)
	return nil
}

func (k *keeper) write(ctx context.Context) error {
	if len(k.writes) > 0 && k.failed == nil {
		k.failed = refused(k.put(ctx, k.writes))
		k.writes = nil
	}
	return k.failed
}

func (k *keeper) put(ctx context.Context, writes []store.Write) error {
	if _, within := k.rows.(*store.Tx); !within {
		return putIndexed(ctx, k.rows, writes...)
	}
	for len(writes) > 0 { // in a transaction only what is one statement can be put again
		n := 1
		for n < len(writes) && n < maxTogether && writes[n].Project == writes[0].Project && (writes[n].Replaces == "") == (writes[0].Replaces == "") {
			n++
		}
		if err := putIndexed(ctx, k.rows, writes[:n]...); err != nil {
			return err
		}
		writes = writes[n:]
	}
	return nil
}

// writeBehind is a transaction's rows: every read sees what was written before it.
type writeBehind struct{ keeper }

func (b *writeBehind) Put(ctx context.Context, w ...store.Write) error {
	for _, one := range w {
		if len(one.Keys) == 0 && (one.Replaces == "" || !needsTx(one.Type)) {
			b.writes = append(b.writes, one)
			continue
		}
		if err := b.write(ctx); err != nil {
			return err
		}
		if err := putIndexed(ctx, b.rows, one); err != nil {
			return err
		}
	}
	return nil
}

func (b *writeBehind) Get(ctx context.Context, ref store.Ref, visible store.Predicate) (store.Resource, error) {
	if res, ok := b.taken(ref, visible); ok {
		return res, nil
	}
	if err := b.write(ctx); err != nil {
		return store.Resource{}, err
	}
	return b.keeper.Get(ctx, ref, visible)
}

func (b *writeBehind) GetVersion(ctx context.Context, ref store.Ref, version string) (store.Resource, error) {
	if err := b.write(ctx); err != nil {
		return store.Resource{}, err
	}
	return b.rows.GetVersion(ctx, ref, version)
}

func (b *writeBehind) History(ctx context.Context, ref store.Ref, limit, offset int) ([]store.Resource, error) {
	if err := b.write(ctx); err != nil {
		return nil, err
	}
	return b.rows.History(ctx, ref, limit, offset)
}

func (b *writeBehind) EachVersion(ctx context.Context, q store.HistoryQuery, fn func(store.HistoryRow) (bool, error)) error {
	if err := b.write(ctx); err != nil {
		return err
	}
	return b.rows.EachVersion(ctx, q, fn)
}

func (b *writeBehind) EachLastLive(ctx context.Context, project string, refs []store.Ref, fn func(store.Resource) error) error {
	if err := b.write(ctx); err != nil {
		return err
	}
	return b.rows.EachLastLive(ctx, project, refs, fn)
}

func (b *writeBehind) HistoryCount(ctx context.Context, ref store.Ref) (int, error) {
	if err := b.write(ctx); err != nil {
		return 0, err
	}
	return b.rows.HistoryCount(ctx, ref)
}

func (b *writeBehind) Search(ctx context.Context, q store.Query) ([]store.Row, error) {
	if err := b.write(ctx); err != nil {
		return nil, err
	}
	return b.rows.Search(ctx, q)
}

func (b *writeBehind) Count(ctx context.Context, q store.Query) (int, error) {
	if err := b.write(ctx); err != nil {
		return 0, err
	}
	return b.rows.Count(ctx, q)
}

func (b *writeBehind) Locate(ctx context.Context, resourceType, id string) (store.Ref, error) {
	if err := b.write(ctx); err != nil {
		return store.Ref{}, err
	}
	return b.rows.Locate(ctx, resourceType, id)
}

func (b *writeBehind) Owners(ctx context.Context, scope, kind, valuePrefix string, limit int) ([]store.Ref, error) {
	if err := b.write(ctx); err != nil {
		return nil, err
	}
	return b.rows.Owners(ctx, scope, kind, valuePrefix, limit)
}

func (b *writeBehind) Partitions(ctx context.Context) ([]string, error) {
	if err := b.write(ctx); err != nil {
		return nil, err
	}
	return b.rows.Partitions(ctx)
}
