-- +goose Up
-- What users and clients prove themselves with. A password is kept as Argon2id hash, a secret of
-- high entropy as SHA-256; what a protocol needs in the plain is sealed with the server key.
CREATE TABLE credential (
    project_id  text NOT NULL,
    type        text NOT NULL,
    id          text NOT NULL,
    kind        text NOT NULL,  -- password, secret, retiring-secret, totp
    hash        text NOT NULL,
    sealed      blob,
    used_step   integer NOT NULL, -- totp: the last time step that was accepted
    updated_at  integer NOT NULL,
    PRIMARY KEY (project_id, type, id, kind)
) WITHOUT ROWID;

-- Directory: sessions, found by the login_id of a token.
CREATE TABLE login (
    id                    text NOT NULL PRIMARY KEY,
    user_project          text NOT NULL,
    user_type             text NOT NULL,
    user_id               text NOT NULL,
    client_id             text NOT NULL,
    wanted_project        text NOT NULL, -- the projectId that was asked for: an id, 'new' or empty
    profile_type          text NOT NULL,
    membership_project    text NOT NULL, -- empty until a membership is chosen
    membership_id         text NOT NULL,
    auth_method           text NOT NULL,
    auth_time             integer NOT NULL,
    scope                 text NOT NULL,
    nonce                 text NOT NULL,
    code_challenge        text NOT NULL,
    code_challenge_method text NOT NULL,
    offline               boolean NOT NULL, -- gives refresh tokens
    mfa_verified          boolean NOT NULL,
    granted               boolean NOT NULL,
    revoked               boolean NOT NULL,
    remote_address        text NOT NULL,
    user_agent            text NOT NULL,
    updated_at            integer NOT NULL,
    expires_at            integer NOT NULL
) WITHOUT ROWID;
CREATE INDEX login_user ON login (user_type, user_id, auth_time);
CREATE INDEX login_expires ON login (expires_at);

-- Directory: authorization codes, by the SHA-256 of the code.
CREATE TABLE authorization_code (
    hash         text NOT NULL PRIMARY KEY,
    login_id     text NOT NULL,
    redirect_uri text NOT NULL, -- of the authorization request; empty when it had none
    used         boolean NOT NULL,
    expires_at   integer NOT NULL
) WITHOUT ROWID;
CREATE INDEX authorization_code_login ON authorization_code (login_id);
CREATE INDEX authorization_code_expires ON authorization_code (expires_at);

-- Directory: refresh tokens, by the SHA-256 of their refresh_secret. All of one login are a family.
CREATE TABLE refresh_token (
    hash       text NOT NULL PRIMARY KEY,
    login_id   text NOT NULL,
    used       boolean NOT NULL,
    expires_at integer NOT NULL
) WITHOUT ROWID;
CREATE INDEX refresh_token_login ON refresh_token (login_id);
CREATE INDEX refresh_token_expires ON refresh_token (expires_at);

-- Directory: the keys that sign tokens. Its generation makes that several processes that want a
-- new key at once make one.
CREATE TABLE signing_key (
    generation integer NOT NULL PRIMARY KEY,
    id         text NOT NULL,  -- kid
    sealed     blob NOT NULL, -- the private JWK
    signs_at   integer NOT NULL,
    retires_at integer NOT NULL
) WITHOUT ROWID;

-- Directory: the server's own keys.
CREATE TABLE server_key (
    name  text NOT NULL PRIMARY KEY,
    value blob NOT NULL
) WITHOUT ROWID;

-- Directory: what was counted within a window of time, for limits that all processes share.
CREATE TABLE rate_limit (
    name    text NOT NULL,
    starts_at integer NOT NULL,
    ends_at integer NOT NULL,
    count   integer NOT NULL,
    PRIMARY KEY (name, starts_at)
) WITHOUT ROWID;
CREATE INDEX rate_limit_ends ON rate_limit (ends_at);

-- Directory: single-use secrets that were mailed: invite, reset and verify-email. It is asked by the
-- id in a link, before anybody has signed in.
CREATE TABLE security_request (
    id           text NOT NULL PRIMARY KEY,
    user_project text NOT NULL,
    user_id      text NOT NULL,
    project_id   text NOT NULL, -- the partition of its UserSecurityRequest
    type         text NOT NULL,
    hash         text NOT NULL, -- SHA-256 of the secret
    redirect_uri text NOT NULL,
    used         boolean NOT NULL,
    superseded   boolean NOT NULL,
    created_at   integer NOT NULL,
    expires_at   integer NOT NULL
) WITHOUT ROWID;
CREATE INDEX security_request_user ON security_request (user_project, user_id, type);

-- +goose Down
DROP TABLE security_request;
DROP TABLE rate_limit;
DROP TABLE server_key;
DROP TABLE signing_key;
DROP TABLE refresh_token;
DROP TABLE authorization_code;
DROP TABLE login;
DROP TABLE credential;
