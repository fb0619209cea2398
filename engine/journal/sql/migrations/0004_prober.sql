-- The prober has a shard of its own, 80 (docs/adr/0010): it is another process, and no writer waits for another.
ALTER TABLE event DROP CONSTRAINT event_shard_check, ADD CONSTRAINT event_shard_check CHECK (shard BETWEEN 0 AND 80);
