"""Credit records for people and programs: who sees which, who does what, and a line in the audit log for each act."""
