-- +goose Up
-- SQLite takes no statistics.
SELECT 1;

-- +goose Down
SELECT 1;
