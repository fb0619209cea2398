"""Whom a change of a deal is told in the product's inbox: whoever has to act, when it becomes his turn, is reminded, or is late. Pure.

Texts are `notice.deal.<phase>`, `notice.deal.reminded`, `notice.deal.late`, `notice.deal.escalated` in the catalogue.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from engine.catalogue.search.notices import NewNotice
from settlement.deals import events as e
from settlement.deals.phases import Owner
from settlement.deals.process import Process

_CHINA: Final = timedelta(hours=8)


def owners_of(process: Process) -> tuple[str, ...]:
    """Return the parties that have to act; none where the market, an operator or a registrar does."""
    deal = process.deal
    match None if process.wait is None else process.wait.owner:
        case Owner.SELLER:
            return (deal.seller_id,)
        case Owner.BUYER:
            return deal.buyers
        case Owner.BOTH:
            return (deal.seller_id, *deal.buyers)
        case Owner.REGISTRAR:
            return (deal.seller_id,)  # the seller hands the contract in
        case _:
            return ()


def notices_of(before: Process | None, after: Process, happened: tuple[e.Event, ...]) -> list[NewNotice]:
    """Return what to tell whom because of these events."""
    told: list[NewNotice] = []
    deal = after.deal
    everybody = (deal.seller_id, *deal.buyers)
    if before is None or before.phase is not after.phase:
        turn = owners_of(after)
        told += _notices(after, turn or (everybody if after.phase.is_final else ()), after.phase.value)
    for event in happened:
        match event:
            case e.Reminded():
                told += _notices(after, owners_of(after), "reminded")
            case e.LineLate():
                told += _notices(after, everybody, f"late.{event.no}")
            case e.Escalated():
                told += _notices(after, everybody, "escalated")
            case _:
                pass
    return told


def _notices(process: Process, parties: tuple[str, ...], about: str) -> list[NewNotice]:
    deal = process.deal
    data = {"title": deal.title_zh, "title_en": deal.title_en or deal.title_zh, "due": day_text(process.deadline_us)}
    return [
        NewNotice(
            party=party, once=f"deal/{deal.id}/{process.seq}/{about}", about=f"deal.{about.partition('.')[0]}",
            link=f"/deals/{deal.id}", data=data,
        )
        for party in dict.fromkeys(parties)
    ]  # fmt: skip


def day_text(at_us: int) -> str:
    """Return the day of a deadline as it is written in China, empty for none; 24:00 belongs to the day that ends."""
    if not at_us:
        return ""
    return (datetime.fromtimestamp((at_us - 1) // 1_000_000, UTC) + _CHINA).strftime("%Y-%m-%d")
