"""Achievements: what a record says, what is missing or forbidden in it, what may be offered. Pure."""
