-- +goose Up
-- The life of an invite (package admin). The secret of its link is kept by security_request alone.
CREATE TABLE invitation (
    project_id    uuid NOT NULL,
    id            text COLLATE "C" NOT NULL,
    membership_id text COLLATE "C" NOT NULL,
    user_id       text COLLATE "C" NOT NULL,
    request_id    text COLLATE "C" NOT NULL, -- its security_request; empty when the User existed
    email         text COLLATE "C" NOT NULL,
    invited_by    text COLLATE "C" NOT NULL,
    state         text COLLATE "C" NOT NULL,
    created_at    bigint NOT NULL,
    updated_at    bigint NOT NULL,
    expires_at    bigint NOT NULL,
    PRIMARY KEY (project_id, id)
);
CREATE INDEX invitation_membership ON invitation (project_id, membership_id);
CREATE INDEX invitation_request ON invitation (project_id, request_id);

-- The mail drawer: a directory table, read whole by super administrators.
CREATE TABLE mail (
    id            text COLLATE "C" NOT NULL PRIMARY KEY,
    project_id    uuid NOT NULL,
    template      text COLLATE "C" NOT NULL,
    recipient     text COLLATE "C" NOT NULL,
    project_name  text NOT NULL,
    request_id    text COLLATE "C" NOT NULL,
    sealed        bytea,                     -- the secret of its link, until it is sent
    invitation_id text COLLATE "C" NOT NULL,
    state         text COLLATE "C" NOT NULL,
    error         text NOT NULL,
    created_at    bigint NOT NULL,
    updated_at    bigint NOT NULL
);

-- The first answers to requests with an Idempotency-Key.
CREATE TABLE idempotency (
    project_id  uuid NOT NULL,
    caller      text COLLATE "C" NOT NULL,
    key         text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    answer      text NOT NULL,
    created_at  bigint NOT NULL,
    PRIMARY KEY (project_id, caller, key)
);
CREATE INDEX idempotency_created ON idempotency (project_id, created_at);

-- Who did what (package audit), written in the transaction that did it.
CREATE TABLE audit (
    project_id uuid NOT NULL,
    id         text COLLATE "C" NOT NULL,
    at         bigint NOT NULL,
    action     text COLLATE "C" NOT NULL,
    outcome    text COLLATE "C" NOT NULL,
    agent      text COLLATE "C" NOT NULL,
    entity     text COLLATE "C" NOT NULL,
    content    text NOT NULL,
    PRIMARY KEY (project_id, id)
);
CREATE INDEX audit_at ON audit (project_id, at);

-- The sessions of a membership, to end them with it.
CREATE INDEX login_membership ON login (membership_id);

-- +goose Down
DROP INDEX login_membership;
DROP TABLE audit;
DROP TABLE idempotency;
DROP TABLE mail;
DROP TABLE invitation;
