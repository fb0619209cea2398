-- name: heads
-- For each shard: its head, its last decision, the last take-over, when the owner of then last said that it serves (an owner on
-- lease says so for the shards it has marked as served), and until when it served if it handed the shard over in order.
SELECT s.shard, h.seq AS head_seq, h.at_us AS head_at_us, d.at_us AS decided_at_us,
    o.stream_seq AS takes, o.digest AS chain, o.body AS taken,
    CASE WHEN p.lease_until IS NULL OR w.served_epoch = o.stream_seq THEN p.alive_at_us END AS alive_at_us,
    CASE WHEN w.released_epoch = o.stream_seq THEN w.released_us END AS released_us
FROM unnest($1::smallint[]) AS s(shard)
LEFT JOIN LATERAL (SELECT seq, at_us FROM event WHERE event.shard = s.shard ORDER BY seq DESC LIMIT 1) h ON true
LEFT JOIN LATERAL (
    SELECT at_us FROM event WHERE event.shard = s.shard AND type <> 'shard.owner_taken' ORDER BY seq DESC LIMIT 1
) d ON true
LEFT JOIN LATERAL (
    SELECT stream_seq, digest, body FROM event
    WHERE stream = 'shard/' || lpad(s.shard::text, 2, '0') ORDER BY stream_seq DESC LIMIT 1
) o ON true
LEFT JOIN engine_process p ON p.owner = convert_from(o.body, 'UTF8')::json ->> 'owner'
LEFT JOIN shard_owner w ON w.shard = s.shard
ORDER BY s.shard;

-- name: barrier
-- Waits for the standby like any commit; a read alone would not (docs/adr/0004).
SELECT pg_logical_emit_message(true, 'ortoo', 'barrier');

-- name: timeline
-- Which of its histories this server writes; every promotion begins a new one.
SELECT CASE WHEN pg_is_in_recovery() THEN 0
    ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END;

-- name: live_lots
-- Lots that were published and have not ended.
SELECT stream FROM event
WHERE shard = ANY($1::smallint[]) AND type IN ('lot.published', 'lot.session_published',
    'lot.sold', 'lot.allocated', 'lot.passed', 'lot.voided', 'lot.withdrawn')
GROUP BY stream HAVING bool_and(type IN ('lot.published', 'lot.session_published')) ORDER BY stream;

-- name: live_listings
-- Listings that were handed in and have not ended.
SELECT stream FROM event
WHERE shard = ANY($1::smallint[]) AND type IN ('listing.submitted',
    'listing.ended', 'listing.withdrawn', 'listing.terminated', 'listing.refused')
GROUP BY stream HAVING bool_and(type IN ('listing.submitted')) ORDER BY stream;

-- name: live_notices
-- Notices that were handed in and have not ended.
SELECT stream FROM event
WHERE shard = ANY($1::smallint[]) AND type IN ('notice.submitted',
    'notice.archived', 'notice.withdrawn', 'notice.terminated')
GROUP BY stream HAVING bool_and(type IN ('notice.submitted')) ORDER BY stream;

-- name: live_probes
-- The prober's one stream, once it has begun; it never ends.
SELECT stream FROM event WHERE shard = ANY($1::smallint[]) AND stream = 'probe/site' LIMIT 1;

-- name: snapshots
SELECT stream, state, digest FROM lot_snapshot WHERE stream = ANY($1::text[]) AND shape = $2;

-- name: tails
-- What came after the snapshot, or everything.
SELECT e.* FROM unnest($1::text[]) AS l(stream)
LEFT JOIN lot_snapshot s ON s.stream = l.stream AND s.shape = $2
JOIN event e ON e.stream = l.stream AND e.stream_seq > coalesce(s.stream_seq, 0)
ORDER BY e.stream, e.stream_seq;

-- name: commands
SELECT stream, command_id, stream_seq FROM event WHERE stream = ANY($1::text[]) AND command_id IS NOT NULL;

-- name: find_command
SELECT * FROM event WHERE stream = $1 AND command_id = $2 AND actor = $3;

-- name: save_snapshot
INSERT INTO lot_snapshot (stream, stream_seq, state, digest, shape) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (stream) DO UPDATE SET stream_seq = $2, state = $3, digest = $4, shape = $5
WHERE lot_snapshot.stream_seq < $2 OR lot_snapshot.shape <> $5;

-- name: all_snapshots
-- For verification: those this program would start from.
SELECT stream, stream_seq, state, digest FROM lot_snapshot WHERE stream > $1 AND shape = ANY($2::text[]) ORDER BY stream LIMIT $3;

-- name: alive
INSERT INTO engine_process (owner, alive_at_us) VALUES ($1, $2)
ON CONFLICT (owner) DO UPDATE SET alive_at_us = greatest(engine_process.alive_at_us, $2);

-- name: renew_lease
-- The database's clock alone judges leases.
INSERT INTO engine_process (owner, lease_until, leaving) VALUES ($1, clock_timestamp() + $2 * interval '1 microsecond', $3)
ON CONFLICT (owner) DO UPDATE SET lease_until = excluded.lease_until, leaving = $3;

-- name: end_lease
UPDATE engine_process SET lease_until = clock_timestamp(), leaving = true WHERE owner = $1;

-- name: engines_on_lease
-- Who may own shards now.
SELECT owner FROM engine_process WHERE lease_until > clock_timestamp() AND NOT leaving ORDER BY owner;

