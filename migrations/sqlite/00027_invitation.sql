-- +goose Up
-- What administrators see and do of an invitation: its version, by which two of them do not overwrite
-- one another, whether it made the membership, and what became of its last mail.
ALTER TABLE invitation ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE invitation ADD COLUMN profile text NOT NULL DEFAULT ''; -- a reference
ALTER TABLE invitation ADD COLUMN adds_member boolean NOT NULL DEFAULT true;
ALTER TABLE invitation ADD COLUMN mail_id text NOT NULL DEFAULT ''; -- the mail that counts
ALTER TABLE invitation ADD COLUMN delivery text NOT NULL DEFAULT '';
ALTER TABLE invitation ADD COLUMN reply_code integer NOT NULL DEFAULT 0;     -- RFC 5321
ALTER TABLE invitation ADD COLUMN status_code text NOT NULL DEFAULT '';      -- RFC 3463
ALTER TABLE invitation ADD COLUMN reply_text text NOT NULL DEFAULT '';
ALTER TABLE invitation ADD COLUMN reported_at integer NOT NULL DEFAULT 0;
CREATE INDEX invitation_state ON invitation (project_id, state, id);
CREATE INDEX invitation_email ON invitation (project_id, email, id);
CREATE INDEX invitation_profile ON invitation (project_id, profile, id);
CREATE INDEX invitation_inviter ON invitation (project_id, invited_by, id);

-- Which projects a password leads to that is set by the link ('*': all, the address is proven by it).
ALTER TABLE security_request ADD COLUMN opens text NOT NULL DEFAULT '*';

ALTER TABLE mail ADD COLUMN recipient_name text NOT NULL DEFAULT '';

-- The mails that a project writes in its own words.
CREATE TABLE mail_template (
    project_id text NOT NULL,
    template   text NOT NULL,
    subject    text NOT NULL,
    body_text  text NOT NULL,
    body_html  text NOT NULL,
    version    integer NOT NULL,
    updated_at integer NOT NULL,
    PRIMARY KEY (project_id, template)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE mail_template;
ALTER TABLE mail DROP COLUMN recipient_name;
ALTER TABLE security_request DROP COLUMN opens;
DROP INDEX invitation_inviter;
DROP INDEX invitation_profile;
DROP INDEX invitation_email;
DROP INDEX invitation_state;
ALTER TABLE invitation DROP COLUMN reported_at;
ALTER TABLE invitation DROP COLUMN reply_text;
ALTER TABLE invitation DROP COLUMN status_code;
ALTER TABLE invitation DROP COLUMN reply_code;
ALTER TABLE invitation DROP COLUMN delivery;
ALTER TABLE invitation DROP COLUMN mail_id;
ALTER TABLE invitation DROP COLUMN adds_member;
ALTER TABLE invitation DROP COLUMN profile;
ALTER TABLE invitation DROP COLUMN version;
