-- Where a command came from on the bus of several machines: the id of its stream entry in Redis. Evidence beside the digests, and
-- where an engine that takes a shard over begins to read. Null in a market of one process.
ALTER TABLE event ADD COLUMN entry_id text COLLATE "C";
CREATE INDEX event_entry ON event (shard, seq) WHERE entry_id IS NOT NULL;
