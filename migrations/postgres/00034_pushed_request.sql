-- +goose Up
-- Directory: authorization requests that clients have pushed (RFC 9126), by the SHA-256 of their reference.
CREATE TABLE pushed_request (
    hash       text COLLATE "C" NOT NULL PRIMARY KEY,
    client_id  text COLLATE "C" NOT NULL,
    parameters text NOT NULL, -- JSON: each name with its values
    begun      boolean NOT NULL, -- a browser has come with it
    expires_at bigint NOT NULL
);
CREATE INDEX pushed_request_expires ON pushed_request (expires_at);

-- +goose Down
DROP TABLE pushed_request;
