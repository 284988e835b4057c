package repo

import (
	"context"
	"slices"

	"github.com/admitdev/admit/fhir/medplum"
	"github.com/admitdev/admit/fhir/policy"
	"github.com/admitdev/admit/pkg/store"
)

// contextsOf are the contexts that a version of a Binary lies in: its own, of a deletion that of
// what was deleted, and that of the last version of one that is deleted now. A deletion of which
// nothing is left is in none that could be looked up.
func contextsOf(row store.HistoryRow) (visible bool, contexts []string, err error) {
	own := row.Content
	if row.Deleted {
		own = row.Was
	}
	if own == nil {
		return false, nil, nil
	}
	for _, content := range [][]byte{own, row.Last} {
		reference, err := contextOf(content)
		if err != nil {
			return false, nil, err
		}
		if reference != nil {
			contexts = append(contexts, reference.Reference)
		}
	}
	return true, contexts, nil
}

// inContexts hides the Binaries whose context the caller may not read, then or now (see inContext).
// It asks for all versions together: a statement for each would let a page cost a thousand.
func (h *history) inContexts(ctx context.Context, versions []candidate) error {
	if err := h.addPresent(ctx, versions); err != nil {
		return err
	}
	var unknown []string
	for _, v := range versions {
		for _, context := range v.contexts {
			if _, known := h.contexts[context]; !known {
				h.contexts[context] = false
				unknown = append(unknown, context)
			}
		}
	}
	if err := h.lookUp(ctx, unknown); err != nil {
		return err
	}
	for i := range versions {
		v := &versions[i]
		if slices.ContainsFunc(v.contexts, func(context string) bool { return !h.contexts[context] }) {
			v.visible, v.Content, v.Meta = false, nil, nil
		}
	}
	return nil
}

// addPresent adds the contexts in which Binaries are now to those of their versions. That of the
// one Binary asked for has been looked at before its history.
func (h *history) addPresent(ctx context.Context, versions []candidate) error {
	if h.request.ID != "" {
		return nil
	}
	var ids []string
	for _, v := range versions {
		if v.Type == typeBinary && v.visible && !v.gone {
			ids = append(ids, v.ID)
		}
	}
	present := map[string]string{}
	for some := range slices.Chunk(distinct(ids), contextChunk) {
		rows, err := h.access.rows.Search(ctx, store.Query{
			Projects: []string{h.query.Project}, Types: []string{typeBinary}, Where: store.IDIn(some), Limit: len(some),
		})
		if err != nil {
			return err
		}
		for _, row := range rows {
			reference, err := contextOf(row.Content)
			if err != nil {
				return err
			}
			if reference != nil {
				present[row.ID] = reference.Reference
			}
		}
	}
	for i := range versions {
		v := &versions[i]
		if now, ok := present[v.ID]; ok && v.Type == typeBinary && !v.gone {
			v.contexts = append(v.contexts, now)
		}
	}
	return nil
}

// contextChunk is how many resources are held at once to learn of contexts.
const contextChunk = 100

// lookUp learns which contexts the caller may read.
func (h *history) lookUp(ctx context.Context, contexts []string) error {
	ids := map[string][]string{} // by type
	for _, context := range contexts {
		if resourceType, id := (medplum.Reference{Reference: context}).Split(); resourceType != "" && resourceType != typeBinary {
			ids[resourceType] = append(ids[resourceType], id)
		}
	}
	readable := map[string]bool{}
	for resourceType, all := range ids {
		if _, err := h.narrow(policy.Read, resourceType); err != nil {
			continue
		}
		for some := range slices.Chunk(distinct(all), contextChunk) {
			rows, err := h.rowsOfMany(ctx, resourceType, some)
			if err != nil {
				return err
			}
			for _, row := range rows {
				readable[resourceType+"/"+row.ID] = true
			}
		}
	}
	for _, context := range contexts {
		resourceType, id := medplum.Reference{Reference: context}.Split()
		h.contexts[context] = readable[resourceType+"/"+id]
	}
	return nil
}

func distinct(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}
