-- +goose Up
-- Lists of people who are to be invited, and what became of each row of them.
CREATE TABLE import (
    project_id  text NOT NULL,
    id          text NOT NULL,
    digest      text NOT NULL, -- SHA-256 of the list, by which it is known again
    state       text NOT NULL,
    reason      text NOT NULL, -- why it was stopped
    uploaded_by text NOT NULL, -- reference of a membership
    caller      text NOT NULL, -- who has it applied or undone, as JSON
    total       integer NOT NULL,
    created_at  integer NOT NULL,
    updated_at  integer NOT NULL,
    applied_at  integer NOT NULL, -- when its last row was done; 0 before
    PRIMARY KEY (project_id, id)
) WITHOUT ROWID;
CREATE INDEX import_digest ON import (project_id, digest);

CREATE TABLE import_row (
    project_id text NOT NULL,
    import_id  text NOT NULL,
    number     integer NOT NULL, -- of the line that it begins on, in the list
    state      text NOT NULL,
    action     text NOT NULL,
    person     text NOT NULL, -- whom it is about, as JSON, for the report
    request    blob NOT NULL, -- the invite, sealed, until it is done
    problem    text NOT NULL, -- why not, as JSON; empty when nothing is wrong
    result     text NOT NULL, -- what it has made, as JSON
    PRIMARY KEY (project_id, import_id, number)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE import_row;
DROP TABLE import;
