-- +goose Up
-- Which memberships a password opens: '*' is every one, because whoever set it had shown that the
-- address is theirs; else the projects, separated by spaces, that whoever set it could open anyway.
ALTER TABLE credential ADD COLUMN opens text NOT NULL DEFAULT '*';

-- What the authorization endpoint was asked for, kept until the code is given, and the browser that
-- the session belongs to, by the SHA-256 of its cookie.
ALTER TABLE login ADD COLUMN redirect_uri text NOT NULL DEFAULT '';
ALTER TABLE login ADD COLUMN browser_hash text NOT NULL DEFAULT '';
ALTER TABLE login ADD COLUMN launch_patient text NOT NULL DEFAULT '';
ALTER TABLE login ADD COLUMN launch_encounter text NOT NULL DEFAULT '';
CREATE INDEX login_browser ON login (browser_hash) WHERE browser_hash <> '';

-- How many mails a project has sent of late.
CREATE INDEX mail_project ON mail (project_id, created_at);

-- Directory: client assertions that were used, by the SHA-256 of client and jti (RFC 7523 §3).
CREATE TABLE client_assertion (
    hash       text NOT NULL PRIMARY KEY,
    expires_at integer NOT NULL
) WITHOUT ROWID;
CREATE INDEX client_assertion_expires ON client_assertion (expires_at);

-- +goose Down
DROP TABLE client_assertion;
DROP INDEX mail_project;
DROP INDEX login_browser;
ALTER TABLE login DROP COLUMN launch_encounter;
ALTER TABLE login DROP COLUMN launch_patient;
ALTER TABLE login DROP COLUMN browser_hash;
ALTER TABLE login DROP COLUMN redirect_uri;
ALTER TABLE credential DROP COLUMN opens;
