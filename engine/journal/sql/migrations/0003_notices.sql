-- Notices have shards of their own, 72..79 (docs/adr/0008), and begin and end by events of their own.
ALTER TABLE event DROP CONSTRAINT event_shard_check, ADD CONSTRAINT event_shard_check CHECK (shard BETWEEN 0 AND 79);
CREATE INDEX event_notice_life ON event (shard, stream)
    WHERE type IN ('notice.submitted', 'notice.archived', 'notice.withdrawn', 'notice.terminated');
