-- +goose Up
-- The history of a type: what is live has resource_last_updated, what is deleted and what was before
-- have these.
CREATE INDEX resource_deleted ON resource (project_id, type, last_updated, id) WHERE deleted;
CREATE INDEX resource_history_type ON resource_history (project_id, type, last_updated, id);

-- What a client asked to have done without waiting (Prefer: respond-async): the request while it is to
-- be done, the answer when it is.
CREATE TABLE async_job (
    project_id uuid             NOT NULL,
    id         text COLLATE "C" NOT NULL,
    caller     text             NOT NULL,
    request    bytea            NOT NULL,
    answer     bytea            NOT NULL,
    created_at bigint           NOT NULL,
    PRIMARY KEY (project_id, id)
);
CREATE INDEX async_job_created ON async_job (project_id, created_at);

-- +goose Down
DROP TABLE async_job;
DROP INDEX resource_deleted;
DROP INDEX resource_history_type;
