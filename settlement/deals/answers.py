"""How a step answers: events, or why not."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from engine.calendar import Calendar
from settlement.deals import events as e
from settlement.deals.clocks import deadline_for
from settlement.deals.evolving import evolve
from settlement.deals.phases import Phase
from settlement.deals.process import Process

TEXT_MAX: Final = 1_000


class Refusal(StrEnum):
    """Why an act on a deal is refused, in order of precedence. Never renamed; texts are `deals.refused.<name>`."""

    NO_SUCH_DEAL = "no_such_deal"
    DEAL_EXISTS = "deal_exists"
    KEY_REUSED = "key_reused"
    WRONG_PHASE = "wrong_phase"
    HISTORY_FULL = "history_full"
    TOO_EARLY = "too_early"
    REASON_REQUIRED = "reason_required"
    TERMS_INVALID = "terms_invalid"
    TERMS_OPEN = "terms_open"
    """The notice left open how the price is paid, and nobody has said it yet."""
    OTHER_TEXT = "other_text"
    """What was signed is not the text that stands."""
    ALREADY_SIGNED = "already_signed"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    PROOF_REQUIRED = "proof_required"
    NO_SUCH_PERIOD = "no_such_period"
    ALREADY_REPORTED = "already_reported"
    NO_SUCH_ORDER = "no_such_order"
    MONEY_GONE = "money_gone"


class Refused(Struct, frozen=True):
    """The answer to an act that the rules do not allow."""

    code: Refusal
    data: dict[str, int | str] = {}


Decision = tuple[e.Event, ...] | Refused


class Steps:
    """Events of one decision, each seen by the next."""

    def __init__(self, process: Process, at_us: int, calendar: Calendar) -> None:
        self.now = process
        self.at_us = at_us
        self.calendar = calendar
        self.events: list[e.Event] = []

    def add(self, event: e.Event) -> Steps:
        """Let something happen."""
        self.now = evolve(self.now, event, self.at_us)
        self.events.append(event)
        return self

    def deadline(self, phase: Phase) -> int:
        """Return by when a phase that begins now is to be over."""
        return deadline_for(self.now.deal, phase, self.at_us, self.calendar, self.now.lines)

    def done(self) -> tuple[e.Event, ...]:
        """Return what happened."""
        return tuple(self.events)


def is_text(text: str) -> bool:
    """Tell whether a text that somebody has to give is there and of bearable length."""
    return len(text.strip()) >= 1 and len(text) <= TEXT_MAX
