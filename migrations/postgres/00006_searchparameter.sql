-- +goose Up
-- The search parameters that projects define, besides those of R4: one row for each type that a SearchParameter names.
CREATE TABLE search_parameter (
    project_id uuid NOT NULL,
    type       text NOT NULL,
    code       text NOT NULL,
    id         text NOT NULL,
    kind       text NOT NULL,
    expression text NOT NULL,
    targets    text NOT NULL,
    since      bigint NOT NULL,
    PRIMARY KEY (project_id, type, code)
);
CREATE INDEX search_parameter_resource ON search_parameter (project_id, id);

-- Which parameters the rows of a type's resources are made by. A write names the generation that it knows and is not
-- taken when there is a later one; indexed is the latest that has reached all resources. The row of the system's
-- partition without a type is the version of the program's own rules.
CREATE TABLE index_generation (
    project_id uuid NOT NULL,
    type       text NOT NULL,
    generation bigint NOT NULL,
    indexed    bigint NOT NULL,
    PRIMARY KEY (project_id, type)
);

-- Resources whose rows are made again in the background, and how far that is.
CREATE TABLE reindex (
    project_id uuid NOT NULL,
    id         text NOT NULL,
    everywhere boolean NOT NULL,
    type       text NOT NULL,
    resource   text NOT NULL,
    generation bigint NOT NULL,
    at_project text NOT NULL,
    at_type    text NOT NULL,
    at_id      text NOT NULL,
    done       bigint NOT NULL,
    started    bigint NOT NULL,
    finished   bigint NOT NULL,
    PRIMARY KEY (project_id, id)
);

-- +goose Down
DROP TABLE reindex;
DROP TABLE index_generation;
DROP TABLE search_parameter;
