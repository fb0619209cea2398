"""A shard as the engine's end of the bus knows it: how far its stream was read, what of it is answered, where its log stands."""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

EntryId: TypeAlias = tuple[int, int]
"""Milliseconds of Redis' clock and a number within them."""
START: EntryId = (0, 0)
"""Before every entry."""
_LAST = 2**64 - 1


class Entry:
    """An entry that was read, and how many of its commands have no answer yet."""

    __slots__ = ("id", "open")

    def __init__(self, entry_id: EntryId, commands: int) -> None:
        self.id = entry_id
        self.open = commands


class Owned:
    """A shard of ours."""

    __slots__ = ("cursor", "done", "entries", "epoch", "found", "seq", "shard", "trimmed")

    def __init__(self, shard: int, position: tuple[int, int], committed: EntryId) -> None:
        """`position`: epoch and number of its newest record; `committed`: the newest entry on record."""
        self.shard = shard
        self.epoch, self.seq = position
        self.cursor = before(committed)
        """Entries up to this one were read. The newest on record is read once more: of several commands in it perhaps not all are."""
        self.found = False
        """The cursor fits the stream as it is in Redis now."""
        self.entries: deque[Entry] = deque()
        """Read, in order, and not all answered."""
        self.done = START
        """Every entry up to this one is answered."""
        self.trimmed = START

    def fit(self, newest: EntryId | None) -> None:
        """Compare with the newest entry in Redis. A stream that ends before what was read is another one: Redis was emptied, and
        it is read from its beginning.
        """
        self.found = True
        if newest is None or newest < self.cursor:
            self.cursor = self.done = self.trimmed = START
            self.entries = deque()

    def finish(self) -> None:
        """Take note of what is answered."""
        while self.entries and self.entries[0].open <= 0:
            self.done = self.entries.popleft().id


def read_id(text: str | bytes) -> EntryId:
    """Read an id as Redis writes it, `milliseconds-number`."""
    first, _, second = (text if isinstance(text, str) else text.decode()).partition("-")
    return int(first), int(second or 0)


def write_id(entry_id: EntryId) -> str:
    """Write an id as Redis reads it."""
    return f"{entry_id[0]}-{entry_id[1]}"


def before(entry_id: EntryId) -> EntryId:
    """Return the id before; nothing is before the start."""
    first, second = entry_id
    if second:
        return first, second - 1
    return (first - 1, _LAST) if first else START


def after(entry_id: EntryId) -> EntryId:
    """Return the id after."""
    first, second = entry_id
    return (first, second + 1) if second < _LAST else (first + 1, 0)
