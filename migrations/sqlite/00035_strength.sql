-- +goose Up
-- What an identity provider has said of how it recognised the User of a session: its acr, its amr separated by spaces, and
-- when that was (0 where it did not say). Its word is for the whole account, or for one project alone.
ALTER TABLE login ADD COLUMN acr text NOT NULL DEFAULT '';
ALTER TABLE login ADD COLUMN amr text NOT NULL DEFAULT '';
ALTER TABLE login ADD COLUMN recognised_at integer NOT NULL DEFAULT 0;
ALTER TABLE login ADD COLUMN whole_account boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE login DROP COLUMN whole_account;
ALTER TABLE login DROP COLUMN recognised_at;
ALTER TABLE login DROP COLUMN amr;
ALTER TABLE login DROP COLUMN acr;
