-- +goose Up
-- The current version of each resource, the content byte for byte as it is served.
CREATE TABLE resource (
    project_id   text NOT NULL,
    type         text NOT NULL,
    id           text NOT NULL,
    version      text NOT NULL,
    last_updated integer NOT NULL,
    deleted      integer NOT NULL,
    content      text NOT NULL,
    meta         text NOT NULL,
    PRIMARY KEY (project_id, type, id)
);
CREATE INDEX resource_last_updated ON resource (project_id, type, last_updated, id) WHERE NOT deleted;

-- Superseded versions only.
CREATE TABLE resource_history (
    project_id   text NOT NULL,
    type         text NOT NULL,
    id           text NOT NULL,
    version      text NOT NULL,
    last_updated integer NOT NULL,
    deleted      integer NOT NULL,
    content      text NOT NULL,
    meta         text NOT NULL,
    PRIMARY KEY (project_id, type, id, version)
);
CREATE INDEX resource_history_last_updated ON resource_history (project_id, type, id, last_updated);

-- Index tables: one way in by value, one (the primary key, which is the table) by resource, because AND, sorting and
-- chaining ask of a known resource what values it has.
CREATE TABLE token_index (
    project_id text NOT NULL,
    type       text NOT NULL,
    id         text NOT NULL,
    param      text NOT NULL,
    system     text NOT NULL,
    code       text NOT NULL,
    PRIMARY KEY (project_id, type, id, param, system, code)
) WITHOUT ROWID;
CREATE INDEX token_index_value ON token_index (project_id, type, param, code, system, id);

CREATE TABLE reference_index (
    project_id  text NOT NULL,
    type        text NOT NULL,
    id          text NOT NULL,
    param       text NOT NULL,
    target_type text NOT NULL,
    target_id   text NOT NULL,
    url         text NOT NULL,
    PRIMARY KEY (project_id, type, id, param, target_type, target_id, url)
) WITHOUT ROWID;
CREATE INDEX reference_index_target ON reference_index (project_id, type, param, target_id, target_type, id) WHERE target_id <> '';
CREATE INDEX reference_index_url ON reference_index (project_id, type, param, url, id) WHERE url <> '';

-- A string is kept whole, for "contains", and found by its beginning, as on PostgreSQL.
CREATE TABLE string_index (
    project_id text NOT NULL,
    type       text NOT NULL,
    id         text NOT NULL,
    param      text NOT NULL,
    folded     text NOT NULL,
    exact      text NOT NULL,
    PRIMARY KEY (project_id, type, id, param, folded, exact)
) WITHOUT ROWID;
CREATE INDEX string_index_value ON string_index (project_id, type, param, substr(folded, 1, 200), id);

CREATE TABLE date_index (
    project_id text NOT NULL,
    type       text NOT NULL,
    id         text NOT NULL,
    param      text NOT NULL,
    low        integer NOT NULL,
    high       integer NOT NULL,
    PRIMARY KEY (project_id, type, id, param, low, high)
) WITHOUT ROWID;
CREATE INDEX date_index_low ON date_index (project_id, type, param, low, high, id);
CREATE INDEX date_index_high ON date_index (project_id, type, param, high, id);

CREATE TABLE quantity_index (
    project_id text NOT NULL,
    type       text NOT NULL,
    id         text NOT NULL,
    param      text NOT NULL,
    system     text NOT NULL,
    code       text NOT NULL,
    unit       text NOT NULL,
    value      text NOT NULL,
    low        text NOT NULL,
    high       text NOT NULL,
    PRIMARY KEY (project_id, type, id, param, low, high, value, code, unit, system)
) WITHOUT ROWID;
CREATE INDEX quantity_index_low ON quantity_index (project_id, type, param, low, high, id);
CREATE INDEX quantity_index_high ON quantity_index (project_id, type, param, high, id);

CREATE TABLE uri_index (
    project_id text NOT NULL,
    type       text NOT NULL,
    id         text NOT NULL,
    param      text NOT NULL,
    uri        text NOT NULL,
    PRIMARY KEY (project_id, type, id, param, uri)
) WITHOUT ROWID;
CREATE INDEX uri_index_value ON uri_index (project_id, type, param, uri, id);

-- Directory: values that one resource at most may hold within a scope. A pinned key was claimed
-- apart from the resource's own writes and outlives them.
CREATE TABLE unique_key (
    scope      text NOT NULL,
    kind       text NOT NULL,
    value      text NOT NULL,
    project_id text NOT NULL,
    type       text NOT NULL,
    id         text NOT NULL,
    pinned     integer NOT NULL,
    PRIMARY KEY (scope, kind, value)
) WITHOUT ROWID;
CREATE INDEX unique_key_resource ON unique_key (project_id, type, id);

-- +goose Down
DROP TABLE unique_key;
DROP TABLE uri_index;
DROP TABLE quantity_index;
DROP TABLE date_index;
DROP TABLE string_index;
DROP TABLE reference_index;
DROP TABLE token_index;
DROP TABLE resource_history;
DROP TABLE resource;
