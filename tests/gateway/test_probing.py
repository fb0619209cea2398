"""The prober: what it sees of a real site, how that reaches the log, and what a notice makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from msgspec.structs import replace

from engine.evidence.verification import verify_log
from engine.journal.reader import Reader
from engine.rules.availability.probing import Place, Problem, Sighting
from engine.rules.publicity.state import NoticeState
from engine.runtime.clock import SteadyClock
from engine.runtime.writer import FencedOut
from engine.values import DurationUs, InstantUs, NoticeId
from gateway.board import availability
from gateway.config import Config
from gateway.probing import recording
from gateway.probing.command import one_round, pause_s
from gateway.probing.looking import Looker, Seen, Target
from gateway.probing.recording import Recorder, recorder
from gateway.services import Services
from tests.gateway.conftest import Town
from tests.gateway.noticed import publish

HOUR_US = 3_600_000_000


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the journal could not take yet is sent again at once: a prober that begins is refused until it has its shard."""
    monkeypatch.setattr(recording, "AGAIN_S", 0.02)


@asynccontextmanager
async def prober(market: Services, site: str = "") -> AsyncIterator[tuple[Looker, Recorder]]:
    """A prober of this market, in this process."""
    dsn, clock = dsn_of(market.config), SteadyClock()
    async with recorder(dsn, clock) as writing, aiohttp.ClientSession() as http:
        yield Looker(http, site or market.config.public_address, clock.now_us, writing.expected), writing


def dsn_of(config: Config) -> str:
    assert config.database_url is not None
    return config.database_url.get_secret_value()


async def written(writing: Recorder) -> None:
    async with asyncio.timeout(15):
        while writing.waiting:
            await asyncio.sleep(0.02)


async def test_a_good_round_is_in_the_log_and_verifies(market: Services) -> None:
    await publish(market, "n-1")
    async with prober(market) as (looker, writing):
        seen = await one_round(looker, writing)
        await written(writing)
    assert {(one.sighting.place, one.sighting.problem) for one in seen} == {(place, Problem.NONE) for place in Place}
    await market.sightings.catch_up()
    found = await market.sightings.of_notice(NoticeId("n-1"), InstantUs(0), InstantUs(market.now_us + HOUR_US))
    assert sorted(one.place for one in found) == [Place.PAGE, Place.WIDGET]
    assert {one.status for one in found} == {200}
    page = next(one for one in seen if one.sighting.place is Place.PAGE)
    assert await market.sightings.shown(page.sighting.shown) == page.body, (
        "the digest opens what was shown, byte for byte"
    )
    reader = Reader(market.pool)
    verdict = await verify_log(reader.shard_page, reader.snapshots(), [])
    assert verdict.clean, verdict.findings
    state = await market.engine.notices.load(NoticeId("n-1"))
    assert state is not None and state.gaps == ()
    assert availability.silent_seconds(market, 0) < 60, "the metric that somebody is paged by"


async def test_both_places_show_the_same_bytes(market: Services) -> None:
    await publish(market, "n-1")
    async with prober(market) as (looker, _):
        seen = await looker.round([Target(NoticeId("n-1"), "")])
    bodies = {one.sighting.place: one.body for one in seen}
    assert bodies[Place.PAGE] == bodies[Place.WIDGET] != b""


Answer = Callable[[web.Request], Any]


@asynccontextmanager
async def site(answer: Answer) -> AsyncIterator[str]:
    """A site that answers every address like this."""
    app = web.Application()

    async def handle(request: web.Request) -> web.StreamResponse:
        found: web.StreamResponse = await answer(request)
        return found

    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _status(request: web.Request) -> web.Response:
    return web.Response(status=503)


async def _redirect(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/elsewhere"})


async def _empty(request: web.Request) -> web.Response:
    return web.Response(text="<html>nothing here</html>")


async def _other(request: web.Request) -> web.Response:
    return web.Response(text=f"<!--record {'cd' * 32}-->other<!--/record-->")


async def _endless(request: web.Request) -> web.Response:
    return web.Response(body=b"x" * 1_100_000)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (_status, Problem.STATUS),
        (_redirect, Problem.STATUS),
        (_empty, Problem.NOT_SHOWN),
        (_other, Problem.OTHER_RECORD),
        (_endless, Problem.TOO_LARGE),
    ],
)
async def test_what_is_wrong_is_named(answer: Answer, problem: Problem) -> None:
    async def expected(_notice: NoticeId) -> str | None:
        return "ab" * 32

    async with site(answer) as address, aiohttp.ClientSession() as http:
        looker = Looker(http, address, SteadyClock().now_us, expected)
        seen = await looker.round([Target(NoticeId("n-1"), "ab" * 32)])
    assert {one.sighting.problem for one in seen if one.sighting.place is not Place.BOARD} == {problem}


async def test_a_site_that_is_not_there_is_unreachable() -> None:
    async def expected(_notice: NoticeId) -> str | None:
        return None

    async with site(_empty) as address:
        pass
    async with aiohttp.ClientSession() as http:
        seen = await Looker(http, address, SteadyClock().now_us, expected).round([Target(NoticeId("n-1"), "ab" * 32)])
    assert {(one.sighting.problem, one.sighting.status) for one in seen} == {(Problem.UNREACHABLE, 0)}


