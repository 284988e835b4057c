-- +goose Up
-- When the User of a session last showed a password or a factor.
ALTER TABLE login ADD COLUMN proven_at integer NOT NULL DEFAULT 0;

-- The address that a request to change it is about.
ALTER TABLE security_request ADD COLUMN email text NOT NULL DEFAULT '';

-- The codes that stand in for a lost second factor, each until it is used, by their SHA-256.
CREATE TABLE recovery_code (
    project_id text NOT NULL,
    user_id    text NOT NULL,
    hash       text NOT NULL,
    PRIMARY KEY (project_id, user_id, hash)
) WITHOUT ROWID;

-- Directory: passkeys, by the credential id that an authenticator made.
CREATE TABLE passkey (
    id           text NOT NULL PRIMARY KEY, -- base64url
    user_project text NOT NULL,
    user_id      text NOT NULL,
    name         text NOT NULL,
    record       text NOT NULL, -- JSON: the public key and what is checked with it
    sign_count   integer NOT NULL,
    created_at   integer NOT NULL,
    used_at      integer NOT NULL
) WITHOUT ROWID;
CREATE INDEX passkey_user ON passkey (user_project, user_id);

-- Directory: challenges that an authenticator may answer once, by their SHA-256.
CREATE TABLE passkey_challenge (
    hash       text NOT NULL PRIMARY KEY,
    purpose    text NOT NULL, -- register, sign-in, factor, step-up
    login_id   text NOT NULL, -- the session it is for; empty before there is one
    record     text NOT NULL, -- JSON: what the answer is checked with
    expires_at integer NOT NULL
) WITHOUT ROWID;
CREATE INDEX passkey_challenge_expires ON passkey_challenge (expires_at);

-- +goose Down
DROP TABLE passkey_challenge;
DROP TABLE passkey;
DROP TABLE recovery_code;
ALTER TABLE security_request DROP COLUMN email;
ALTER TABLE login DROP COLUMN proven_at;
