-- +goose Up
-- Resources that were stored before their secrets were kept apart (package repo). The next start of the
-- server takes the secrets out, for SQL has not the key to seal them with.
CREATE TABLE unsealed (
    project_id uuid NOT NULL,
    type       text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    PRIMARY KEY (project_id, type, id)
);
INSERT INTO unsealed (project_id, type, id)
SELECT project_id, type, id FROM resource WHERE type IN ('Project', 'ClientApplication', 'DomainConfiguration');

-- Whether request and answer are under the server key.
ALTER TABLE async_job ADD COLUMN sealed boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE async_job DROP COLUMN sealed;
DROP TABLE unsealed;
