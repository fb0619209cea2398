"""The terms of a session: data fixed at publication together with the rule version; a session never changes its own rules.

Parameters and their sources: docs/RULES.md.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from typing import Final

from msgspec import Struct

from engine.values import AMOUNT_MAX, CNY, Amount, Currency, DurationUs, InstantUs

RULE_VERSION: Final = "english/1"
LADDER_STEPS_MAX: Final = 40
DURATION_MAX: Final = DurationUs(400 * 86_400 * 1_000_000)


class LegalMode(StrEnum):
    """Under which law the session is held."""

    AUCTION_LAW = "AUCTION_LAW"
    NETWORK_BIDDING = "NETWORK_BIDDING"


class ExtensionFrom(StrEnum):
    """From which instant an extension is counted."""

    BID_TIME = "bid"
    CLOSING = "end"


class ExtensionScope(StrEnum):
    """Whether an extension moves only this lot or also the later lots of its group, so that they still close one by one."""

    LOT = "lot"
    GROUP = "group"


class Admission(StrEnum):
    """How a bidder gets a bidder code (竞买代码)."""

    OPEN = "open"
    APPROVED = "approved"
    LISTING = "listing"
    """Through the listing that ordered the session: qualification and deposit stand there, with the code."""


class FixedIncrement(Struct, frozen=True, tag_field="kind", tag="fixed", forbid_unknown_fields=True):
    """Every bid is at least `step` above the price."""

    step: Amount


class PercentIncrement(Struct, frozen=True, tag_field="kind", tag="percent", forbid_unknown_fields=True):
    """Every bid is at least `rate_ppm` millionths of the price above it, rounded up to the minor unit, at least one minor unit."""

    rate_ppm: int


class LadderIncrement(Struct, frozen=True, tag_field="kind", tag="ladder", forbid_unknown_fields=True):
    """The step depends on the price (加价幅度分组): `steps` holds (from price, step), ascending, the first from price is 0."""

    steps: tuple[tuple[Amount, Amount], ...]


Increment = FixedIncrement | PercentIncrement | LadderIncrement


class Reserve(Struct, frozen=True, forbid_unknown_fields=True):
    """The seller's floor. Public: bids below it are refused. Secret: bids below it count but cannot win (拍卖法 art. 50)."""

    amount: Amount
    public: bool


class Closing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When bidding opens, how it ends and what moves the end. Exactly one of three ways to begin the end:

    * `closes_at_us`: a fixed end (court style with `extension_us` = window = 5 min; without extension a hard end);
    * `first_bid_clock_us`: the clock starts with the first accepted bid;
    * `free_period_us` + `limited_cycle_us`: free period, then timed cycles (动态报价); each bid in a cycle starts a new one.
    """

    opens_at_us: InstantUs
    closes_at_us: InstantUs | None = None
    first_bid_clock_us: DurationUs | None = None
    free_period_us: DurationUs | None = None
    limited_cycle_us: DurationUs | None = None
    require_free_bid: bool = False
    limited_if_no_free_bid: bool = True
    extension_us: DurationUs | None = None
    extension_window_us: DurationUs | None = None
    extension_from: ExtensionFrom = ExtensionFrom.BID_TIME
    extension_scope: ExtensionScope = ExtensionScope.LOT
    hard_end_us: InstantUs | None = None
    extensions_max: int | None = None

    def window_us(self) -> DurationUs:
        """Length of the closing window: a bid this close to the end moves it; 0 if nothing moves the end."""
        return self.limited_cycle_us or self.extension_window_us or self.extension_us or DurationUs(0)

    def lengthening_us(self) -> DurationUs:
        """By how much a bid in the window moves the end, from `extension_from`; 0 if nothing moves it."""
        return self.limited_cycle_us or self.extension_us or DurationUs(0)


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides a session. Amounts are minor units of `currency`."""

    closing: Closing
    increment: Increment
    start_price: Amount
    reserve: Reserve | None = None
    currency: Currency = CNY
    format: str = "english"
    rule_version: str = RULE_VERSION
    legal_mode: LegalMode = LegalMode.NETWORK_BIDDING
    first_bid_at_start: bool = True
    """False: the first bid must already be one increment above the start price."""
    multiple_only: bool = False
    """The excess over the price must be a whole multiple of the increment."""
    jump_confirm_steps: int | None = None
    """A bid more than this many increments above the minimum needs the bidder's explicit confirmation."""
    proxy: bool = False
    """Bidders may leave a secret maximum; the system bids for them."""
    proxy_lowering: bool = False
    """The leader may lower his maximum, not below the standing price."""
    leader_may_raise: bool = False
    """The leader may bid openly above his own standing bid."""
    show_reserve_met: bool = True
    admission: Admission = Admission.APPROVED
    resume_notice_us: DurationUs = DurationUs(10 * 60 * 1_000_000)
    """Shortest notice before bidding goes on after an interruption."""
    outage_shift_max_us: DurationUs = DurationUs(60 * 60 * 1_000_000)
    """An outage longer than this interrupts the session even outside the closing window."""
    code_seed: int = 0
    """Where the sequence of bidder codes starts; drawn at random by the publisher so that codes do not tell who came first."""
    events_max: int = 1_000_000


