"""Figures for people: tables, charts, files."""
