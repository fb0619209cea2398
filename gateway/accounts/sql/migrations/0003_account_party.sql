-- An account is a login; a party is who trades. An account acts for itself until it joins an organisation.
ALTER TABLE account ADD COLUMN party text COLLATE "C" CHECK (party ~ '^[po][0-9a-f]{16}$');
UPDATE account SET party = id;
ALTER TABLE account ALTER COLUMN party SET NOT NULL;
ALTER TABLE account ADD COLUMN member_roles text[] NOT NULL DEFAULT '{}'
    CHECK (member_roles <@ ARRAY['administrator', 'applicant', 'approver', 'finance']);
CREATE INDEX account_party ON account (party);
-- Parties ask for admission, not logins.
ALTER TABLE admission_request DROP CONSTRAINT admission_request_account_fkey;
ALTER TABLE admission_request RENAME COLUMN account TO party;