def terms_problems(terms: Terms) -> list[str]:
    """Return what is wrong with terms, as stable words (`field: problem`), empty when a session can be held under them."""
    return [*_price_problems(terms), *_closing_problems(terms.closing)]


def _price_problems(terms: Terms) -> list[str]:
    found = []
    if terms.format != "english":
        found.append("format: unknown")
    if terms.rule_version != RULE_VERSION:
        found.append("rule_version: unknown")
    if not 0 <= terms.currency.exponent <= 24 or not 1 <= len(terms.currency.code) <= 8:
        found.append("currency: malformed")
    if not 0 <= terms.start_price <= AMOUNT_MAX:
        found.append("start_price: out_of_range")
    if terms.reserve is not None and not 0 < terms.reserve.amount <= AMOUNT_MAX:
        found.append("reserve: out_of_range")
    if terms.jump_confirm_steps is not None and terms.jump_confirm_steps < 1:
        found.append("jump_confirm_steps: out_of_range")
    if terms.multiple_only and isinstance(terms.increment, PercentIncrement):
        found.append("multiple_only: not_with_percent")
    if terms.proxy_lowering and not terms.proxy:
        found.append("proxy_lowering: needs_proxy")
    if not 0 <= terms.resume_notice_us <= DURATION_MAX or not 0 <= terms.outage_shift_max_us <= DURATION_MAX:
        found.append("notice: out_of_range")
    if not 1 <= terms.events_max <= 10_000_000:
        found.append("events_max: out_of_range")
    return found + _increment_problems(terms.increment)


def _increment_problems(increment: Increment) -> list[str]:
    match increment:
        case FixedIncrement(step=step):
            return [] if 0 < step <= AMOUNT_MAX else ["increment: out_of_range"]
        case PercentIncrement(rate_ppm=rate):
            return [] if 0 < rate <= 10_000_000 else ["increment: out_of_range"]
        case LadderIncrement(steps=steps):
            if not 1 <= len(steps) <= LADDER_STEPS_MAX or steps[0][0] != 0:
                return ["increment: ladder_starts_at_zero"]
            if any(not 0 < step <= AMOUNT_MAX for _, step in steps):
                return ["increment: out_of_range"]
            prices = [price for price, _ in steps]
            return [] if all(low < high for low, high in pairwise(prices)) else ["increment: ladder_not_ascending"]


def _closing_problems(closing: Closing) -> list[str]:
    found = []
    ways = [
        closing.closes_at_us is not None,
        closing.first_bid_clock_us is not None,
        closing.free_period_us is not None,
    ]
    if sum(ways) != 1:
        found.append("closing: exactly_one_way")
    if (closing.free_period_us is None) != (closing.limited_cycle_us is None):
        found.append("closing: free_period_needs_cycle")
    if closing.closes_at_us is not None and closing.closes_at_us <= closing.opens_at_us:
        found.append("closing: closes_before_opening")
    if closing.limited_cycle_us is not None and closing.extension_us is not None:
        found.append("closing: cycle_or_extension")
    if closing.extension_window_us is not None and closing.extension_us is None:
        found.append("closing: window_needs_extension")
    if closing.require_free_bid and (closing.free_period_us is None or closing.limited_if_no_free_bid):
        found.append("closing: require_free_bid_contradiction")
    earliest_us = closing.closes_at_us or closing.opens_at_us + (closing.free_period_us or 0)
    if closing.hard_end_us is not None and closing.hard_end_us <= earliest_us:
        found.append("closing: hard_end_too_early")
    if closing.extensions_max is not None and closing.extensions_max < 0:
        found.append("closing: extensions_max_negative")
    durations = (
        closing.first_bid_clock_us,
        closing.free_period_us,
        closing.limited_cycle_us,
        closing.extension_us,
        closing.extension_window_us,
    )
    if any(length is not None and not 0 < length <= DURATION_MAX for length in durations):
        found.append("closing: duration_out_of_range")
    return found
