"""A deal in words: where it stands on its way, who has to act and by when, what comes next, what is to be paid, what happened.

Keys and values only; the catalogue has the texts.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from gateway.formatting import money
from settlement.deals import events as e
from settlement.deals.deal import DealSide
from settlement.deals.events import WIRE_NAMES
from settlement.deals.fees import scales
from settlement.deals.payment import Line, LineKind, Royalty, royalty_of
from settlement.deals.phases import Owner, Phase
from settlement.deals.process import Process
from settlement.deals.store import HistoryLine

WAY: Final = (
    ("confirm", (Phase.CONFIRMING,)),
    ("contract", (Phase.DRAFTING, Phase.SIGNING, Phase.CONCLUDING)),
    ("pay", (Phase.PAYING,)),
    ("certificate", (Phase.CERTIFYING,)),
    ("deliver", (Phase.DELIVERING, Phase.ACCEPTING, Phase.DISPUTED)),
    ("payout", (Phase.RELEASING,)),
    ("register", (Phase.REGISTERING,)),
    ("distribute", (Phase.DISTRIBUTING,)),
    ("perform", (Phase.PERFORMING,)),
    ("archive", (Phase.ARCHIVED,)),
)
"""The straight way, in the steps that people know."""
BAD: Final = frozenset(
    {
        Phase.DECIDING,
        Phase.DEFAULTING,
        Phase.RESELLING,
        Phase.REFUNDING,
        Phase.DEFAULTED,
        Phase.RESCINDED,
        Phase.DISPUTED,
    }
)
_FEN: Final = (
    "amount_fen", "surplus_fen", "seller_fen", "market_fen", "broker_fen", "refund_fen", "damages_fen", "shortfall_fen", "due_fen",
    "base_fen", "second_price_fen", "costs_fen", "deposit_fen", "buyer_fee_fen", "seller_fee_fen", "price_fen",
)  # fmt: skip
_WORDS: Final = ("reason", "note", "proof_ref", "contract_ref", "number", "ref")


class Stage(Struct, frozen=True):
    """One step of the way. `state`: done, now, ahead, left (the deal went another way)."""

    name: str
    state: str


class Step(Struct, frozen=True):
    """One line of the timeline. `values` are facts for the text; `words` is what a person wrote or a number given."""

    at_us: int
    key: str
    values: dict[str, Any]
    words: str


class PaidLine(Struct, frozen=True):
    """A line of the schedule with what is paid of it. `state`: paid, part, late, due, waiting."""

    line: Line
    paid_fen: int
    state: str


def stages_of(process: Process) -> list[Stage]:
    """Return the straight way with where the deal stands."""
    reached = next((number for number, (_, phases) in enumerate(WAY) if process.phase in phases), None)
    if reached is None:  # off the way: what was passed before stands
        reached = _passed(process)
        return [Stage(name, "done" if number < reached else "left") for number, (name, _) in enumerate(WAY)]
    final = process.phase is Phase.ARCHIVED
    return [
        Stage(name, "done" if number < reached or final else "now" if number == reached else "ahead")
        for number, (name, _) in enumerate(WAY)
    ]


def _passed(process: Process) -> int:
    if process.certificate_no:
        return 4
    if process.lines:
        return 2
    return 1 if process.confirmation else 0


def acts_now(process: Process, who: str) -> list[str]:
    """Return the acts that `who` (seller, buyer, operator) can do now, the most likely one first."""
    deal, phase = process.deal, process.phase
    found: list[str] = []
    side = who in ("seller", "buyer")
    if phase is Phase.SIGNING and side and not process.signed_by(DealSide(who)):
        found += ["sign", "refuse"]
    if phase is Phase.DRAFTING and who in ("seller", "operator") and deal.payment != "ONE_TIME":
        found += ["payment"]
    if phase is Phase.DELIVERING and who == "seller":
        found += ["hand_over"]
    if phase is Phase.ACCEPTING and who == ("operator" if deal.needs_registry else "buyer"):
        found += ["accept", "dispute"]
    if phase is Phase.DISTRIBUTING and who in ("seller", "operator"):
        found += ["distributed"]
    if who == "buyer" and next_period(process):
        found += ["report"]
    if who == "operator":
        found += _operators(phase)
    return found


def _operators(phase: Phase) -> list[str]:
    found = {
        Phase.DISPUTED: ["decide_dispute"],
        Phase.DECIDING: ["decide_default"],
        Phase.RESELLING: ["resale", "waive_resale"],
        Phase.REGISTERING: ["registered"],
    }.get(phase, [])
    if phase in (Phase.PAYING, Phase.DELIVERING, Phase.ACCEPTING, Phase.DISPUTED, Phase.DECIDING):
        found = [*found, "rescind"]
    return found if phase.is_final else [*found, "deadline"]


def next_period(process: Process) -> int:
    """Return the royalty period that is to be reported next, 0 for none."""
    if process.phase not in (Phase.REGISTERING, Phase.DISTRIBUTING, Phase.PERFORMING):
        return 0
    return next((line.period for line in process.lines if line.kind is LineKind.ROYALTY and line.amount_fen is None), 0)


def owner_key(process: Process, who: str) -> str:
    """Return the key of the words for who has to act: `deals.owner.you` for the reader himself."""
    wait = process.wait
    if wait is None:
        return "deals.owner.nobody"
    owner = wait.owner
    if process.phase is Phase.ACCEPTING and process.deal.needs_registry:
        owner = Owner.OPERATOR
    if process.phase is Phase.SIGNING:
        open_sides = [side for side in DealSide if not process.signed_by(side)]
        owner = Owner.BOTH if len(open_sides) == 2 else Owner(open_sides[0].value)
    mine = owner.value == who or (owner is Owner.BOTH and who in ("seller", "buyer"))
    return "deals.owner.you" if mine and owner is not Owner.BOTH else f"deals.owner.{owner.value}"


def lines_of(process: Process, now_us: int) -> list[PaidLine]:
    """Return the schedule with what is paid."""
    found = []
    for line, paid in zip(process.lines, process.paid, strict=True):
        if line.amount_fen is not None and paid >= line.amount_fen:
            state = "paid"
        elif line.no in process.late or (line.due_at_us and line.due_at_us < now_us):
            state = "late"
        elif paid:
            state = "part"
        else:
            state = "due" if line.due_at_us and line.amount_fen is not None else "waiting"
        found.append(PaidLine(line, paid, state))
    return found


def tone(process: Process) -> str:
    """Return the class of the phase's label."""
    if process.phase in BAD:
        return "tag--bad"
    return "tag--good" if process.phase is Phase.ARCHIVED else ""


