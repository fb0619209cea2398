"""How far a notice's period is covered by looks of the prober, for its page and its evidence; and the reports of what was away."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from engine.calendar import DAY_US, Day, day_of, end_of, format_day, start_of
from engine.catalogue.availability.sightings import looks
from engine.catalogue.board.entries import READABLE, EntryKind
from engine.journal.codec import request_digest
from engine.rules.availability.coverage import Span, Stretch, away, coverage, total_us
from engine.rules.availability.probing import Place, Problem, Sighting
from engine.rules.publicity.commands import GapSource, RecordGap
from engine.rules.publicity.state import Gap, NoticePhase, NoticeState
from engine.rules.publicity.visibility import PublicNotice
from engine.rules.rejections import Reject
from engine.values import DurationUs, InstantUs, NoticeId
from gateway.accounts.model import UNREACHABLE
from gateway.config import Config
from gateway.services import Services

FOLLOW_S: Final = 5.0
SLACK_US: Final = DurationUs(120_000_000)
ACTOR: Final = "prober"
_REPORTED: Final = (NoticePhase.PUBLISHED, NoticePhase.OBJECTED, NoticePhase.CLEAN)
"""Phases in which a gap still counts; after them the certificate stands, or there is nothing to extend."""

log = logging.getLogger(__name__)


class Period(Struct, frozen=True, kw_only=True):
    """A period with what is known of it."""

    from_us: InstantUs
    to_us: InstantUs
    """Its end, or now while it runs."""
    spans: tuple[Span, ...]
    looks: int
    failed: int
    last_us: InstantUs | None
    """The last look."""
    recorded: tuple[Gap, ...]
    """Gaps that the notice itself counts: reported by the prober, an operator or the engine."""

    @property
    def shown_bps(self) -> int:
        """Share of the period that is covered by looks, in basis points, rounded down."""
        length = self.to_us - self.from_us
        return 10_000 if length <= 0 else total_us(self.spans, Stretch.SHOWN) * 10_000 // length

    @property
    def away_us(self) -> DurationUs:
        """Time in which looks failed."""
        return total_us(self.spans, Stretch.AWAY)

    @property
    def unseen_us(self) -> DurationUs:
        """Time in which nobody looked."""
        return total_us(self.spans, Stretch.UNSEEN)

    @property
    def holes(self) -> tuple[Span, ...]:
        """What is not covered, oldest first."""
        return tuple(span for span in self.spans if span.kind is not Stretch.SHOWN)


class ShownAs(Struct, frozen=True, kw_only=True):
    """A content of the page, and when it was seen."""

    shown: str
    record: str
    place: str
    first_us: InstantUs
    last_us: InstantUs
    times: int


class DayRow(Struct, frozen=True, kw_only=True):
    """One day of the chart: pieces as (kind, from, to) in thousandths of the day."""

    day: str
    pieces: tuple[tuple[str, int, int], ...]


def longest_us(config: Config) -> DurationUs:
    """Return the time between two looks that still proves the page in between: the schedule, half of it again, and two minutes."""
    return DurationUs(max(1, config.probe_minutes) * 90_000_000 + SLACK_US)


async def period_of(services: Services, notice: PublicNotice) -> Period:
    """Return the period that runs now, or the last one, with what is known of it."""
    state = await services.engine.notices.load(notice.notice)
    now_us = InstantUs(services.now_us)
    from_us = notice.published_at_us
    to_us = now_us if notice.ends_at_us is None else min(now_us, notice.ends_at_us)
    to_us = max(to_us, from_us)
    sightings = await services.sightings.of_notice(notice.notice, from_us, to_us)
    page = [one for one in sightings if one.place is Place.PAGE]
    return Period(
        from_us=from_us,
        to_us=to_us,
        spans=tuple(coverage(looks(sightings), from_us, to_us, longest_us(services.config))),
        looks=len(page),
        failed=sum(one.problem is not Problem.NONE for one in page),
        last_us=page[-1].at_us if page else None,
        recorded=() if state is None else state.gaps,
    )


def contents(sightings: Iterable[Sighting]) -> list[ShownAs]:
    """Return the contents that were seen, in the order of their first look."""
    found: dict[tuple[str, str], ShownAs] = {}
    for one in sightings:
        if not one.shown:
            continue
        key = (one.place.value, one.shown)
        before = found.get(key)
        found[key] = ShownAs(
            shown=one.shown,
            record=one.record,
            place=one.place.value,
            first_us=one.at_us if before is None else before.first_us,
            last_us=one.at_us,
            times=1 if before is None else before.times + 1,
        )
    return list(found.values())


def day_rows(spans: Sequence[Span]) -> list[DayRow]:
    """Return the spans cut into days of Asia/Shanghai, for a chart."""
    if not spans:
        return []
    first, last = day_of(spans[0].from_us), day_of(InstantUs(spans[-1].to_us - 1))
    rows = []
    for number in range(first, last + 1):
        begin, end = start_of(Day(number)), end_of(Day(number))
        pieces = tuple(
            (span.kind.value, _thousandth(max(span.from_us, begin), begin), _thousandth(min(span.to_us, end), begin))
            for span in spans
            if span.from_us < end and span.to_us > begin
        )
        rows.append(DayRow(day=format_day(Day(number)), pieces=pieces))
    return rows


def _thousandth(at_us: int, begin_us: int) -> int:
    return (at_us - begin_us) * 1_000 // DAY_US


async def follow(services: Services) -> None:
    """Take what the prober wrote and report what was away, for ever. At the start everything that runs is thought about once:
    nothing is missed that came while this process was down.
    """
    running = await services.board.standing(EntryKind.NOTICE, (*READABLE, "clean"))
    services.sightings.touched.update(NoticeId(entry.subject) for entry in running)
    services.sightings.last_us = services.sightings.last_us or await services.sightings.latest_us()
    while True:
        try:
            await services.sightings.catch_up()
            while services.sightings.touched:
                await report(services, services.sightings.touched.pop())
        except UNREACHABLE:
            log.warning("availability_behind", exc_info=True)
        await asyncio.sleep(FOLLOW_S)


def silent_seconds(services: Services, begun_us: int) -> float:
    """Return since when the prober has seen nothing: counted from `begun_us` if it never has."""
    last_us = services.sightings.last_us
    return (services.now_us - (begun_us if last_us is None else last_us)) / 1e6


async def report(services: Services, notice_id: NoticeId) -> int:
    """Report to a notice what was away in its period and is not counted yet; return how many stretches that were.

    An outage that goes on is reported up to the last look, again and again: the notice joins what overlaps.
    """
    state = await services.engine.notices.load(notice_id)
    if state is None or state.phase not in _REPORTED or not state.legs:
        return 0
    from_us = state.legs[0].from_us
    sightings = await services.sightings.of_notice(notice_id, from_us, InstantUs(services.now_us + 1))
    page = looks(sightings)
    if not page:
        return 0
    new = [
        span for span in away(page, from_us, page[-1].at_us, longest_us(services.config)) if not _counted(state, span)
    ]
    for span in new:
        command = RecordGap(from_us=span.from_us, to_us=span.to_us, source=GapSource.PROBER)
        receipt = await services.engine.notices.ask(
            notice_id, command, command_id=_id_of(notice_id, span), request_digest=request_digest(command), actor=ACTOR,
            arrived_at_us=None,
        )  # fmt: skip
        if receipt.code in (Reject.BUSY, Reject.IN_DOUBT):
            services.sightings.touched.add(notice_id)  # the same command again with the next turn
            break
        facts = {"notice": notice_id, "from_us": span.from_us, "to_us": span.to_us}
        log.warning("gap_reported", extra={**facts, "code": None if receipt.code is None else receipt.code.value})
    return len(new)


def _counted(state: NoticeState, span: Span) -> bool:
    return any(gap.from_us <= span.from_us and span.to_us <= gap.to_us for gap in state.gaps)


def _id_of(notice_id: NoticeId, span: Span) -> bytes:
    """The same stretch is the same command, whoever reports it."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"ortoo/gap/{notice_id}/{span.from_us}/{span.to_us}").bytes
