"""Publicity of an agreement: notice, period, objections, deal. Pure; domain.md §4."""
