"""Whom a change of a deal is told in the product's inbox: whoever has to act, when it becomes his turn, is reminded, or is late. Pure.

Texts are `notice.deal.<phase>`, `notice.deal.reminded`, `notice.deal.late`, `notice.deal.escalated` in the catalogue; for the market's and
the registrar's people `notice.deal.desk.<the same>`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from engine.catalogue.search.notices import NewNotice
from settlement.deals import events as e
from settlement.deals.phases import Owner, Phase
from settlement.deals.process import Process

_CHINA: Final = timedelta(hours=8)


class Desk(StrEnum):
    """Stands for everybody who works at a desk, in the place of a party; the store puts one notice into each inbox."""

    OPERATORS = "@operators"
    REGISTRARS = "@registrars"


def owners_of(process: Process) -> tuple[str, ...]:
    """Return who has to act: parties, or a desk; nobody where the machine does."""
    deal = process.deal
    if process.phase is Phase.ACCEPTING and deal.needs_registry:
        return (Desk.OPERATORS,)  # the register's proof is checked by the market
    match None if process.wait is None else process.wait.owner:
        case Owner.SELLER:
            return (deal.seller_id,)
        case Owner.BUYER:
            return deal.buyers
        case Owner.BOTH:
            return (deal.seller_id, *deal.buyers)
        case Owner.REGISTRAR:
            return (deal.seller_id, Desk.REGISTRARS)  # the seller hands the contract in
        case Owner.OPERATOR:
            return (Desk.OPERATORS,)
        case _:
            return ()


def notices_of(before: Process | None, after: Process, happened: tuple[e.Event, ...]) -> list[NewNotice]:
    """Return what to tell whom because of these events."""
    told: list[NewNotice] = []
    deal = after.deal
    everybody = (deal.seller_id, *deal.buyers)
    if before is None or before.phase is not after.phase:
        # A registrar's turn begins with the handing in, of which his own desk tells.
        turn = tuple(one for one in owners_of(after) if one != Desk.REGISTRARS)
        told += _notices(after, turn or (everybody if after.phase.is_final else ()), after.phase.value)
    for event in happened:
        match event:
            case e.Reminded():
                # A machine that has not done its step by now will hardly do it alone.
                told += _notices(after, owners_of(after) or (Desk.OPERATORS,), "reminded")
            case e.LineLate():
                told += _notices(after, everybody, f"late.{event.no}")
            case e.Escalated():
                desks = tuple(one for one in owners_of(after) if one in set(Desk))
                told += _notices(after, (*everybody, Desk.OPERATORS, *desks), f"escalated.{after.escalations}")
            case _:
                pass
    return told


def _notices(process: Process, parties: tuple[str, ...], about: str) -> list[NewNotice]:
    deal = process.deal
    data = {
        "title": deal.title_zh, "title_en": deal.title_en or deal.title_zh, "due": day_text(process.deadline_us), "deal": deal.id,
        "times": str(process.escalations),
    }  # fmt: skip
    return [
        NewNotice(
            party=party, once=f"deal/{deal.id}/{process.seq}/{about}", data=data,
            link="/desk/registrations" if party == Desk.REGISTRARS else f"/deals/{deal.id}",
            about=f"deal.{'desk.' if party in set(Desk) else ''}{about.partition('.')[0]}",
        )
        for party in dict.fromkeys(parties)
    ]  # fmt: skip


def day_text(at_us: int) -> str:
    """Return the day of a deadline as it is written in China, empty for none; 24:00 belongs to the day that ends."""
    if not at_us:
        return ""
    return (datetime.fromtimestamp((at_us - 1) // 1_000_000, UTC) + _CHINA).strftime("%Y-%m-%d")
