-- A session with several winners strikes several deals by one event; the id, made from lot and place, keeps each of them single.
ALTER TABLE deal DROP CONSTRAINT deal_source;
CREATE INDEX deal_source ON deal (stream, stream_seq);
