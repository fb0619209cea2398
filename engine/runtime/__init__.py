"""Single writers: inbox, group commit, deadlines, ownership, recovery."""
