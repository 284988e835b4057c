package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// AuditEvent is a record that waits in the journal to be sealed; package audit makes its content.
type AuditEvent struct {
	Project, ID string
	At          Stamp
	Content     string // AuditEvent as JSON
}

const addAudit = `INSERT INTO audit (project_id, id, at, content) VALUES ($1, $2, $3, $4)`

// AddAudit writes an event into the journal.
func (tx *Tx) AddAudit(ctx context.Context, e AuditEvent) error {
	if tx.collected != nil {
		tx.collected.audits = append(tx.collected.audits, e)
		return nil
	}
	return tx.later(ctx, later{doing: "add audit event", table: "audit", adds: true, text: func(b *builder) string {
		return "INSERT INTO audit (project_id, id, at, content) SELECT " + b.list(e.Project, e.ID, e.At.UnixMilli(), e.Content) + " WHERE true"
	}})
}

// AddAudits writes many events into the journal: all of them in one transaction.
func (s *Store) AddAudits(ctx context.Context, events []AuditEvent) error {
	return s.InTx(ctx, func(tx *Tx) error { return tx.addAudits(ctx, events) })
}

func (tx *Tx) addAudits(ctx context.Context, events []AuditEvent) error {
	if _, on := tx.dialect.(postgres); on && len(events) > 1 {
		const statement = `INSERT INTO audit (project_id, id, at, content)
SELECT n.project::uuid, n.id, n.at, n.content FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS n(project, id, at, content)`
		_, err := tx.q.ExecContext(ctx, statement, auditColumns(events)...)
		return err
	}
	for _, e := range events {
		if err := tx.AddAudit(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// auditColumns are the columns of events as arrays.
func auditColumns(events []AuditEvent) []any {
	projects, ids, contents := make([]string, len(events)), make([]string, len(events)), make([]string, len(events))
	times := make([]int64, len(events))
	for i, e := range events {
		projects[i], ids[i], times[i], contents[i] = e.Project, e.ID, e.At.UnixMilli(), e.Content
	}
	return []any{projects, ids, times, contents}
}

// AuditEvents lists the events of a project that wait, in the order of their ids.
func (r reader) AuditEvents(ctx context.Context, project string, limit int) ([]AuditEvent, error) {
	const query = `SELECT id, at, content FROM audit WHERE project_id = $1 ORDER BY id LIMIT $2`
	rows, err := r.q.QueryContext(ctx, r.dialect.text(query), project, limit)
	if err != nil {
		return nil, fmt.Errorf("list audit events: %w", err)
	}
	defer rows.Close()
	var events []AuditEvent
	for rows.Next() {
		e := AuditEvent{Project: project}
		if err := rows.Scan(&e.ID, &e.At, &e.Content); err != nil {
			return nil, fmt.Errorf("list audit events: %w", err)
		}
		events = append(events, e)
	}
	return events, rows.Err()
}

// AuditWaiting lists projects that have events to seal.
func (r reader) AuditWaiting(ctx context.Context) ([]string, error) {
	return r.projects(ctx, `SELECT DISTINCT project_id FROM audit`)
}

// AuditedProjects lists the projects that have a chain.
func (r reader) AuditedProjects(ctx context.Context) ([]string, error) {
	return r.projects(ctx, `SELECT project_id FROM audit_head UNION SELECT project_id FROM audit_chain ORDER BY project_id`)
}

func (r reader) projects(ctx context.Context, query string) ([]string, error) {
	rows, err := r.q.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("list projects: %w", err)
	}
	defer rows.Close()
	var projects []string
	for rows.Next() {
		var project string
		if err := rows.Scan(&project); err != nil {
			return nil, fmt.Errorf("list projects: %w", err)
		}
		projects = append(projects, project)
	}
	return projects, rows.Err()
}

// AuditHead is where the chain of a project ends.
type AuditHead struct {
	Seq             int64
	Hash, Signature string
}

// AuditLink is one link of a project's chain.
type AuditLink struct {
	Seq      int64
	ID, Hash string
}

// AuditHead is the head of a project's chain; ErrNotFound before its first record.
func (r reader) AuditHead(ctx context.Context, project string) (h AuditHead, err error) {
	const query = `SELECT seq, hash, signature FROM audit_head WHERE project_id = $1`
	err = first(ctx, r.q, r.dialect.text(query), []any{project}, &h.Seq, &h.Hash, &h.Signature)
	if errors.Is(err, sql.ErrNoRows) {
		return h, ErrNotFound
	}
	if err != nil {
		return h, fmt.Errorf("read audit head: %w", err)
	}
	return h, nil
}

// HoldAuditHead is AuditHead for who is to lengthen the chain: nobody else does until the
// transaction ends. The head of a new chain is zero.
func (tx *Tx) HoldAuditHead(ctx context.Context, project string) (AuditHead, error) {
	const begin = `INSERT INTO audit_head (project_id, seq, hash, signature) VALUES ($1, 0, '', '') ON CONFLICT (project_id) DO UPDATE SET seq = audit_head.seq`
	if _, err := tx.q.ExecContext(ctx, tx.dialect.text(begin), project); err != nil {
		return AuditHead{}, fmt.Errorf("hold audit head: %w", err)
	}
	return tx.AuditHead(ctx, project)
}

// SealAudit takes events out of the journal and lengthens the chain of the project by their links.
func (tx *Tx) SealAudit(ctx context.Context, project string, links []AuditLink, head AuditHead) error {
	ids := make([]string, len(links))
	for i, l := range links {
		ids[i] = l.ID
	}
	leave := `DELETE FROM audit WHERE project_id = $1 AND ` + tx.dialect.in("id", 2)
	if _, err := tx.q.ExecContext(ctx, tx.dialect.text(leave), project, tx.dialect.list(ids)); err != nil {
		return fmt.Errorf("seal audit events: %w", err)
	}
	if err := tx.addLinks(ctx, project, links); err != nil {
		return fmt.Errorf("seal audit events: %w", err)
	}
	const move = `UPDATE audit_head SET seq = $2, hash = $3, signature = $4 WHERE project_id = $1`
	if _, err := tx.q.ExecContext(ctx, tx.dialect.text(move), project, head.Seq, head.Hash, head.Signature); err != nil {
		return fmt.Errorf("move audit head: %w", err)
	}
	return nil
}

func (tx *Tx) addLinks(ctx context.Context, project string, links []AuditLink) error {
	ids, hashes, seqs := make([]string, len(links)), make([]string, len(links)), make([]int64, len(links))
	for i, l := range links {
		ids[i], hashes[i], seqs[i] = l.ID, l.Hash, l.Seq
	}
	if _, on := tx.dialect.(postgres); on {
		const statement = `INSERT INTO audit_chain (project_id, seq, id, hash) SELECT $1::uuid, n.* FROM unnest($2::bigint[], $3::text[], $4::text[]) AS n`
		_, err := tx.q.ExecContext(ctx, statement, project, seqs, ids, hashes)
		return err
	}
	for _, l := range links {
		const statement = `INSERT INTO audit_chain (project_id, seq, id, hash) VALUES (?1, ?2, ?3, ?4)`
		if _, err := tx.q.ExecContext(ctx, statement, project, l.Seq, l.ID, l.Hash); err != nil {
			return err
		}
	}
	return nil
}

// AuditRecord is a link with the record that it stands for. Content is empty when that is gone.
type AuditRecord struct {
	AuditLink
	Content string
}

// AuditChain reads the chain of a project from a sequence on.
func (r reader) AuditChain(ctx context.Context, project string, from int64, limit int) ([]AuditRecord, error) {
	const query = `SELECT c.seq, c.id, c.hash, coalesce(r.content, '') FROM audit_chain c
LEFT JOIN resource r ON r.project_id = c.project_id AND r.type = 'AuditEvent' AND r.id = c.id
WHERE c.project_id = $1 AND c.seq >= $2 ORDER BY c.seq LIMIT $3`
	rows, err := r.q.QueryContext(ctx, r.dialect.text(query), project, from, limit)
	if err != nil {
		return nil, fmt.Errorf("read audit chain: %w", err)
	}
	defer rows.Close()
	var records []AuditRecord
	for rows.Next() {
		var a AuditRecord
		if err := rows.Scan(&a.Seq, &a.ID, &a.Hash, &a.Content); err != nil {
			return nil, fmt.Errorf("read audit chain: %w", err)
		}
		records = append(records, a)
	}
	return records, rows.Err()
}

// UnchainedAudit lists records of the server in a project that no link stands for.
func (r reader) UnchainedAudit(ctx context.Context, project string, limit int) ([]string, error) {
	query := `SELECT r.id FROM resource r WHERE r.project_id = $1 AND r.type = 'AuditEvent' AND NOT r.deleted AND ` + r.dialect.contains("r.meta", 3) + `
AND NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.project_id = r.project_id AND c.id = r.id) ORDER BY r.id LIMIT $2`
	rows, err := r.q.QueryContext(ctx, r.dialect.text(query), project, limit, `"author":{"reference":"system"}`)
	if err != nil {
		return nil, fmt.Errorf("look for unchained audit events: %w", err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("look for unchained audit events: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
