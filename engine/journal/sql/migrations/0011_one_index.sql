-- online
-- One index finds a command by who gave it, keeps it once, and finds all that somebody did; before there were two (docs/adr/0023).
DROP INDEX CONCURRENTLY IF EXISTS event_given;
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS event_given ON event (actor, command_id, stream) WHERE command_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS event_command;
DROP INDEX CONCURRENTLY IF EXISTS event_actor;
