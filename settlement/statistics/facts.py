"""From histories to facts: which event changes which figure, by how much, for which period. Pure; sums of facts are the figures.

A deal counts in the period in which it was struck, a registration in that of its number, also when it is changed or ends later.
Demonstration deals count nowhere. What the registration form says comes from the package that was handed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.calendar import civil_of, day_of
from engine.values import InstantUs
from settlement.deals import events as de
from settlement.registration import events as re

BANDS: Final = ((10_000_000_000, "100m"), (1_000_000_000, "10m"), (100_000_000, "1m"), (0, "small"))
"""From so many fen on; 100 million yuan and more are 重大技术合同."""
_WAYS: Final = {"DA-": "auction", "DL-": "listing", "DN-": "notice"}


class Event(Struct, frozen=True):
    """One line of a history."""

    seq: int
    type: str
    at_us: int
    body: bytes


class Fact(Struct, frozen=True, kw_only=True):
    """What one event changes. Amounts in fen, below zero where something ends."""

    stream: str
    seq: int
    measure: str
    at_us: int
    year: int
    quarter: int
    month: int
    count: int
    total_fen: int
    technical_fen: int
    seller: str = ""
    buyer: str = ""
    way: str = ""
    mode: str = ""
    kind: str = ""
    field: str = ""
    industry: str = ""
    ipr: str = ""
    plan: str = ""
    objective: str = ""
    seller_region: str = ""
    buyer_region: str = ""
    seller_nature: str = ""
    buyer_nature: str = ""
    band: str = ""
    days: int | None = None
    """Days that it took: a deal since its publication, a registration since its deal; None: not known."""


class Struck(Struct, frozen=True):
    """What a registration's figures take from its deal: when it was struck, and what the buyer got. It never changes."""

    at_us: int
    mode: str


def deal_facts(stream: str, history: Sequence[Event], published_us: int | None = None) -> list[Fact]:
    """Return the facts of a deal: struck, undone by default or rescission, money that reached the seller.

    Args:
        stream: Its name among the histories.
        history: All of it.
        published_us: When its lot, listing or notice was published; None: the log does not say.
    """
    opened = de.decode_event(history[0].type, history[0].body)
    assert isinstance(opened, de.DealOpened), "a history begins with it"
    deal = opened.deal
    if deal.demonstration:
        return []
    who: dict[str, Any] = {
        "seller": deal.seller_id, "buyer": deal.buyer_id, "way": deal.way.value, "mode": deal.mode, "field": deal.field,
        "seller_region": deal.region, "band": band_of(deal.price_fen), "stream": stream,
    }  # fmt: skip
    struck = _period(deal.struck_at_us)
    timed = who | {"days": _days(published_us, deal.struck_at_us)}
    found = [_fact(timed, history[0], "deal", struck, 1, deal.price_fen)]
    ended = False
    for line in history[1:]:
        if line.type == de.WIRE_NAMES[de.MoneyReleased]:
            released = de.decode_event(line.type, line.body)
            assert isinstance(released, de.MoneyReleased)
            found.append(_fact(who, line, "received", _period(line.at_us), 0, released.price_fen))
        elif line.type in (de.WIRE_NAMES[de.DefaultRecorded], de.WIRE_NAMES[de.DealRescinded]) and not ended:
            ended = True
            found.append(_fact(timed, line, "deal", struck, -1, -deal.price_fen))
    return found


def registration_facts(
    stream: str, history: Sequence[Event], packages: Mapping[int, bytes], struck: Struck | None = None
) -> list[Fact]:
    """Return the facts of a registration: registered, changed, ended.

    Args:
        stream: Its name among the histories.
        history: All of it.
        packages: By revision, as they were handed in.
        struck: Of its deal; None: no deal of this market.
    """
    case: re.CaseOpened | None = None
    who: dict[str, Any] = {}
    period, total, technical, revision, counts = (0, 0, 0), 0, 0, 0, False
    found: list[Fact] = []
    for line in history:
        event = re.decode_event(line.type, line.body)
        match event:
            case re.CaseOpened():
                case, total, technical = event, event.total_fen, event.technical_fen
            case re.VersionTaken():
                total, technical = event.total_fen, event.technical_fen
            case re.Submitted():
                revision = event.revision
            case re.Registered() if case is not None and not case.demonstration:
                technical, period, counts = event.technical_fen, _period(line.at_us), True
                who = _form(case, packages.get(revision, b""), total) | {"stream": stream}
                if struck is not None:
                    who |= {"mode": struck.mode, "days": _days(struck.at_us, line.at_us)}
                found.append(_fact(who, line, "registration", period, 1, total, technical))
            case re.Changed() if counts:
                more = (event.total_fen - total, event.technical_fen - technical)
                total, technical, revision = event.total_fen, event.technical_fen, event.revision
                found.append(_fact(who, line, "registration", period, 0, *more))
            case re.Cancelled() | re.Revoked() if counts:
                counts = False
                found.append(_fact(who, line, "registration", period, -1, -total, -technical))
    return found


def band_of(fen: int) -> str:
    """Return the band of an amount."""
    return next(name for least, name in BANDS if fen >= least)


def _form(case: re.CaseOpened, package: bytes, total_fen: int) -> dict[str, Any]:
    said: dict[str, str] = {}
    if package:
        said = {one["key"]: one["value"] for one in msgspec.json.decode(package)["fields"]}
    return {
        "seller": case.applicant, "way": _WAYS.get(case.deal[:3], ""), "kind": case.kind, "field": said.get("techarea", ""),
        "industry": said.get("service_industry", "")[:1], "ipr": said.get("ipr", ""), "plan": said.get("projectplantype", ""),
        "objective": said.get("objective", ""), "seller_region": said.get("seller_area", "") or case.region,
        "buyer_region": said.get("buyer_area", "") or said.get("buyer_country", ""), "seller_nature": said.get("seller_nature", ""),
        "buyer_nature": said.get("buyertype", ""), "band": band_of(total_fen),
    }  # fmt: skip


def _days(from_us: int | None, until_us: int) -> int | None:
    """Return the days between the days of two instants; None where the first is unknown or comes later."""
    days = -1 if from_us is None else day_of(InstantUs(until_us)) - day_of(InstantUs(from_us))
    return days if days >= 0 else None


def _period(at_us: int) -> tuple[int, int, int]:
    year, month, _ = civil_of(day_of(InstantUs(at_us)))
    return year, (month + 2) // 3, month


def _fact(
    who: Mapping[str, Any],
    line: Event,
    measure: str,
    period: tuple[int, int, int],
    count: int,
    total: int,
    technical: int = 0,
) -> Fact:
    year, quarter, month = period
    return Fact(
        seq=line.seq, at_us=line.at_us, measure=measure, year=year, quarter=quarter, month=month, count=count, total_fen=total,
        technical_fen=technical, **who,
    )  # fmt: skip
