-- +goose Up
-- What else matters to a client that was launched (SMART App Launch, fhirContext): references,
-- separated by spaces.
ALTER TABLE login ADD COLUMN launch_context text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE login DROP COLUMN launch_context;
