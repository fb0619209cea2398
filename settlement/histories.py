"""What all histories share: names and bytes of their events on disk, and the digest chain, in which each event's digest contains that
of the one before, so that a changed or missing one is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Generic, TypeVar

import msgspec

from engine.canonical import canonical_bytes

E = TypeVar("E")


class Names(Generic[E]):
    """The names of the events of one kind of history on disk; a name is never used again for something else."""

    def __init__(self, names: Mapping[type[Any], str]) -> None:
        self._names = names
        self._by_name = {name: kind for kind, name in names.items()}

    def encode(self, event: E) -> tuple[str, bytes]:
        """Return the name and the canonical bytes of an event."""
        return self._names[type(event)], canonical_bytes(msgspec.to_builtins(event))

    def decode(self, name: str, body: bytes) -> E:
        """Return a stored event.

        Raises:
            KeyError: no such name.
            msgspec.MsgspecError: the bytes are no such event.
        """
        event: E = msgspec.json.decode(body, type=self._by_name[name])
        return event


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
