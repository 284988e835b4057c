-- +goose Up
-- The journal: what is recorded waits here, written by the transaction that it tells of, until it is
-- sealed; then it is an AuditEvent among the resources, and a link of its project's chain.
DROP INDEX audit_at;
ALTER TABLE audit DROP COLUMN action;
ALTER TABLE audit DROP COLUMN outcome;
ALTER TABLE audit DROP COLUMN agent;
ALTER TABLE audit DROP COLUMN entity;

-- The chain of a project: each link holds the one before it (package audit).
CREATE TABLE audit_chain (
    project_id text NOT NULL,
    seq        integer NOT NULL,
    id         text NOT NULL,
    hash       text NOT NULL,
    PRIMARY KEY (project_id, seq)
) WITHOUT ROWID;
CREATE INDEX audit_chain_id ON audit_chain (project_id, id);

-- Where each chain ends, signed.
CREATE TABLE audit_head (
    project_id text NOT NULL PRIMARY KEY,
    seq        integer NOT NULL,
    hash       text NOT NULL,
    signature  text NOT NULL
) WITHOUT ROWID;

-- +goose Down
DROP TABLE audit_head;
DROP TABLE audit_chain;
ALTER TABLE audit ADD COLUMN action text NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN outcome text NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN agent text NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN entity text NOT NULL DEFAULT '';
CREATE INDEX audit_at ON audit (project_id, at);
