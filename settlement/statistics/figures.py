"""The figures of the market: counted from the histories as they grow, read as of any past instant, counted anew on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct
from msgspec.structs import fields

from engine.catalogue.codes.countries import customs_code
from engine.catalogue.codes.regions import HOME, province_of, reporting_unit_of
from engine.rules.auction.events import WIRE_NAMES as LOT_NAMES
from engine.rules.auction.events import LotPublished, SessionPublished
from engine.rules.listing.events import LISTING_WIRE_NAMES, ListingPublished
from engine.rules.publicity.events import NOTICE_WIRE_NAMES, NoticePublished
from settlement.contracts.kinds import five_kind
from settlement.deals.events import DealOpened
from settlement.deals.events import decode_event as decode_deal_event
from settlement.ledger.book import Connection
from settlement.registration.events import CaseOpened
from settlement.registration.events import decode_event as decode_registration_event
from settlement.statistics.facts import Event, Fact, Struck, deal_facts, registration_facts
from settlement.statistics.following import QUERIES, Grown, HistoryFollowing

DIMENSIONS: Final = (
    "month", "way", "mode", "kind", "field", "industry", "ipr", "plan", "objective", "seller_region", "buyer_region", "seller_nature",
    "buyer_nature", "band",
)  # fmt: skip
CROSSES: Final = (("kind", "month"), ("way", "month"), ("field", "kind"), ("seller_region", "buyer_region"))
"""Pairs of dimensions that are counted together (domain.md §8.5)."""
MEASURES: Final = ("registration", "deal", "received")
PUBLISHED: Final = (
    LOT_NAMES[LotPublished][0], LOT_NAMES[SessionPublished][0], LISTING_WIRE_NAMES[ListingPublished][0],
    NOTICE_WIRE_NAMES[NoticePublished][0],
)  # fmt: skip
"""Events of the log with which something is on the market."""
CHINA: Final = customs_code("CN")
YEARS: Final = range(2000, 2101)
_FIELDS: Final = tuple(one.name for one in fields(Fact))


class Cell(Struct, frozen=True):
    """A figure: how many, for how much (fen), and how long they took."""

    count: int = 0
    total_fen: int = 0
    technical_fen: int = 0
    days: int = 0
    """Sum of the days that the timed ones took: from publication to deal, from deal to registration."""
    timed: int = 0
    """Of how many that is known."""

    def __add__(self, other: Cell) -> Cell:
        """Return both together."""
        return Cell(
            self.count + other.count, self.total_fen + other.total_fen, self.technical_fen + other.technical_fen,
            self.days + other.days, self.timed + other.timed,
        )  # fmt: skip

    @property
    def average_days(self) -> float | None:
        """Return how many days one took on average; None where it is known of none."""
        return self.days / self.timed if self.timed > 0 else None


Table = Mapping[str, Cell]
"""Figures by code; the empty code: not said."""
Cross = Mapping[tuple[str, str], Cell]
"""Figures by the codes of two dimensions."""


class Report(Struct, frozen=True, kw_only=True):
    """All tables of a period as of an instant."""

    measure: str
    year: int
    quarter: int
    """0: the whole year."""
    as_of_us: int
    whole: Cell
    tables: Mapping[str, Table]
    crosses: Mapping[tuple[str, str], Cross]
    """By one of `CROSSES`."""
    trend: Mapping[tuple[int, int], Cell]
    """By year and quarter, five years."""

    def regions(self, side: str, level: str) -> Table:
        """Return a table by region at a level: `region` (Inner Mongolia, other provinces, abroad), `unit` (the 14), `county`."""
        found: dict[str, Cell] = {}
        for code, cell in self.tables[f"{side}_region"].items():
            place = place_at(code, level)
            if place is not None:
                found[place] = found.get(place, Cell()) + cell
        return found

    def kinds(self) -> Table:
        """Return the table of the five kinds of contracts."""
        found: dict[str, Cell] = {}
        for code, cell in self.tables["kind"].items():
            five = five_kind(code)
            found[five] = found.get(five, Cell()) + cell
        return found

    def kinds_by_month(self) -> Cross:
        """Return the five kinds by month."""
        return _together(self.crosses["kind", "month"], five_kind, str)

    def ways_by_month(self) -> Cross:
        """Return how the price was set, by month."""
        return self.crosses["way", "month"]

    def fields_by_kind(self) -> Cross:
        """Return the technical fields by the five kinds."""
        return _together(self.crosses["field", "kind"], str, five_kind)

    def flows(self) -> Cross:
        """Return from where to where technology went: seller's place by buyer's place, each as `place_in_flows` says."""
        return _together(self.crosses["seller_region", "buyer_region"], place_in_flows, place_in_flows)


class OwnRow(Struct, frozen=True, kw_only=True):
    """A row of an institution's figures."""

    measure: str
    mode: str
    way: str
    buyer_nature: str
    buyer_region: str
    count: int
    total_fen: int
    highest_fen: int | None
    kind: str
    days: int
    timed: int

    @property
    def five(self) -> str:
        """Return which of the five kinds the contract is."""
        return five_kind(self.kind)