-- name: shard_owners
SELECT w.shard, w.owner, w.served_epoch, coalesce(p.lease_until > clock_timestamp(), false) AS held
FROM shard_owner w LEFT JOIN engine_process p ON p.owner = w.owner ORDER BY w.shard;

-- name: claim_shards
-- Only what nobody holds: never owned, let go, or held by one whose lease has run out.
INSERT INTO shard_owner AS w (shard, owner) SELECT shard, $1 FROM unnest($2::smallint[]) AS s(shard) ORDER BY shard
ON CONFLICT (shard) DO UPDATE SET owner = $1
WHERE w.owner IS NULL OR w.owner = $1 OR NOT EXISTS (
    SELECT FROM engine_process p WHERE p.owner = w.owner AND p.lease_until > clock_timestamp()
)
RETURNING shard;

-- name: mark_served
-- From now on the owner's signs of life count for these shards, as long as these epochs are the last.
UPDATE shard_owner w SET served_epoch = s.epoch FROM unnest($2::smallint[], $3::bigint[]) AS s(shard, epoch)
WHERE w.shard = s.shard AND w.owner = $1;

-- name: abandon_shards
UPDATE shard_owner SET owner = NULL WHERE owner = $1 AND shard = ANY($2::smallint[]);

-- name: release_shards
-- Handed over in order: everything due until then is decided.
UPDATE shard_owner w SET owner = NULL, released_epoch = s.epoch, released_us = s.until_us
FROM unnest($2::smallint[], $3::bigint[], $4::bigint[]) AS s(shard, epoch, until_us)
WHERE w.shard = s.shard AND w.owner = $1;

-- name: read_stream
-- A page of a lot's events, oldest first.
SELECT * FROM event WHERE stream = $1 AND stream_seq > $2 ORDER BY stream_seq LIMIT $3;

-- name: read_stream_tail
-- The newest events of a lot, newest first.
SELECT * FROM event WHERE stream = $1 ORDER BY stream_seq DESC LIMIT $2;

-- name: read_stream_types
-- The events of some types in a stream, oldest first.
SELECT * FROM event WHERE stream = $1 AND type = ANY($2::text[]) ORDER BY stream_seq LIMIT $3;

-- name: read_shard
-- A page of a shard, for consumers and for verification.
SELECT * FROM event WHERE shard = $1 AND seq > $2 ORDER BY seq LIMIT $3;

-- name: read_one
SELECT * FROM event WHERE stream = $1 AND stream_seq = $2;

-- name: contents
-- Digests for a lot's public chain.
SELECT content FROM event WHERE stream = $1 ORDER BY stream_seq LIMIT $2;

-- name: never_the_whole_log
-- For the next statement of the transaction: PostgreSQL believes that an index over whose the pages are helps only where somebody's
-- rows lie together, and reads the whole log instead (docs/adr/0025).
SET LOCAL enable_seqscan = off;

-- name: commands_of_actor
-- A bidder's own recorded commands, newest first.
SELECT * FROM event WHERE actor = $1 AND command_id IS NOT NULL AND at_us < $2
    AND ($4 = '' OR stream = $4 OR starts_with(stream, $4 || '.')) ORDER BY at_us DESC LIMIT $3;

-- name: shard_heads
-- The newest record of every shard that has one.
SELECT s.shard, h.seq, h.digest FROM generate_series(0, 80) AS s(shard)
CROSS JOIN LATERAL (SELECT seq, digest FROM event WHERE event.shard = s.shard ORDER BY seq DESC LIMIT 1) h
ORDER BY s.shard;

-- name: positions
-- Where each of these shards stands.
SELECT s.shard, h.epoch, h.seq FROM unnest($1::smallint[]) AS s(shard)
CROSS JOIN LATERAL (SELECT epoch, seq FROM event WHERE event.shard = s.shard ORDER BY seq DESC LIMIT 1) h;

-- name: last_entries
-- The newest bus entry that each of these shards has on record.
SELECT s.shard, h.entry_id FROM unnest($1::smallint[]) AS s(shard)
CROSS JOIN LATERAL (
    SELECT entry_id FROM event WHERE event.shard = s.shard AND entry_id IS NOT NULL ORDER BY seq DESC LIMIT 1
) h;

-- name: cursors
SELECT shard, seq FROM consumer_cursor WHERE consumer = $1;

-- name: move_cursor
-- Only from where this consumer believes to stand ($4): two of one name cannot both act on a page.
INSERT INTO consumer_cursor AS c (consumer, shard, seq) VALUES ($1, $2, $3)
ON CONFLICT (consumer, shard) DO UPDATE SET seq = $3 WHERE c.seq = $4
RETURNING seq;

-- name: touched
-- Streams of a shard with events after the cursor, and how far this page goes.
SELECT stream, max(seq) AS seq FROM (
    SELECT stream, seq FROM event WHERE shard = $1 AND seq > $2 ORDER BY seq LIMIT $3
) page GROUP BY stream;

-- name: read_shard_types
-- A page of a shard for consumers of certain events, none of them a bid: whole rows, up to a place that is known.
SELECT * FROM event WHERE shard = $1 AND seq > $2 AND seq <= $3 AND type NOT IN ('lot.bid_accepted', 'lot.bid_rejected') AND type = ANY($4::text[])
ORDER BY seq LIMIT $5;

-- name: shard_head
SELECT seq FROM event WHERE shard = $1 ORDER BY seq DESC LIMIT 1;

-- name: claim_log_key
INSERT INTO log_key (fingerprint) VALUES ($1) ON CONFLICT DO NOTHING;

-- name: log_key
SELECT fingerprint FROM log_key;
