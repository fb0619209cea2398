-- name: open_job
-- Nothing comes back when the same bytes were given before.
INSERT INTO import_job (id, party, account, name, digest, bytes, target, state, created_at_us, changed_at_us)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'CHECKING', $8, $8) ON CONFLICT DO NOTHING RETURNING id;

-- name: same_file
SELECT * FROM import_job WHERE party = $1 AND digest = $2 AND target = $3 AND state NOT IN ('FAILED', 'CANCELLED');

-- name: read
SELECT * FROM import_job WHERE id = $1;

-- name: lock
SELECT * FROM import_job WHERE id = $1 FOR UPDATE;

-- name: of_party
SELECT * FROM import_job WHERE party = $1 AND (-created_at_us, id) > ($2, $3) ORDER BY -created_at_us, id LIMIT $4;

-- name: count_unfinished
SELECT count(*)::int FROM import_job WHERE party = $1 AND state IN ('CHECKING', 'CHECKED', 'IMPORTING');

-- name: lock_party
SELECT pg_advisory_xact_lock(hashtextextended('import/' || $1, 0));

-- name: next_job
SELECT id FROM import_job WHERE state IN ('CHECKING', 'IMPORTING') ORDER BY created_at_us LIMIT 1;

-- name: checked
UPDATE import_job SET state = 'CHECKED', rows_total = $2, rows_good = $3, rows_done = 0, changed_at_us = $4 WHERE id = $1 AND state = 'CHECKING';

-- name: checking
-- Progress of the dry run.
UPDATE import_job SET rows_done = $2, changed_at_us = $3 WHERE id = $1;

-- name: forget_problems
DELETE FROM import_problem WHERE job = $1;

-- name: add_problem
INSERT INTO import_problem (job, place, line, column_key, code, value, blocking) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: problems
SELECT * FROM import_problem WHERE job = $1 AND place > $2 ORDER BY place LIMIT $3;

-- name: start
UPDATE import_job SET state = 'IMPORTING', choice = $2, rows_done = 0, rows_in = 0, changed_at_us = $3 WHERE id = $1 AND state = 'CHECKED' RETURNING id;

-- name: cancel
UPDATE import_job SET state = 'CANCELLED', changed_at_us = $2 WHERE id = $1 AND state IN ('CHECKING', 'CHECKED') RETURNING id;

-- name: fail
UPDATE import_job SET state = 'FAILED', failure = $2, changed_at_us = $3 WHERE id = $1;

-- name: advance
UPDATE import_job SET rows_done = $2, rows_in = $3, changed_at_us = $4 WHERE id = $1;

-- name: finish
UPDATE import_job SET state = 'DONE', changed_at_us = $2 WHERE id = $1;

-- name: add_draft
-- As `Achievements.create` does, in the transaction that counts the row as done.
INSERT INTO achievement (id, owner, author, state, record, created_at_us, saved_at_us, state_at_us) VALUES ($1, $2, $3, 'DRAFT', $4, $5, $5, $5);

-- name: add_published
INSERT INTO achievement (id, owner, author, state, record, created_at_us, saved_at_us, state_at_us, published)
VALUES ($1, $2, $3, 'PUBLISHED', $4, $5, $5, $5, 1);

-- name: add_version
INSERT INTO achievement_version (id, number, owner, actor, published_at_us, body, digest) VALUES ($1, 1, $2, $3, $4, $5, $6);

-- name: add_act
INSERT INTO achievement_act (id, number, act, state, actor, party, reason, at_us) VALUES ($1, 1, 'PUBLISH', 'PUBLISHED', $2, $3, $4, $5);

-- name: add_outbox
INSERT INTO search_outbox (kind, id, version, act) VALUES ('achievement', $1, 1, 'publish');
