-- name: prepare
-- One more objection in preparation, unless this notice has as many as it may.
INSERT INTO notice_objector (objection_id, notice, secret_digest, salt, person_key, account, party, network, name, id_last4, contact,
    relation, ground, statement, made_at_us)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15
WHERE (SELECT count(*) FROM notice_objector WHERE notice = $2 AND sent_at_us IS NULL) < $16
RETURNING objection_id;

-- name: objector
SELECT * FROM notice_objector WHERE objection_id = $1;

-- name: sent
UPDATE notice_objector SET sent_at_us = $2, receipt_no = $3 WHERE objection_id = $1 AND sent_at_us IS NULL;

-- name: forget_unsent
DELETE FROM notice_objector WHERE sent_at_us IS NULL AND made_at_us < $1;

-- name: erase
-- The person is forgotten, the fact that somebody objected stays.
UPDATE notice_objector SET name = '', id_last4 = '', contact = '', relation = '', statement = '', network = '', account = '', party = '',
    erased_at_us = $2
WHERE objection_id = $1 AND erased_at_us IS NULL;

-- name: to_erase
SELECT o.objection_id FROM notice_objector o JOIN publicity_row p USING (notice)
WHERE o.erased_at_us IS NULL AND p.phase IN ('archived', 'withdrawn', 'terminated') AND p.since_us < $1 LIMIT $2;

-- name: name_panellist
INSERT INTO notice_panellist (member_id, notice, name, office, named_at_us) VALUES ($1, $2, $3, $4, $5);

-- name: panellists
SELECT member_id, name, office FROM notice_panellist WHERE member_id = ANY($1::text[]);

-- name: ladder
SELECT * FROM approval_ladder WHERE party = $1 ORDER BY version DESC LIMIT $2;

-- name: set_ladder
-- The next version, if nobody was faster.
INSERT INTO approval_ladder (party, version, ladder, author, reason, made_at_us)
SELECT $1, $2, $3, $4, $5, $6
WHERE $2 = 1 + coalesce((SELECT max(version) FROM approval_ladder WHERE party = $1), 0) ON CONFLICT DO NOTHING RETURNING version;
