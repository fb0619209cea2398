-- name: make_cold
-- Ended streams of long ago, on cheaper storage; part of whatever is read from `event`, and no part of what is appended to.
CREATE TABLE IF NOT EXISTS event_cold (LIKE event INCLUDING ALL) INHERITS (event);

-- name: guard_cold
CREATE OR REPLACE TRIGGER event_cold_append_only BEFORE UPDATE OR DELETE ON event_cold FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- name: guard_cold_truncate
CREATE OR REPLACE TRIGGER event_cold_no_truncate BEFORE TRUNCATE ON event_cold FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- name: ended_streams
-- Streams whose last event is their end or came after it, before an instant ($1); never one that holds the newest record of its shard.
SELECT DISTINCT e.stream FROM ONLY event e
WHERE e.type IN ('lot.sold', 'lot.allocated', 'lot.passed', 'lot.voided', 'lot.withdrawn',
    'listing.ended', 'listing.withdrawn', 'listing.terminated', 'listing.refused',
    'notice.archived', 'notice.withdrawn', 'notice.terminated')
AND e.stream > $2 AND NOT EXISTS (
    SELECT FROM ONLY event later WHERE later.stream = e.stream AND (later.at_us >= $1
        OR later.seq = (SELECT max(seq) FROM event head WHERE head.shard = e.shard))
)
ORDER BY e.stream LIMIT $3;

-- name: copy_to_cold
INSERT INTO event_cold SELECT * FROM ONLY event WHERE stream = ANY($1::text[]);

-- name: drop_from_hot
-- The table gives up a row only if the cold one holds the same (refuse_change).
DELETE FROM ONLY event WHERE stream = ANY($1::text[]);
