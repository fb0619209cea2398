"""Keeping the log: standby servers and fail-over, backups and restoring them. PostgreSQL's own programs do the work."""