def steps_of(history: list[HistoryLine]) -> list[Step]:
    """Return the timeline, newest first."""
    return [_step(line) for line in reversed(history)]


def _step(line: HistoryLine) -> Step:
    event = line.event
    values = {name: getattr(event, name) for name in type(event).__struct_fields__ if name in _FEN}
    for name in ("side", "by", "cause", "period", "kind", "no"):
        if name in type(event).__struct_fields__:
            values[name] = str(getattr(event, name))
    key = f"deals.event.{WIRE_NAMES[type(event)].removeprefix('deal.')}"
    if isinstance(event, e.MoneyTaken):
        key += "_deposit" if event.deposit_id else "_surplus" if event.surplus_fen else ""
    if isinstance(event, e.MoneyReleased) and event.market_fen + event.broker_fen:
        key += "_fees"
    found = (getattr(event, name, "") for name in _WORDS)
    return Step(line.at_us, key, values, next((text for text in found if text), ""))


def royalty_words(process: Process) -> Royalty | None:
    """Return the royalty of the deal, None if there is none."""
    return None if process.payment is None else royalty_of(process.payment)


def rates_words(process: Process) -> str:
    """Return the rates of the royalty by period, in per cent; empty if there is none."""
    royalty = royalty_words(process)
    rates = () if royalty is None else royalty.rates_bps
    return ", ".join(f"{rate // 100}.{rate % 100:02}".rstrip("0").rstrip(".") + " %" for rate in rates)


def fee_words(process: Process, language: str) -> str:
    """Return how a commission comes about: the scale, and each part of the price at its rate."""
    terms, price = process.deal.fees, process.deal.price_fen
    known = scales().get(terms.scale)
    name = terms.scale if known is None else known.en if language == "en" else known.zh
    parts, reached = [], 0
    for band in terms.bands:
        top = price if band.to_fen is None else min(price, band.to_fen)
        if top > reached:
            parts.append(f"{money(top - reached)} × {band.rate_ppm / 10_000:g} %")
            reached = top
    least = f" (≥ {money(terms.minimum_fen)})" if terms.minimum_fen else ""
    return f"{name}: {' + '.join(parts)}{least}" if parts else name
