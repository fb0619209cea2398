"""The digest chain of a history: each event's digest contains that of the one before, so that a changed or missing one is found."""

from __future__ import annotations

from hashlib import sha256

from engine.canonical import canonical_bytes


class Chain:
    """The chain of one kind of history; `tag` keeps kinds apart."""

    def __init__(self, tag: bytes) -> None:
        self._tag = tag

    def first(self, subject_id: str) -> bytes:
        """Return what stands before the first event."""
        return sha256(self._tag + subject_id.encode()).digest()

    def next(self, previous: bytes, subject_id: str, seq: int, name: str, at_us: int, actor: str, body: bytes) -> bytes:
        """Return the digest of an event, which contains that of the event before."""
        header = canonical_bytes([subject_id, seq, name, at_us, actor])
        return sha256(self._tag + previous + len(header).to_bytes(4, "big") + header + body).digest()
