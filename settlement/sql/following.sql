-- name: cursors
SELECT shard, seq FROM consumer_cursor WHERE consumer = $1;

-- name: move_cursor
-- One consumer moves a cursor: another one that read the same page finds it moved and does nothing.
INSERT INTO consumer_cursor (consumer, shard, seq) VALUES ($1, $2, $4)
ON CONFLICT (consumer, shard) DO UPDATE SET seq = $4 WHERE consumer_cursor.seq = $3 RETURNING seq;

-- name: page
SELECT seq, stream, stream_seq, type, version, at_us, body FROM event WHERE shard = $1 AND seq > $2 ORDER BY seq LIMIT $3;

-- name: stream_until
SELECT stream_seq, type, version, at_us, body FROM event WHERE stream = $1 AND stream_seq > $2 AND stream_seq <= $3 ORDER BY stream_seq LIMIT $4;

-- name: shards_behind
-- Shards whose newest event is after the consumer's cursor.
SELECT s.shard FROM unnest($2::smallint[]) AS s (shard)
CROSS JOIN LATERAL (SELECT seq FROM event WHERE event.shard = s.shard ORDER BY seq DESC LIMIT 1) h
LEFT JOIN consumer_cursor c ON c.consumer = $1 AND c.shard = s.shard
WHERE h.seq > coalesce(c.seq, 0);