class Statistics:
    """Counts and reads."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.following = HistoryFollowing(pool, "statistics", _count)

    async def report(self, measure: str, year: int, quarter: int, as_of_us: int) -> Report:
        """Return the tables of a period as they were at an instant. One snapshot: tables and trend agree."""
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            rows = await connection.fetch(QUERIES["tables"], measure, year, quarter, as_of_us)
            trend = await connection.fetch(QUERIES["trend"], measure, year, as_of_us)
        whole, tables, crosses = _read_tables(rows)
        return Report(
            measure=measure, year=year, quarter=quarter, as_of_us=as_of_us, whole=whole, tables=tables, crosses=crosses,
            trend={(row["year"], row["quarter"]): _cell(row) for row in trend},
        )  # fmt: skip

    async def own(self, party: str, year: int, as_of_us: int) -> list[OwnRow]:
        """Return an institution's figures of a year."""
        rows = await self._pool.fetch(QUERIES["own"], party, year, as_of_us)
        return [OwnRow(**dict(row)) for row in rows]

    async def count_anew(self) -> None:
        """Forget everything and count the histories again."""
        await self._pool.execute(QUERIES["forget"])
        await self.following.catch_up()

    async def behind(self) -> int:
        """Return how many histories wait to be counted."""
        waiting: int = await self._pool.fetchval(QUERIES["behind"])
        return waiting


def place_at(code: str, level: str) -> str | None:
    """Return where a region code counts at a level; None where it does not count there. Countries are `abroad` at the first level."""
    if not code or code == CHINA:
        return "" if level == "region" else None
    home = code.startswith(HOME[:2]) and len(code) == 6
    if level == "region":
        province = province_of(code)
        return province.code if province is not None else "abroad" if len(code) != 6 else ""
    if not home:
        return None
    if level == "county":
        return code if not code.endswith("00") else None
    unit = reporting_unit_of(code)
    return None if unit is None else unit.code


def place_in_flows(code: str) -> str:
    """Return a place of the matrix of flows: a reporting unit, the region as a whole where no unit is said, `other` provinces, `abroad`."""
    unit, region = place_at(code, "unit"), place_at(code, "region")
    if unit is not None:
        return unit
    return region if region in ("", "abroad", HOME) else "other"


def _together(cross: Cross, first: Callable[[str], str], second: Callable[[str], str]) -> Cross:
    found: dict[tuple[str, str], Cell] = {}
    for (one, other), cell in cross.items():
        place = (first(one), second(other))
        found[place] = found.get(place, Cell()) + cell
    return found