async def test_a_version_published_while_looking_is_no_other_record() -> None:
    new = "cd" * 32

    async def expected(_notice: NoticeId) -> str | None:
        return new

    async with site(_other) as address, aiohttp.ClientSession() as http:
        seen = await Looker(http, address, SteadyClock().now_us, expected).round([Target(NoticeId("n-1"), "ab" * 32)])
    assert {one.sighting.problem for one in seen if one.sighting.place is Place.PAGE} == {Problem.NONE}


def look(at_us: int, problem: Problem = Problem.NONE, place: Place = Place.PAGE) -> Seen:
    return Seen(
        Sighting(
            place=place, notice=NoticeId("n-1"), at_us=InstantUs(at_us), took_us=DurationUs(1_000),
            status=200 if problem is Problem.NONE else 0, problem=problem, record="ab" * 32, shown="",
        )
    )  # fmt: skip


async def record(market: Services, *seen: Seen) -> None:
    async with prober(market) as (_, writing):
        writing.take(seen)
        await written(writing)
    await market.sightings.catch_up()


@pytest.fixture
def state(market: Services) -> Callable[[], NoticeState]:
    def read() -> NoticeState:
        found = market.engine.notices.state(NoticeId("n-1"))
        assert found is not None
        return found

    return read


async def test_time_away_is_reported_to_the_notice_once(market: Services, state: Callable[[], NoticeState]) -> None:
    await publish(market, "n-1")
    begun = state().legs[0].from_us
    away = [look(begun + 1), look(begun + 2, Problem.TIMEOUT), look(begun + 3, Problem.STATUS), look(begun + 4)]
    await record(market, *away)
    async with asyncio.timeout(15):
        while not state().gaps:  # the market follows the prober by itself; reporting by hand does no harm
            await availability.report(market, NoticeId("n-1"))
            await asyncio.sleep(0.05)
    assert [(gap.from_us, gap.to_us) for gap in state().gaps] == [(begun + 1, begun + 4)]
    seq = state().seq
    assert await availability.report(market, NoticeId("n-1")) == 0
    assert state().seq == seq


async def test_an_outage_that_goes_on_is_reported_up_to_the_last_look(
    market: Services, state: Callable[[], NoticeState]
) -> None:
    await publish(market, "n-1")
    begun = state().legs[0].from_us
    for number in range(2, 5):
        first = () if number > 2 else (look(begun + 1),)
        await record(market, *first, look(begun + number, Problem.UNREACHABLE))
        async with asyncio.timeout(15):
            while not state().gaps or state().gaps[-1].to_us < begun + number:
                await availability.report(market, NoticeId("n-1"))
                await asyncio.sleep(0.05)
        assert [(gap.from_us, gap.to_us) for gap in state().gaps] == [(begun + 1, begun + number)]


async def test_what_nobody_looked_at_and_what_only_the_widget_missed_is_no_gap(
    market: Services, state: Callable[[], NoticeState]
) -> None:
    await publish(market, "n-1")
    begun = state().legs[0].from_us
    await record(market, look(begun + 1), look(begun + 2, Problem.TIMEOUT, Place.WIDGET), look(begun + 3))
    assert await availability.report(market, NoticeId("n-1")) == 0
    assert state().gaps == ()


async def test_the_evidence_page_tells_stretches_gaps_and_digests(market: Services, town: Town) -> None:
    await publish(market, "n-1")
    begun = market.engine.notices.state(NoticeId("n-1")).legs[0].from_us  # type: ignore[union-attr]
    async with prober(market) as (looker, writing):
        await one_round(looker, writing)
        await written(writing)
    await record(market, look(market.now_us, Problem.TIMEOUT), look(market.now_us + 1))
    address = f"{market.config.public_address}/board/notices/n-1/availability"
    async with town.http.get(address) as answer:
        text = await answer.text()
    assert answer.status == 200 and "不可访问" in text
    assert 'class="stretch stretch--shown"' in text and 'class="stretch stretch--away"' in text
    shown = next(
        one.shown
        for one in await market.sightings.of_notice(NoticeId("n-1"), begun, InstantUs(market.now_us + 9))
        if one.shown
    )
    assert f"/board/shown/{shown}" in text
    async with town.http.get(f"{market.config.public_address}/board/shown/{shown}") as answer:
        assert answer.content_type == "text/plain" and "record__title" in await answer.text()


async def test_a_second_prober_takes_over_and_the_first_one_ends(market: Services) -> None:
    await publish(market, "n-1")
    with pytest.raises(FencedOut):
        await _be_replaced(market)


async def _be_replaced(market: Services) -> None:
    async with prober(market) as (looker, writing):
        await one_round(looker, writing)
        await written(writing)
        async with prober(market) as (_, second):
            second.take([look(market.now_us)])
            await written(second)
        writing.take([look(market.now_us)])
        async with asyncio.timeout(15):
            await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("every", "spent", "good", "pause"),
    [(1_800, 5, True, 1_795), (1_800, 5, False, 55), (30, 0, False, 30), (60, 61, True, 0), (1_800, 90, False, 0)],
)
def test_rounds_keep_the_schedule_and_come_sooner_after_a_failure(
    every: float, spent: float, good: bool, pause: float
) -> None:
    assert pause_s(every, spent, good=good) == pause


async def test_a_full_queue_drops_the_oldest_round(market: Services) -> None:
    async with prober(market) as (_, writing):
        first = writing.waiting
        for number in range(600):
            writing.take([replace(look(1), sighting=replace(look(1).sighting, at_us=InstantUs(number)))])
        assert first == 0 and writing.waiting <= 500
        await written(writing)
