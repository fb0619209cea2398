-- Listings have shards of their own, 64..71 (docs/adr/0008), and begin and end by events of their own.
ALTER TABLE event DROP CONSTRAINT event_shard_check, ADD CONSTRAINT event_shard_check CHECK (shard BETWEEN 0 AND 71);
CREATE INDEX event_listing_life ON event (shard, stream)
    WHERE type IN ('listing.submitted', 'listing.ended', 'listing.withdrawn', 'listing.terminated', 'listing.refused');