async def _count(connection: Connection, news: list[Grown]) -> None:
    published, struck = await _published(connection, news), await _struck(connection, news)
    wanted = [one.stream for one in news if one.stream.startswith("registration/")]
    packages: dict[str, dict[int, bytes]] = {}
    for row in await connection.fetch(QUERIES["packages"], wanted) if wanted else []:
        packages.setdefault(row["stream"], {})[row["revision"]] = row["body"]
    rows = []
    for one in news:
        if one.stream.startswith("deal/"):
            facts = deal_facts(one.stream, one.history, published.get(one.stream))
        else:
            facts = registration_facts(
                one.stream, one.history, packages.get(one.stream, {}), struck.get(_deal_of(one.history[0]))
            )
        rows += [row_of(fact) for fact in facts if fact.seq > one.seen]
    if rows:
        await connection.executemany(QUERIES["insert_fact"], rows)


async def _published(connection: Connection, news: list[Grown]) -> dict[str, int]:
    """Return when what was sold in each deal had been published, by the deal's history: the log never changes."""
    sources: dict[str, list[str]] = {}
    for one in news:
        if one.stream.startswith("deal/"):
            opened = decode_deal_event(one.history[0].type, one.history[0].body)
            assert isinstance(opened, DealOpened), "a history begins with it"
            sources.setdefault(opened.deal.source.stream, []).append(one.stream)
    rows = await connection.fetch(QUERIES["published"], list(sources), list(PUBLISHED)) if sources else []
    return {deal: row["at_us"] for row in rows for deal in sources[row["stream"]]}


async def _struck(connection: Connection, news: list[Grown]) -> dict[str, Struck]:
    """Return what registrations take from their deals, by deal."""
    wanted = [_deal_of(one.history[0]) for one in news if one.stream.startswith("registration/")]
    found: dict[str, Struck] = {}
    for row in await connection.fetch(QUERIES["opened"], wanted) if wanted else []:
        opened = decode_deal_event(row["type"], row["body"])
        assert isinstance(opened, DealOpened), "a history begins with it"
        found[row["deal"]] = Struck(opened.deal.struck_at_us, opened.deal.mode)
    return found


def _deal_of(first: Event) -> str:
    case = decode_registration_event(first.type, first.body)
    assert isinstance(case, CaseOpened), "a history begins with it"
    return case.deal


def _read_tables(
    rows: list[asyncpg.Record],
) -> tuple[Cell, dict[str, dict[str, Cell]], dict[tuple[str, str], dict[tuple[str, str], Cell]]]:
    """Return the whole, the tables and the pairs; a dimension that is counted only in pairs is summed from its first one."""
    whole = Cell()
    tables: dict[str, dict[str, Cell]] = {name: {} for name in DIMENSIONS}
    crosses: dict[tuple[str, str], dict[tuple[str, str], Cell]] = {pair: {} for pair in CROSSES}
    first_pair = {name: pair for pair in reversed(CROSSES) for name in pair}
    for row in rows:
        of = [name for place, name in enumerate(reversed(DIMENSIONS)) if not row["which"] >> place & 1]
        cell = _cell(row)
        if not of:
            whole = cell
        elif cell == Cell():
            continue
        elif len(of) == 1:
            tables[of[0]][row[of[0]]] = cell
        else:
            pair = next(pair for pair in CROSSES if set(pair) == set(of))
            crosses[pair][row[pair[0]], row[pair[1]]] = cell
            for name in pair:
                if first_pair[name] == pair:
                    tables[name][row[name]] = tables[name].get(row[name], Cell()) + cell
    for name in first_pair:
        tables[name] = {code: cell for code, cell in tables[name].items() if cell != Cell()}
    return whole, tables, crosses


def row_of(fact: Fact) -> tuple[object, ...]:
    """Return a fact as a row."""
    plain = msgspec.structs.asdict(fact)
    return tuple(plain[name] for name in _FIELDS)


def _cell(row: asyncpg.Record) -> Cell:
    if row["count"] is None:
        return Cell()
    return Cell(
        row["count"], int(row["total_fen"]), int(row["technical_fen"]), int(row["days"] or 0), int(row["timed"] or 0)
    )
