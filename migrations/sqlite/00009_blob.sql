-- +goose Up
-- Bytes of Binaries that lie in storage of their own (package blob): a directory table, read by time
-- to collect those that nobody wants.
CREATE TABLE blob (
    id         text NOT NULL PRIMARY KEY,
    project_id text NOT NULL,
    state      text NOT NULL,
    created_at integer NOT NULL
) WITHOUT ROWID;
CREATE INDEX blob_unwanted ON blob (state, created_at) WHERE state <> 'kept';

-- Which of them a version of a Binary has.
CREATE TABLE blob_use (
    project_id text NOT NULL,
    binary_id  text NOT NULL,
    version    text NOT NULL,
    blob_id    text NOT NULL,
    size       integer NOT NULL,
    file_name  text NOT NULL,
    PRIMARY KEY (project_id, binary_id, version)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE blob_use;
DROP TABLE blob;
