-- Sessions of other formats begin and end by events of their own.
DROP INDEX event_life;
CREATE INDEX event_life ON event (shard, stream)
    WHERE type IN ('lot.published', 'lot.session_published', 'lot.sold', 'lot.allocated', 'lot.passed', 'lot.voided', 'lot.withdrawn');
