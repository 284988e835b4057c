-- +goose Up
-- Named tokens with which members sign in instead of by password, each by the SHA-256 of the token. A
-- member has one of a name at most.
CREATE TABLE member_token (
    project_id    uuid NOT NULL,
    membership_id text COLLATE "C" NOT NULL,
    user_id       text COLLATE "C" NOT NULL,
    name          text COLLATE "C" NOT NULL,
    hash          text COLLATE "C" NOT NULL,
    created_at    bigint NOT NULL,
    expires_at    bigint NOT NULL,
    PRIMARY KEY (project_id, membership_id, name)
);
CREATE INDEX member_token_user ON member_token (project_id, user_id);
CREATE INDEX member_token_hash ON member_token (hash);
CREATE INDEX member_token_expires ON member_token (expires_at);

-- +goose Down
DROP TABLE member_token;
