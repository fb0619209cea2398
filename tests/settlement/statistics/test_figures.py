"""Figures equal an independent computation, at any past instant; each event counts once, whoever is killed; they can be counted anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import msgspec
import pytest

from engine.calendar import day_from_civil, start_of
from loadtests.made_histories import Row, histories, independent, independent_days
from settlement.deals import events as de
from settlement.deals.deal import DealSide, Source
from settlement.registration import events as re
from settlement.statistics.facts import Event, band_of, registration_facts
from settlement.statistics.figures import Cell, Report, Statistics, place_at, place_in_flows
from settlement.statistics.following import Grown, HistoryFollowing
from tests.settlement.conftest import Clock
from tests.settlement.deals.conftest import DealHouse, a_deal

NOW_US = int(start_of(day_from_civil(2030, 1, 1)))


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=6) as opened:
        yield opened


async def write(pool: asyncpg.Pool, rows: list[Row]) -> None:
    """Write events as the stores do; the triggers mark their histories."""
    deals = [(row[0][5:], row[1], row[2], row[3], row[4], b"\0" * 32) for row in rows if row[0].startswith("deal/")]
    others = [(*row, b"\0" * 32) for row in rows if not row[0].startswith("deal/")]
    await pool.executemany(
        "INSERT INTO deal_event (deal, seq, type, at_us, actor, body, digest) VALUES ($1, $2, $3, $4, 'test', $5, $6)",
        deals,
    )
    await pool.executemany(
        "INSERT INTO registry_event (stream, seq, type, at_us, actor, body, digest) VALUES ($1, $2, $3, $4, 'test', $5, $6)",
        others,
    )


def _same(report: Report, rows: list[Row], by: str) -> None:
    wanted = independent(rows, report.measure, report.year, report.as_of_us, by)
    found = {code: (cell.count, cell.total_fen) for code, cell in report.tables[by].items()}
    assert found == wanted, (report.measure, report.year, by)
    assert report.whole.count == sum(count for count, _ in wanted.values())
    assert report.whole.total_fen == sum(fen for _, fen in wanted.values())


def _same_pairs(report: Report, rows: list[Row], first: str, second: str) -> None:
    wanted = independent(rows, report.measure, report.year, report.as_of_us, f"{first},{second}")
    found = {",".join(codes): (cell.count, cell.total_fen) for codes, cell in report.crosses[first, second].items()}
    assert found == wanted, (first, second)


async def test_reports_equal_an_independent_computation_at_any_past_date(pool: asyncpg.Pool) -> None:
    rows = histories(7, 150)
    await write(pool, rows)
    statistics = Statistics(pool)
    assert await statistics.following.catch_up() > 200 and await statistics.behind() == 0
    compared = 0
    for as_of in (NOW_US, int(start_of(day_from_civil(2023, 5, 1))), int(start_of(day_from_civil(2024, 12, 31)))):
        for year in (2021, 2023, 2024, 2026):
            for measure, dimensions in (("deal", ("way", "month")), ("registration", ("kind", "month"))):
                report = await statistics.report(measure, year, 0, as_of)
                for by in dimensions:
                    _same(report, rows, by)
                compared += report.whole.count
    assert compared > 200, "something was compared"
    before = await statistics.report("registration", 2023, 0, NOW_US)
    _same_pairs(before, rows, "kind", "month")
    _same_pairs(before, rows, "way", "month")
    assert (before.whole.days, before.whole.timed) == independent_days(rows, 2023), "days from deal to registration"
    assert before.whole.average_days is not None and before.whole.average_days > 0
    assert set(before.tables["mode"]) > {"TRANSFER", "EXCLUSIVE"}, "the licence kind comes from the deal"
    await statistics.count_anew()
    assert await statistics.report("registration", 2023, 0, NOW_US) == before, "counted anew it is the same"
    quarters = [await statistics.report("registration", 2023, quarter, NOW_US) for quarter in (1, 2, 3, 4)]
    assert sum((one.whole for one in quarters), Cell()) == before.whole
    trend = sum((cell for (year, _), cell in before.trend.items() if year == 2023), Cell())
    assert (trend.count, trend.total_fen) == (before.whole.count, before.whole.total_fen)


async def test_an_event_counts_once_though_the_consumer_dies_before_its_commit(pool: asyncpg.Pool) -> None:
    rows = histories(3, 20)
    await write(pool, rows)
    statistics = Statistics(pool)
    effect = statistics.following._effect

    async def dies(connection: Any, news: list[Grown]) -> None:
        await effect(connection, news)
        raise ConnectionError("killed")

    with pytest.raises(ConnectionError):
        await HistoryFollowing(pool, "statistics", dies).turn()
    assert await pool.fetchval("SELECT count(*) FROM statistics_fact") == 0
    await asyncio.gather(*(Statistics(pool).following.catch_up() for _ in range(3)))
    await statistics.following.catch_up()
    for year in range(2021, 2027):
        _same(await statistics.report("deal", year, 0, NOW_US), rows, "way")


async def test_an_event_written_while_its_history_is_read_is_not_lost(pool: asyncpg.Pool) -> None:
    """The writer has marked an already marked history and not committed: his mark is still there afterwards."""
    rows = sorted(row for row in histories(1, 1) if row[0].startswith("deal/"))
    assert len(rows) >= 2
    await write(pool, rows[:1])
    statistics = Statistics(pool)
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        row = rows[1]
        await connection.execute(
            "INSERT INTO deal_event (deal, seq, type, at_us, actor, body, digest) VALUES ($1, $2, $3, $4, 'test', $5, $6)",
            row[0][5:], row[1], row[2], row[3], row[4], b"\0" * 32,
        )  # fmt: skip
        assert await statistics.following.catch_up() == 0, "it leaves the history to its writer"
        await transaction.commit()
    assert await statistics.following.catch_up() == 1
    assert await pool.fetchval("SELECT seq FROM history_cursor WHERE consumer = 'statistics'") == 2


@pytest.mark.parametrize(
    ("code", "level", "place"),
    [
        ("150102", "region", "150000"), ("150102", "unit", "150100"), ("150102", "county", "150102"),
        ("150781", "unit", "150781"), ("152501", "unit", "152501"), ("152502", "unit", "152500"), ("150700", "county", None),
        ("110000", "region", "110000"), ("110000", "unit", None), ("MN", "region", "abroad"), ("", "region", ""), ("", "unit", None),
    ],
)  # fmt: skip
def test_a_place_counts_at_three_levels_and_manzhouli_and_erenhot_report_alone(
    code: str, level: str, place: str | None
) -> None:
    assert place_at(code, level) == place


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("150102", "150100"), ("150781", "150781"), ("152502", "152500"), ("150000", "150000"), ("110000", "other"), ("440300", "other"),
        ("502", "abroad"), ("142", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_matrix_knows_units_the_region_other_provinces_and_abroad(code: str, place: str) -> None:
    """domain.md §8.5: seller by buyer at league level, other provinces, abroad. China itself (142) says no place."""
    assert place_in_flows(code) == place


async def test_a_deal_took_the_days_since_its_publication_and_goes_away_with_them(pool: asyncpg.Pool) -> None:
    """Published on 20 February, struck on 1 March of a leap year: ten days; after the default nothing is left of them, before it they stand."""
    published, struck, defaulted = (int(start_of(day_from_civil(2024, m, d))) for m, d in ((2, 20), (3, 1), (4, 1)))
    house = DealHouse(pool, Clock())
    await house.sell_lot("t1")
    await pool.execute("ALTER TABLE event DISABLE TRIGGER event_append_only")
    await pool.execute("UPDATE event SET at_us = CASE stream_seq WHEN 1 THEN $1::bigint ELSE $2 END", published, struck)
    source = Source(stream="lot/t1", stream_seq=2, event_digest="0" * 64)
    opened = de.DealOpened(deal=a_deal(source=source, struck_at_us=struck), virtual_account="9", deadline_us=1)
    default = de.DefaultRecorded(side=DealSide.BUYER, reason="x", empty=True, deadline_us=1)
    happened: list[tuple[de.Event, int]] = [(opened, struck), (default, defaulted)]
    for seq, (event, at_us) in enumerate(happened, 1):
        await write(pool, [("deal/DA-a1", seq, de.encode_event(event)[0], at_us, de.encode_event(event)[1])])
    statistics = Statistics(pool)
    await statistics.following.catch_up()
    standing = await statistics.report("deal", 2024, 0, defaulted - 1)
    assert (standing.whole.count, standing.whole.average_days) == (1, 10.0)
    assert standing.tables["way"]["auction"].average_days == 10.0
    gone = await statistics.report("deal", 2024, 0, defaulted)
    assert (gone.whole, gone.whole.average_days) == (Cell(), None)


@pytest.mark.parametrize(
    ("yuan", "band"), [(999_999, "small"), (1_000_000, "1m"), (10_000_000, "10m"), (100_000_000, "100m")]
)
def test_bands_of_large_contracts(yuan: int, band: str) -> None:
    assert band_of(yuan * 100) == band


def test_what_the_form_says_comes_from_the_package_that_was_handed_in() -> None:
    case = re.CaseOpened(
        deal="DL-a-1", contract_id="c", contract_version=1, applicant="p1", kind="XK1", project="x", region="150100", seller="s",
        buyer="b", total_fen=100, technical_fen=100, demonstration=False,
    )  # fmt: skip
    said = {
        "techarea": "07",
        "service_industry": "A01",
        "buyertype": "150",
        "buyer_area": "150202",
        "seller_nature": "0221",
    }
    package = msgspec.json.encode({"fields": [{"key": key, "value": value} for key, value in said.items()]})
    registered = re.Registered(number="1", reviewer="r", technical_fen=80, check="", outside="", certificate="")
    events: list[re.Event] = [case, re.Submitted(revision=2, package="", again=True), registered]
    history = [Event(seq, re.encode_event(one)[0], 1, re.encode_event(one)[1]) for seq, one in enumerate(events, 1)]
    (fact,) = registration_facts("registration/R-1", history, {1: b"{}", 2: package})
    assert (fact.field, fact.industry, fact.buyer_nature, fact.buyer_region, fact.way) == (
        "07",
        "A",
        "150",
        "150202",
        "listing",
    )
    assert (fact.count, fact.total_fen, fact.technical_fen) == (1, 100, 80)
