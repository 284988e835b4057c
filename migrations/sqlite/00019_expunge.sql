-- +goose Up
-- What is erased in the background, and how far that is. The rows lie in the system's partition: what
-- they are about goes.
CREATE TABLE expunge (
    project_id text NOT NULL,
    id         text NOT NULL,
    of_project text NOT NULL,
    of_type    text NOT NULL,
    of_id      text NOT NULL,
    step       text NOT NULL,
    at_type    text NOT NULL,
    at_id      text NOT NULL,
    done       integer NOT NULL,
    started    integer NOT NULL,
    finished   integer NOT NULL,
    PRIMARY KEY (project_id, id)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE expunge;
