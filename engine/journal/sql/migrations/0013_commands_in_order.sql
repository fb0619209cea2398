-- online
-- A command is kept once in its stream, whoever gave it, and ids that begin with the time find their place where the last one was
-- put. Somebody's own acts are found by which pages of the log can have them, which costs a bid next to nothing (docs/adr/0025).
DROP INDEX CONCURRENTLY IF EXISTS event_command;
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS event_command ON event (stream, command_id) WHERE command_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS event_actor;
CREATE INDEX CONCURRENTLY IF NOT EXISTS event_actor ON event
    USING brin (actor text_bloom_ops (n_distinct_per_range = 300)) WITH (pages_per_range = 32);
-- Pages that vacuum has not yet looked at are read by every search for somebody's acts: it comes after a hundredth, not after a fifth.
ALTER TABLE event SET (autovacuum_vacuum_insert_threshold = 10000, autovacuum_vacuum_insert_scale_factor = 0.01);
DROP INDEX CONCURRENTLY IF EXISTS event_given;
