"""Search of the catalogue in plain PostgreSQL: an inverted index of bitmaps that works for Chinese (docs/SEARCH.md)."""
