"""What an address of the catalogue asks for, read once for pages, the REST interface and saved searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from msgspec import Struct
from multidict import MultiMapping

from engine.catalogue.codes.fields import FIELDS
from engine.catalogue.codes.industries import INDUSTRIES
from engine.catalogue.codes.regions import REGIONS
from engine.catalogue.search.entries import BANDS, Facet, Kind
from engine.catalogue.search.searching import VALUES_MAX, Order
from engine.rules.achievement.record import HolderKind, Mode
from engine.rules.words import QUERY_MAX

VALUE_MAX: Final = 20
CURSOR_MAX: Final = 60


class Asked(Struct, frozen=True, kw_only=True):
    """A search as its address says it; unknown values are left out."""

    text: str = ""
    filters: dict[Facet, list[str]] = {}
    order: Order = Order.RELEVANCE
    after: str = ""

    @property
    def is_narrow(self) -> bool:
        """Something was asked for."""
        return bool(self.text.strip() or self.filters)

    def address(self, path: str, **changes: str) -> str:
        """Return the address of this search with other parts; an empty value takes the part out."""
        pairs = [("q", self.text)] if self.text else []
        pairs += [(facet.value, value) for facet, values in self.filters.items() for value in values]
        if self.order is not Order.RELEVANCE:
            pairs.append(("sort", self.order.value))
        pairs = [pair for pair in pairs if pair[0] not in changes] + [pair for pair in changes.items() if pair[1]]
        return f"{path}?{urlencode(pairs)}" if pairs else path

    def toggled(self, path: str, facet: Facet, value: str) -> str:
        """Return the address with one value put in, or taken out."""
        values = self.filters.get(facet, [])
        values = [one for one in values if one != value] if value in values else [*values, value]
        filters = {**self.filters, facet: values}
        kept = {one: chosen for one, chosen in filters.items() if chosen}
        return Asked(text=self.text, filters=kept, order=self.order).address(path)


def read_address(query: MultiMapping[str]) -> Asked:
    """Return what an address asks for."""
    sort = query.get("sort", "")
    return Asked(
        text=query.get("q", "")[:QUERY_MAX],
        filters=known_filters({facet.value: query.getall(facet.value, []) for facet in Facet}),
        order=Order(sort) if sort in set(Order) else Order.RELEVANCE,
        after=query.get("after", "")[:CURSOR_MAX],
    )


def known_filters(given: Mapping[str, Sequence[str]]) -> dict[Facet, list[str]]:
    """Return the filters that name something."""
    found: dict[Facet, list[str]] = {}
    for facet in Facet:
        values = [value for value in dict.fromkeys(given.get(facet.value, ())) if is_value(facet, value)]
        if values:
            found[facet] = values[:VALUES_MAX]
    return found


def is_value(facet: Facet, value: str) -> bool:
    """Tell whether a facet has this value."""
    known: Mapping[Facet, object] = {
        Facet.FIELD: FIELDS,
        Facet.INDUSTRY: INDUSTRIES,
        Facet.REGION: REGIONS,
        Facet.TRL: BANDS,
        Facet.MODE: set(Mode),
        Facet.HOLDER: set(HolderKind),
        Facet.LISTED: {"0", "1"},
    }
    return len(value) <= VALUE_MAX and value in known[facet]  # type: ignore[operator]


PATHS: Final = {Kind.ACHIEVEMENT: "/catalogue", Kind.NEED: "/needs"}
