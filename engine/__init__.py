"""Decides and records: rules, journal, single writers, evidence. Knows no HTTP, settlement or statistics."""
