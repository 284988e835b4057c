-- +goose Up
-- What other processes may have cached and must drop: a directory table, read whole by time.
CREATE TABLE change (
    id   text NOT NULL PRIMARY KEY,
    kind text NOT NULL,
    ref  text NOT NULL,
    at   integer NOT NULL
) WITHOUT ROWID;
CREATE INDEX change_at ON change (at);

-- +goose Down
DROP TABLE change;
