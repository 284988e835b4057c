-- +goose Up
-- What other processes may have cached and must drop: a directory table, read whole by time.
CREATE TABLE change (
    id   text COLLATE "C" NOT NULL PRIMARY KEY,
    kind text NOT NULL,
    ref  text NOT NULL,
    at   bigint NOT NULL
);
CREATE INDEX change_at ON change (at);

-- +goose Down
DROP TABLE change;
