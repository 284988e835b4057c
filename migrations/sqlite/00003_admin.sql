-- +goose Up
-- The life of an invite (package admin). The secret of its link is kept by security_request alone.
CREATE TABLE invitation (
    project_id    text NOT NULL,
    id            text NOT NULL,
    membership_id text NOT NULL,
    user_id       text NOT NULL,
    request_id    text NOT NULL, -- its security_request; empty when the User existed
    email         text NOT NULL,
    invited_by    text NOT NULL,
    state         text NOT NULL,
    created_at    integer NOT NULL,
    updated_at    integer NOT NULL,
    expires_at    integer NOT NULL,
    PRIMARY KEY (project_id, id)
) WITHOUT ROWID;
CREATE INDEX invitation_membership ON invitation (project_id, membership_id);
CREATE INDEX invitation_request ON invitation (project_id, request_id);

-- The mail drawer: a directory table, read whole by super administrators.
CREATE TABLE mail (
    id            text NOT NULL PRIMARY KEY,
    project_id    text NOT NULL,
    template      text NOT NULL,
    recipient     text NOT NULL,
    project_name  text NOT NULL,
    request_id    text NOT NULL,
    sealed        blob,                      -- the secret of its link, until it is sent
    invitation_id text NOT NULL,
    state         text NOT NULL,
    error         text NOT NULL,
    created_at    integer NOT NULL,
    updated_at    integer NOT NULL
) WITHOUT ROWID;

-- The first answers to requests with an Idempotency-Key.
CREATE TABLE idempotency (
    project_id  text NOT NULL,
    caller      text NOT NULL,
    key         text NOT NULL,
    fingerprint text NOT NULL,
    answer      text NOT NULL,
    created_at  integer NOT NULL,
    PRIMARY KEY (project_id, caller, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_created ON idempotency (project_id, created_at);

-- Who did what (package audit), written in the transaction that did it.
CREATE TABLE audit (
    project_id text NOT NULL,
    id         text NOT NULL,
    at         integer NOT NULL,
    action     text NOT NULL,
    outcome    text NOT NULL,
    agent      text NOT NULL,
    entity     text NOT NULL,
    content    text NOT NULL,
    PRIMARY KEY (project_id, id)
) WITHOUT ROWID;
CREATE INDEX audit_at ON audit (project_id, at);

-- The sessions of a membership, to end them with it.
CREATE INDEX login_membership ON login (membership_id);

-- +goose Down
DROP INDEX login_membership;
DROP TABLE audit;
DROP TABLE idempotency;
DROP TABLE mail;
DROP TABLE invitation;
