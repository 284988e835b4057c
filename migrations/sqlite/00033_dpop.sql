-- +goose Up
-- The key to which the tokens of a session are bound (RFC 9449): its RFC 7638 thumbprint, empty for none.
ALTER TABLE login ADD COLUMN key_thumbprint text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE login DROP COLUMN key_thumbprint;
