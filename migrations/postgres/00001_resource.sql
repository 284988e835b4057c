-- +goose Up
-- The current version of each resource, the content byte for byte as it is served.
CREATE TABLE resource (
    project_id   uuid             NOT NULL,
    type         text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,
    version      text COLLATE "C" NOT NULL,
    last_updated bigint           NOT NULL,
    deleted      boolean          NOT NULL,
    content      text COLLATE "C" NOT NULL,
    meta         text COLLATE "C" NOT NULL,
    PRIMARY KEY (project_id, type, id)
);
CREATE INDEX resource_last_updated ON resource (project_id, type, last_updated, id) WHERE NOT deleted;

-- Superseded versions only.
CREATE TABLE resource_history (
    project_id   uuid             NOT NULL,
    type         text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,
    version      text COLLATE "C" NOT NULL,
    last_updated bigint           NOT NULL,
    deleted      boolean          NOT NULL,
    content      text COLLATE "C" NOT NULL,
    meta         text COLLATE "C" NOT NULL,
    PRIMARY KEY (project_id, type, id, version)
);
CREATE INDEX resource_history_last_updated ON resource_history (project_id, type, id, last_updated);

-- Index tables: one way in by value, one (the primary key) by resource, because AND, sorting and
-- chaining ask of a known resource what values it has.
CREATE TABLE token_index (
    project_id uuid             NOT NULL,
    type       text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    param      text COLLATE "C" NOT NULL,
    system     text COLLATE "C" NOT NULL,
    code       text COLLATE "C" NOT NULL,
    PRIMARY KEY (project_id, type, id, param, system, code)
);
CREATE INDEX token_index_value ON token_index (project_id, type, param, code, system, id);

CREATE TABLE reference_index (
    project_id  uuid             NOT NULL,
    type        text COLLATE "C" NOT NULL,
    id          text COLLATE "C" NOT NULL,
    param       text COLLATE "C" NOT NULL,
    target_type text COLLATE "C" NOT NULL,
    target_id   text COLLATE "C" NOT NULL,
    url         text COLLATE "C" NOT NULL,
    PRIMARY KEY (project_id, type, id, param, target_type, target_id, url)
);
CREATE INDEX reference_index_target ON reference_index (project_id, type, param, target_id, target_type, id) WHERE target_id <> '';
CREATE INDEX reference_index_url ON reference_index (project_id, type, param, url, id) WHERE url <> '';

-- A string is kept whole, for "contains", and found by its beginning: an index entry has a
-- greatest size. So has a primary key, which this table therefore lacks; its rows are unique all
-- the same, and a replica tells them apart by all of their columns.
CREATE TABLE string_index (
    project_id uuid             NOT NULL,
    type       text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    param      text COLLATE "C" NOT NULL,
    folded     text COLLATE "C" NOT NULL,
    exact      text COLLATE "C" NOT NULL
);
ALTER TABLE string_index REPLICA IDENTITY FULL;
CREATE INDEX string_index_resource ON string_index (project_id, type, id, param);
CREATE INDEX string_index_value ON string_index (project_id, type, param, substr(folded, 1, 200), id);

CREATE TABLE date_index (
    project_id uuid             NOT NULL,
    type       text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    param      text COLLATE "C" NOT NULL,
    low        bigint           NOT NULL,
    high       bigint           NOT NULL,
    PRIMARY KEY (project_id, type, id, param, low, high)
);
CREATE INDEX date_index_low ON date_index (project_id, type, param, low, high, id);
CREATE INDEX date_index_high ON date_index (project_id, type, param, high, id);

CREATE TABLE quantity_index (
    project_id uuid             NOT NULL,
    type       text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    param      text COLLATE "C" NOT NULL,
    system     text COLLATE "C" NOT NULL,
    code       text COLLATE "C" NOT NULL,
    unit       text COLLATE "C" NOT NULL,
    value      text COLLATE "C" NOT NULL,
    low        text COLLATE "C" NOT NULL,
    high       text COLLATE "C" NOT NULL,
    PRIMARY KEY (project_id, type, id, param, low, high, value, code, unit, system)
);
CREATE INDEX quantity_index_low ON quantity_index (project_id, type, param, low, high, id);
CREATE INDEX quantity_index_high ON quantity_index (project_id, type, param, high, id);

CREATE TABLE uri_index (
    project_id uuid             NOT NULL,
    type       text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    param      text COLLATE "C" NOT NULL,
    uri        text COLLATE "C" NOT NULL,
    PRIMARY KEY (project_id, type, id, param, uri)
);
CREATE INDEX uri_index_value ON uri_index (project_id, type, param, uri, id);

-- Directory: values that one resource at most may hold within a scope. A pinned key was claimed
-- apart from the resource's own writes and outlives them.
CREATE TABLE unique_key (
    scope      text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    value      text COLLATE "C" NOT NULL,
    project_id uuid             NOT NULL,
    type       text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    pinned     boolean          NOT NULL,
    PRIMARY KEY (scope, kind, value)
);
CREATE INDEX unique_key_resource ON unique_key (project_id, type, id);

-- +goose Down
DROP TABLE unique_key, uri_index, quantity_index, date_index, string_index, reference_index, token_index,
    resource_history, resource;
