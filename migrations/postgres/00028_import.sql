-- +goose Up
-- Lists of people who are to be invited, and what became of each row of them.
CREATE TABLE import (
    project_id  uuid NOT NULL,
    id          text COLLATE "C" NOT NULL,
    digest      text COLLATE "C" NOT NULL, -- SHA-256 of the list, by which it is known again
    state       text COLLATE "C" NOT NULL,
    reason      text NOT NULL, -- why it was stopped
    uploaded_by text COLLATE "C" NOT NULL, -- reference of a membership
    caller      text NOT NULL, -- who has it applied or undone, as JSON
    total       bigint NOT NULL,
    created_at  bigint NOT NULL,
    updated_at  bigint NOT NULL,
    applied_at  bigint NOT NULL, -- when its last row was done; 0 before
    PRIMARY KEY (project_id, id)
);
CREATE INDEX import_digest ON import (project_id, digest);

CREATE TABLE import_row (
    project_id uuid NOT NULL,
    import_id  text COLLATE "C" NOT NULL,
    number     bigint NOT NULL, -- of the line that it begins on, in the list
    state      text COLLATE "C" NOT NULL,
    action     text COLLATE "C" NOT NULL,
    person     text NOT NULL, -- whom it is about, as JSON, for the report
    request    bytea NOT NULL, -- the invite, sealed, until it is done
    problem    text NOT NULL, -- why not, as JSON; empty when nothing is wrong
    result     text NOT NULL, -- what it has made, as JSON
    PRIMARY KEY (project_id, import_id, number)
);

-- +goose Down
DROP TABLE import_row;
DROP TABLE import;
