-- +goose Up
-- As whom identity providers know Users (package admin). project_id is whose administrators answer for the
-- provider: the project of the client that it is configured on, the server's for a domain's.
CREATE TABLE external_identity (
    project_id   text NOT NULL,
    issuer       text NOT NULL,
    subject      text NOT NULL,
    user_project text NOT NULL,
    user_id      text NOT NULL,
    created_at   integer NOT NULL,
    PRIMARY KEY (project_id, issuer, subject)
) WITHOUT ROWID;
CREATE UNIQUE INDEX external_identity_user ON external_identity (project_id, issuer, user_project, user_id);

-- Directory: journeys to an identity provider that have not come back, by the SHA-256 of their state.
CREATE TABLE external_request (
    hash         text NOT NULL PRIMARY KEY,
    browser_hash text NOT NULL,
    sealed       blob NOT NULL,
    expires_at   integer NOT NULL
) WITHOUT ROWID;
CREATE INDEX external_request_expires ON external_request (expires_at);

-- +goose Down
DROP TABLE external_request;
DROP TABLE external_identity;
