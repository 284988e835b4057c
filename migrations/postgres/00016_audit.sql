-- +goose Up
-- The journal: what is recorded waits here, written by the transaction that it tells of, until it is
-- sealed; then it is an AuditEvent among the resources, and a link of its project's chain.
DROP INDEX audit_at;
ALTER TABLE audit DROP COLUMN action, DROP COLUMN outcome, DROP COLUMN agent, DROP COLUMN entity;

-- The chain of a project: each link holds the one before it (package audit).
CREATE TABLE audit_chain (
    project_id uuid NOT NULL,
    seq        bigint NOT NULL,
    id         text COLLATE "C" NOT NULL,
    hash       text COLLATE "C" NOT NULL,
    PRIMARY KEY (project_id, seq)
);
CREATE INDEX audit_chain_id ON audit_chain (project_id, id);

-- Where each chain ends, signed.
CREATE TABLE audit_head (
    project_id uuid NOT NULL PRIMARY KEY,
    seq        bigint NOT NULL,
    hash       text COLLATE "C" NOT NULL,
    signature  text COLLATE "C" NOT NULL
);

-- +goose Down
DROP TABLE audit_head;
DROP TABLE audit_chain;
ALTER TABLE audit ADD COLUMN action text COLLATE "C" NOT NULL DEFAULT '', ADD COLUMN outcome text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN agent text COLLATE "C" NOT NULL DEFAULT '', ADD COLUMN entity text COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX audit_at ON audit (project_id, at);
