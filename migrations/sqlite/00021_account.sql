-- +goose Up
-- Which patients have accounts, which what is in their compartments inherits. Of older rows it is told by
-- the compartments; one row too many makes a write ask a patient in vain.
INSERT INTO reference_index (project_id, type, id, param, target_type, target_id, url, newest)
SELECT i.project_id, i.type, i.id, '_account', i.target_type, i.target_id, i.url, i.newest
FROM reference_index i JOIN resource r ON r.project_id = i.project_id AND r.type = i.type AND r.id = i.id
WHERE i.type = 'Patient' AND i.param = '_compartment' AND i.target_type <> 'Project' AND i.target_id <> i.id
AND r.content LIKE '%"accounts":[%';

-- +goose Down
DELETE FROM reference_index WHERE param = '_account';
