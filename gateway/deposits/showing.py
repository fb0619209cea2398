"""A deposit in words: what its party has to do, what happens next, and what happened. Keys and values only; the catalogue has the texts."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from gateway.deposits.acting import masked
from gateway.pages.i18n import catalogue
from settlement.deposits import events as e
from settlement.deposits.events import WIRE_NAMES, DepositState
from settlement.deposits.evolving import Deposit
from settlement.deposits.store import HistoryLine

GOOD: Final = frozenset({DepositState.HELD, DepositState.RELEASED, DepositState.CONVERTED})
BAD: Final = frozenset({DepositState.FORFEIT_PENDING, DepositState.FORFEITED, DepositState.PARTLY_DEDUCTED})
_FEN: Final = ("amount_fen", "taken_fen", "surplus_fen", "returned_fen", "shortfall_fen", "due_fen")
_INSTANTS: Final = ("due_at_us", "by_us", "from_us", "appeal_until_us")


class Step(Struct, frozen=True):
    """One line of the timeline. `values` are facts for the text; `words` is what a person wrote."""

    at_us: int
    key: str
    values: dict[str, Any]
    words: str


def next_key(deposit: Deposit) -> str:
    """Return the key of the sentence that says what happens next."""
    state = deposit.state.value
    match deposit.state:
        case DepositState.REQUIRED:
            return "deposits.next.required_part" if deposit.received_fen else "deposits.next.required"
        case DepositState.RELEASE_DUE:
            return "deposits.next.release_blocked" if deposit.blocks else "deposits.next.release_due"
        case DepositState.RELEASING:
            return "deposits.next.release_failed" if deposit.release_problem else "deposits.next.releasing"
        case DepositState.FORFEIT_PENDING:
            if deposit.appeal:
                return "deposits.next.appeal_open" if deposit.appeal_open else "deposits.next.appeal_dismissed"
            return "deposits.next.forfeit_pending"
        case _:
            return f"deposits.next.{state}"


def tone(deposit: Deposit) -> str:
    """Return the class of the state's label."""
    return "tag--good" if deposit.state in GOOD else "tag--bad" if deposit.state in BAD else ""


def steps_of(history: list[HistoryLine]) -> list[Step]:
    """Return the timeline, newest first."""
    return [_step(line) for line in reversed(history)]


def _step(line: HistoryLine) -> Step:
    event = line.event
    values: dict[str, Any] = {}
    for name in type(event).__struct_fields__:
        if name in (*_FEN, *_INSTANTS):
            values[name] = getattr(event, name)
    if isinstance(event, e.PaymentReceived):
        values["payer"] = masked(event.payer_account)
    key = f"deposits.{WIRE_NAMES[type(event)]}"
    if isinstance(event, e.PaymentReceived) and event.surplus_fen:
        key += "_surplus"
    words = getattr(event, "note", "") or getattr(event, "text", "") or getattr(event, "reason", "")
    return Step(line.at_us, key, values, words)


def reason_key(words: str) -> str | None:
    """Return the key of a reason that the market itself gave; None for words of a person."""
    key = f"deposits.reason.{words}"
    return key if key in catalogue("zh") else None
