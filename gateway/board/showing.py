"""What pages, feeds, widget and wall show of an entry: its address, its group of states, and how its period stands at an instant."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from engine.catalogue.board.entries import BoardEntry, EntryKind, group_of
from engine.rules.publicity.shown import record_digest
from engine.rules.publicity.visibility import PublicNotice, public_notice
from engine.values import InstantUs, NoticeId
from gateway.services import Services

_TRADITIONAL: Final = re.compile("[\u1800-\u18af]")


class Mongolian(Struct, frozen=True):
    """A title in Mongolian and how it is written."""

    text: str
    vertical: bool
    """Traditional script: columns from left to right. Otherwise Cyrillic, in lines."""

    @property
    def lang(self) -> str:
        """Language tag with the script."""
        return "mn-Mong" if self.vertical else "mn-Cyrl"


class Row(Struct, frozen=True, kw_only=True):
    """An entry to show. `notice` is there for notices: how it stands now."""

    entry: BoardEntry
    path: str
    group: str
    notice: PublicNotice | None
    mongolian: Mongolian | None

    @property
    def is_notice(self) -> bool:
        """Publicity of an agreement, not the result of a trade."""
        return self.entry.kind == EntryKind.NOTICE

    @property
    def digest(self) -> str:
        """Digest of the record as it is shown; empty for results."""
        return "" if self.notice is None else record_digest(self.notice)


async def rows_of(services: Services, entries: Sequence[BoardEntry], at_us: int) -> list[Row]:
    """Return the entries with what is known of them now."""
    return [await row_of(services, entry, at_us) for entry in entries]


async def row_of(services: Services, entry: BoardEntry, at_us: int) -> Row:
    """Return one entry with what is known of it now."""
    notice = None
    if entry.kind == EntryKind.NOTICE:
        state = await services.engine.notices.load(NoticeId(entry.subject))
        notice = None if state is None else public_notice(state, InstantUs(at_us))
    return Row(
        entry=entry,
        path=path_of(entry),
        group=group_of(entry.state),
        notice=notice,
        mongolian=mongolian(entry.title_mn),
    )


def path_of(entry: BoardEntry) -> str:
    """Return the permanent address of an entry on this site."""
    if entry.kind == EntryKind.NOTICE:
        return f"/board/notices/{entry.subject}"
    if entry.kind == EntryKind.AUCTION:
        return f"/board/deals/lots/{entry.subject}"
    return f"/board/deals/listings/{entry.subject}/{entry.entry.rpartition('/')[2]}"


def mongolian(text: str) -> Mongolian | None:
    """Return a title in Mongolian; None if there is none."""
    return Mongolian(text, _TRADITIONAL.search(text) is not None) if text else None
