"""Achievements in PostgreSQL: working copies, immutable numbered versions, acts, who signed which confidentiality text."""
