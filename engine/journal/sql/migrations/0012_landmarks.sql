-- online
-- What is no bid, shard by shard: few among many, and all that consumers of certain events and the search for living subjects look
-- for. One index instead of three, and a bid asks one condition instead of three (docs/adr/0024).
CREATE INDEX CONCURRENTLY IF NOT EXISTS event_landmark ON event (shard, seq) INCLUDE (stream, type)
    WHERE type NOT IN ('lot.bid_accepted', 'lot.bid_rejected');
DROP INDEX CONCURRENTLY IF EXISTS event_life;
DROP INDEX CONCURRENTLY IF EXISTS event_listing_life;
DROP INDEX CONCURRENTLY IF EXISTS event_notice_life;
