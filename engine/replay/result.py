"""What a replay says about each lot: how it ended, and how its recorded bids fared."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from engine.evidence.receipts import Receipt
from engine.replay.format import ReplayLot
from engine.replay.terms import MS_US
from engine.rules.auction.state import LotState, Phase
from engine.values import format_amount

State = Literal["sold", "passed", "open"]
_STATES: Final[dict[Phase, State]] = {Phase.SOLD: "sold", Phase.PASSED: "passed"}


class Allocation(Struct, frozen=True):
    """Units of one bidder, at a price each."""

    bidder: str
    quantity: str
    price: str


class LotResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the answer. `winner` and `price` are null unless the lot is sold; `closed_at` is in milliseconds."""

    lot: str
    state: State
    """`open`: no end was ever set, because no bid started the clock."""
    winner: str | None
    price: str | None
    closed_at: int | None
    accepted: int
    """Recorded bids that held."""
    rejected: dict[str, int]
    """Recorded bids that did not, by code of the refusal."""
    allocations: list[Allocation] | None = None
    """Of a lot that sells several units."""


class Tally:
    """Counts the answers to the recorded bids of one lot."""

    __slots__ = ("accepted", "rejected")

    def __init__(self) -> None:
        self.accepted = 0
        self.rejected: dict[str, int] = {}

    def count(self, receipt: Receipt) -> None:
        """Take an answer, after its commit."""
        if receipt.code is None:
            self.accepted += 1
        else:
            self.rejected[receipt.code.value] = self.rejected.get(receipt.code.value, 0) + 1


def result_of(lot: ReplayLot, state: LotState, tally: Tally) -> LotResult:
    """Return the line for a lot as it stands at the end of time."""
    sold = state.phase is Phase.SOLD and state.price is not None
    shares = () if state.play is None else state.play.allocated
    currency = lot.terms.currency
    return LotResult(
        lot=lot.name,
        state=_STATES.get(state.phase, "open"),
        winner=state.winner if sold else None,
        price=format_amount(state.price, lot.terms.currency) if sold and state.price is not None else None,
        closed_at=None if state.ended_at_us is None else state.ended_at_us // MS_US,
        accepted=tally.accepted,
        rejected=dict(sorted(tally.rejected.items())),
        allocations=[Allocation(one.bidder_id, str(one.quantity), format_amount(one.price, currency)) for one in shares]
        or None,
    )
