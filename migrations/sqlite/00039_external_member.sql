-- +goose Up
-- Whom a token of another server names, in whichever project: by an external id, or by a profile, of which
-- a membership holds a directory key from here on.
CREATE INDEX unique_key_external_id ON unique_key (value) WHERE kind = 'ProjectMembership.externalId';
INSERT INTO unique_key (scope, kind, value, project_id, type, id, pinned)
SELECT '00000000-0000-0000-0000-000000000000', 'ProjectMembership.profile', i.target_type || '/' || i.target_id || '/' || i.id,
    i.project_id, i.type, i.id, false
FROM reference_index i WHERE i.type = 'ProjectMembership' AND i.param = 'profile' AND i.target_id <> ''
ON CONFLICT DO NOTHING;

-- +goose Down
DELETE FROM unique_key WHERE kind = 'ProjectMembership.profile';
DROP INDEX unique_key_external_id;
