"""A code table: entries by code in their official order, with where they come from and how sure they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct

DATA: Final = Path(__file__).parent / "data"


class Confidence(StrEnum):
    """How sure an entry is."""

    CONFIRMED = "confirmed"
    """Read in a source that the table names."""
    UNCONFIRMED = "unconfirmed"
    """Known, but no source page was found, or its text was cut: look it up before relying on it."""
    DESIGN = "design"
    """Our own: no official code or text exists, or none was found."""


class Entry(Struct, frozen=True, kw_only=True):
    """One code with its names."""

    code: str
    zh: str
    en: str
    parent: str = ""
    """Code of the entry above; empty at the top."""
    confidence: Confidence = Confidence.CONFIRMED

    def name(self, language: str) -> str:
        """Return the name in `zh` or `en`; Chinese for any other language."""
        return self.en if language == "en" else self.zh


E_co = TypeVar("E_co", bound=Entry, covariant=True)
E = TypeVar("E", bound=Entry)


class CodeTable(Mapping[str, E_co], Generic[E_co]):
    """Entries by code; iterating gives the codes in the table's order."""

    def __init__(self, title: str, version: str, source: str, entries: Sequence[E_co]) -> None:
        """Build a table.

        Args:
            title: What it lists.
            version: Changes whenever an entry does; kept with records that were filled in by it.
            source: Where the entries come from, and when they were taken.
            entries: In their order.

        Raises:
            ValueError: a code stands there twice, or a parent does not.
        """
        self.title, self.version, self.source = title, version, source
        self._entries: Mapping[str, E_co] = {entry.code: entry for entry in entries}
        if len(self._entries) != len(entries):
            raise ValueError(f"{title}: a code stands there twice")
        orphans = [entry.code for entry in entries if entry.parent and entry.parent not in self._entries]
        if orphans:
            raise ValueError(f"{title}: no parent of {orphans[0]}")
        self._parents: Final = frozenset(entry.parent for entry in entries)

    def __getitem__(self, code: str) -> E_co:
        """Return the entry of a code; KeyError if there is none."""
        return self._entries[code]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the codes."""
        return iter(self._entries)

    def __len__(self) -> int:
        """Count the entries."""
        return len(self._entries)

    def name(self, code: str, language: str) -> str:
        """Return the name of a code in `zh` or `en`; the code itself if it is unknown, as an old record may have one."""
        entry = self._entries.get(code)
        return code if entry is None else entry.name(language)

    def children(self, code: str = "") -> tuple[E_co, ...]:
        """Return the entries directly below a code; those at the top without one."""
        return tuple(entry for entry in self._entries.values() if entry.parent == code)

    def is_leaf(self, code: str) -> bool:
        """Tell whether a code of the table has nothing below it: forms ask for leaves."""
        return code in self._entries and code not in self._parents

    def path(self, code: str) -> tuple[E_co, ...]:
        """Return the entries from the top down to a code; empty if it is unknown."""
        found: list[E_co] = []
        entry = self._entries.get(code)
        while entry is not None:
            found.append(entry)
            entry = self._entries.get(entry.parent)
        return tuple(reversed(found))


class _File(Struct, Generic[E], frozen=True):
    title: str
    version: str
    source: str
    entries: tuple[E, ...]


def load_table(name: str, entry_type: type[E]) -> CodeTable[E]:
    """Read a packaged table.

    Args:
        name: File name in `data/` without its ending.
        entry_type: What its entries are.
    """
    file = msgspec.json.decode((DATA / f"{name}.json").read_bytes(), type=_File[entry_type])  # type: ignore[valid-type]
    return CodeTable(file.title, file.version, file.source, file.entries)
