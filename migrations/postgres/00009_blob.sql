-- +goose Up
-- Bytes of Binaries that lie in storage of their own (package blob): a directory table, read by time
-- to collect those that nobody wants.
CREATE TABLE blob (
    id         text COLLATE "C" NOT NULL PRIMARY KEY,
    project_id uuid NOT NULL,
    state      text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL
);
CREATE INDEX blob_unwanted ON blob (state, created_at) WHERE state <> 'kept';

-- Which of them a version of a Binary has.
CREATE TABLE blob_use (
    project_id uuid NOT NULL,
    binary_id  text COLLATE "C" NOT NULL,
    version    text COLLATE "C" NOT NULL,
    blob_id    text COLLATE "C" NOT NULL,
    size       bigint NOT NULL,
    file_name  text NOT NULL,
    PRIMARY KEY (project_id, binary_id, version)
);

-- +goose Down
DROP TABLE blob_use, blob;
