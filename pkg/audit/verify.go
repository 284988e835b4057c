package audit

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"

	"github.com/admitdev/admit/pkg/store"
)

// Chains is what Verify reads; *store.Store implements it.
type Chains interface {
	AuditHead(ctx context.Context, project string) (store.AuditHead, error)
	AuditChain(ctx context.Context, project string, from int64, limit int) ([]store.AuditRecord, error)
	UnchainedAudit(ctx context.Context, project string, limit int) ([]string, error)
}

// Finding is something that is not as it was sealed.
type Finding struct {
	Seq     int64  // 0 where it is about no single link
	ID      string // of the record
	Problem string
}

// String implements fmt.Stringer.
func (f Finding) String() string {
	switch {
	case f.Seq == 0 && f.ID == "":
		return f.Problem
	case f.Seq == 0:
		return fmt.Sprintf("AuditEvent/%s: %s", f.ID, f.Problem)
	}
	return fmt.Sprintf("record %d, AuditEvent/%s: %s", f.Seq, f.ID, f.Problem)
}

// maxUnchained is how many records outside the chain are named.
const maxUnchained = 100

// Verify goes through the chain of a project and tells of every record that was changed, is missing,
// was added or stands elsewhere than where it was sealed, and of a chain that was cut off. Others may
// seal meanwhile: the head is read after the links, and then what came between.
func Verify(ctx context.Context, from Chains, key Signer, project string) (head store.AuditHead, found []Finding, err error) {
	v := verifier{project: project}
	for range 2 {
		if err := v.walk(ctx, from); err != nil {
			return head, nil, err
		}
		head, err = from.AuditHead(ctx, project)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return head, nil, err
		}
		if head.Seq <= v.last.Seq {
			break
		}
	}
	v.end(head, err != nil, key)
	unchained, err := from.UnchainedAudit(ctx, project, maxUnchained)
	for _, id := range unchained {
		v.found = append(v.found, Finding{ID: id, Problem: "was added: no link of the chain stands for it"})
	}
	return head, v.found, err
}

// verifier goes from link to link. It goes on from the hash that a link has, so that one that is
// wrong is told once.
type verifier struct {
	project string
	last    store.AuditHead
	found   []Finding
}

// walk looks at the links after the last one.
func (v *verifier) walk(ctx context.Context, from Chains) error {
	for {
		records, err := from.AuditChain(ctx, v.project, v.last.Seq+1, together)
		if err != nil {
			return err
		}
		for _, r := range records {
			v.look(r)
		}
		if len(records) < together {
			return nil
		}
	}
}

func (v *verifier) look(r store.AuditRecord) {
	tell := func(problem string) { v.found = append(v.found, Finding{r.Seq, r.ID, problem}) }
	gap := r.Seq != v.last.Seq+1
	switch {
	case r.Content == "":
		tell("is missing")
	case gap: // what its hash stands on is gone
	case digest(v.last.Hash, v.project, r.Seq, r.ID, r.Content) != r.Hash:
		tell("was changed or stands elsewhere than where it was sealed")
	}
	if gap {
		v.found = append(v.found, Finding{Problem: fmt.Sprintf("the chain has no links %d to %d: records are missing", v.last.Seq+1, r.Seq-1)})
	}
	v.last.Seq, v.last.Hash = r.Seq, r.Hash
}

func (v *verifier) end(head store.AuditHead, noHead bool, key Signer) {
	tell := func(format string, args ...any) {
		v.found = append(v.found, Finding{Problem: fmt.Sprintf(format, args...)})
	}
	switch {
	case noHead && v.last.Seq == 0:
	case noHead:
		tell("the head of the chain is missing")
	case head.Seq == 0 && v.last.Seq == 0 && head.Signature == "": // begun and never sealed
	case !hmac.Equal([]byte(signature(key, v.project, head)), []byte(head.Signature)):
		tell("the head of the chain does not have the server's signature")
	case v.last.Seq < head.Seq:
		tell("the chain is cut off: it ended with record %d and now ends with %d", head.Seq, v.last.Seq)
	case v.last.Seq > head.Seq:
		tell("the chain goes on after its head, to record %d", v.last.Seq)
	case v.last.Hash != head.Hash:
		tell("the chain does not end with what its head says")
	}
}
