"""What the sandbox bank does wrong on demand. Settings stay until they are changed; counts run down by one each time."""

from __future__ import annotations

from typing import Final

from msgspec import Struct


class Faults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be made to go wrong. The values here: nothing does."""

    down: bool = False
    """Every call of the market is answered 503, nothing is booked."""
    callback_delay_ms: int = 0
    callback_copies: int = 1
    """How often each callback is sent, all at once."""
    lose_callbacks: int = 0
    """So many of the next callbacks are never sent: only the statement shows the money."""
    hold_callbacks: bool = False
    """Callbacks wait until `release`, which may turn their order round."""
    wrong_amount_fen: int = 0
    """Added to the amount that the next callback of a credit tells; the books and the statement are right."""
    refuse_payouts: int = 0
    """So many of the next payouts fail at once."""
    refuse_reason: str = "ACCOUNT_CLOSED"
    keep_payouts: bool = False
    """Payouts are accepted and booked only by `finish`."""
    fail_after_accepting: int = 0
    """So many of the next payouts are accepted and fail by callback."""
    cut_after_booking: int = 0
    """So many of the next payouts are booked and the connection is cut without an answer."""
    cut_before_booking: int = 0
    """So many of the next payouts are lost on the way: connection cut, nothing booked."""


COUNTS: Final = ("lose_callbacks", "refuse_payouts", "fail_after_accepting", "cut_after_booking", "cut_before_booking")

SCENARIOS: Final[dict[str, Faults]] = {
    "calm": Faults(),
    "down": Faults(down=True),
    "slow": Faults(callback_delay_ms=30_000),
    "duplicates": Faults(callback_copies=5),
    "lost": Faults(lose_callbacks=1),
    "reordered": Faults(hold_callbacks=True),
    "wrong_amount": Faults(wrong_amount_fen=100),
    "refusals": Faults(refuse_payouts=1),
    "fails_later": Faults(fail_after_accepting=1),
    "cut_after_booking": Faults(cut_after_booking=1),
    "cut_before_booking": Faults(cut_before_booking=1),
}
"""Scripted cases for the page and `POST /admin/scenarios/{name}`."""
