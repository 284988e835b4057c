-- +goose Up
-- As whom identity providers know Users (package admin). project_id is whose administrators answer for the
-- provider: the project of the client that it is configured on, the server's for a domain's.
CREATE TABLE external_identity (
    project_id   uuid NOT NULL,
    issuer       text COLLATE "C" NOT NULL,
    subject      text COLLATE "C" NOT NULL,
    user_project text COLLATE "C" NOT NULL,
    user_id      text COLLATE "C" NOT NULL,
    created_at   bigint NOT NULL,
    PRIMARY KEY (project_id, issuer, subject)
);
CREATE UNIQUE INDEX external_identity_user ON external_identity (project_id, issuer, user_project, user_id);

-- Directory: journeys to an identity provider that have not come back, by the SHA-256 of their state.
CREATE TABLE external_request (
    hash         text COLLATE "C" NOT NULL PRIMARY KEY,
    browser_hash text COLLATE "C" NOT NULL,
    sealed       bytea NOT NULL,
    expires_at   bigint NOT NULL
);
CREATE INDEX external_request_expires ON external_request (expires_at);

-- +goose Down
DROP TABLE external_request;
DROP TABLE external_identity;
