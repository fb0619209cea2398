"""Typesetting: data and a template become a PDF/A, the same bytes on every machine and in ten years (ADR 0009)."""
