"""Replay: recorded auctions through the real rules and the real journal, on virtual time. The format: docs/REPLAY.md."""
