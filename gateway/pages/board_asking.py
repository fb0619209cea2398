"""What an address of the board asks for: filters in one canonical order, so that the same question is the same kept answer."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web
from msgspec import Struct

from engine.calendar import end_of, parse_day, start_of
from engine.catalogue.board.entries import GROUPS, KINDS
from engine.catalogue.board.index import FOR_EVER_US, region_pattern
from engine.catalogue.codes.fields import FIELDS
from engine.rules.achievement.record import Mode
from engine.rules.words import QUERY_MAX
from gateway.pages.i18n import LOCALES, language_of

_SELLER: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
AFTER_MAX: Final = 100


def language_asked(request: web.Request) -> str:
    """Return the language: what the address says, else as on every page."""
    asked = request.query.get("lang", "")
    return asked if asked in LOCALES else language_of(request)


class BoardAsked(Struct, frozen=True, kw_only=True):
    """A question to the board; what means nothing was dropped."""

    q: str = ""
    kind: str = ""
    field: str = ""
    region: str = ""
    mode: str = ""
    state: str = ""
    seller: str = ""
    since: str = ""
    """ISO day, Asia/Shanghai: published on or after it."""
    until: str = ""
    """ISO day: published on or before it."""
    after: str = ""
    lang: str = ""
    """Set where the address names a language; kept in links."""

    @property
    def narrowed(self) -> bool:
        """Something is left out."""
        return any(getattr(self, name) for name in _FILTERS)

    def filters(self) -> dict[str, Any]:
        """Return the arguments of `Board.search` beside the words and the page."""
        since, until = parse_day(self.since), parse_day(self.until)
        return {
            "field": self.field,
            "region": self.region,
            "mode": self.mode,
            "kinds": KINDS.get(self.kind, ()),
            "states": GROUPS.get(self.state, ()),
            "seller": self.seller,
            "from_us": 0 if since is None else max(0, start_of(since)),
            "to_us": FOR_EVER_US if until is None else end_of(until),
        }

    def address(self, path: str = "/board", **changes: str) -> str:
        """Return the address of this question with some of its parts changed; a change of filter begins at the first page."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        values |= {"after": "", **changes}
        query = urlencode([(name, value) for name, value in values.items() if value])
        return f"{path}?{query}" if query else path


_FILTERS: Final = ("q", "kind", "field", "region", "mode", "state", "seller", "since", "until")


def read_board(request: web.Request) -> BoardAsked:
    """Return what the address asks; values that name nothing are dropped, so that they make no answers of their own."""
    given = request.query
    lang = given.get("lang", "")
    return BoardAsked(
        q=given.get("q", "").strip()[:QUERY_MAX],
        kind=_one_of(given.get("kind", ""), KINDS),
        field=_one_of(given.get("field", ""), FIELDS),
        region=given.get("region", "") if region_pattern(given.get("region", "")) else "",
        mode=_one_of(given.get("mode", ""), set(Mode)),
        state=_one_of(given.get("state", ""), GROUPS),
        seller=given.get("seller", "") if _SELLER.fullmatch(given.get("seller", "")) else "",
        since=_day(given.get("since", "")),
        until=_day(given.get("until", "")),
        after=given.get("after", "")[:AFTER_MAX],
        lang=lang if lang in LOCALES else "",
    )


def _one_of(text: str, known: Any) -> str:
    return text if text in known else ""


def _day(text: str) -> str:
    return text if parse_day(text) is not None else ""
