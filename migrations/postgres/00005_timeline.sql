-- +goose Up
-- A reference says how new its resource is: the end of its latest "date". A patient's newest
-- resources are then at one end of an index, however many there are.
ALTER TABLE reference_index ADD COLUMN newest bigint NOT NULL DEFAULT -4611686018427387905;
UPDATE reference_index SET newest = d.high FROM (
    SELECT project_id, type, id, max(high) AS high FROM date_index WHERE param = 'date' GROUP BY project_id, type, id
) d WHERE d.project_id = reference_index.project_id AND d.type = reference_index.type AND d.id = reference_index.id;
DROP INDEX reference_index_target;
DROP INDEX reference_index_url;
CREATE INDEX reference_index_target ON reference_index (project_id, type, param, target_id, target_type, newest, id) WHERE target_id <> '';
CREATE INDEX reference_index_url ON reference_index (project_id, type, param, url, newest, id) WHERE url <> '';

-- +goose Down
DROP INDEX reference_index_target;
DROP INDEX reference_index_url;
CREATE INDEX reference_index_target ON reference_index (project_id, type, param, target_id, target_type, id) WHERE target_id <> '';
CREATE INDEX reference_index_url ON reference_index (project_id, type, param, url, id) WHERE url <> '';
ALTER TABLE reference_index DROP COLUMN newest;
