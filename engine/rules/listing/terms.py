"""The terms of a listing: data fixed at publication together with the rule version.

What no source fixes (length of disclosure, days to answer, caps) stands here as data of each listing; the defaults that the
console proposes are configuration with their source (docs/RULES.md), never constants of the rules.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from engine.rules.auction.terms import Admission, Increment
from engine.values import CNY, Amount, Currency, DurationUs, InstantUs

LISTING_RULE_VERSION: Final = "listing/1"
ALL_BPS: Final = 10_000
"""One hundred per cent in basis points."""


class OfferedMode(StrEnum):
    """What the buyer gets (转化方式)."""

    TRANSFER = "TRANSFER"
    EXCLUSIVE = "EXCLUSIVE"
    SOLE = "SOLE"
    PLAIN = "PLAIN"
    OPEN = "OPEN"
    EQUITY = "EQUITY"


class SaleWay(StrEnum):
    """How a listing comes to a deal."""

    DISCLOSED = "disclosed"
    """Intents are taken for the whole disclosure period; then one buyer: deal at or above the price, several: bidding."""
    POSTED = "posted"
    """Whoever is admitted first takes it at the posted price; `seats` of them for plain licences."""
    OPEN_LICENCE = "open_licence"
    """Patent open licence: the taker notifies in writing and pays (专利法 arts. 50-52)."""


class SeatMethod(StrEnum):
    """Who gets the seats of a capped licence."""

    FIRST_COME = "first_come"
    BIDDING = "bidding"
    """By bidding among the admitted, all seats at once (the multi-licence session)."""


class ReleaseClock(StrEnum):
    """When a loser's deposit goes back, counted from the end of the listing."""

    HOURS_24 = "hours_24"
    WORKING_DAYS_3 = "working_days_3"


class FixedDeposit(Struct, frozen=True, tag_field="kind", tag="fixed", forbid_unknown_fields=True):
    """A deposit of one amount."""

    amount: Amount


class ShareDeposit(Struct, frozen=True, tag_field="kind", tag="share", forbid_unknown_fields=True):
    """A deposit as a share of the list price, rounded up to the minor unit, at most `at_most`."""

    share_bps: int
    at_most: Amount | None = None


class DepositTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bid deposit (保证金): amount, when it is due, when it goes back."""

    size: FixedDeposit | ShareDeposit
    cap_bps: int
    """Greatest lawful share of the list price when the listing was published; from configuration, with its source there."""
    due_working_days: int = 3
    """Days to pay after qualification; never after `IntakeClosed.decides_at_us`."""
    release: ReleaseClock = ReleaseClock.WORKING_DAYS_3
    appeal_working_days: int = 5


class ExtensionTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Extension cycles (延牌) when nobody comes; only if the notice said so."""

    cycle_working_days: int
    cycles_max: int


class OfferTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Offers and counter-offers beside the posted price."""

    must_rise: bool = True
    """A new offer must be higher than the standing one, which it then displaces."""
    one_standing: bool = True
    expires_after_us: DurationUs | None = None
    counter_offers: bool = True
    lowest: Amount | None = None


class SessionTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The bidding method named in the notice, used when several buyers are admitted. Durations in microseconds."""

    increment: Increment
    opens_after_working_days: int = 1
    """The session opens on this working day after the intake closed (1: the next one)."""
    opens_at_minute: int = 540
    """Minute of that day, Asia/Shanghai: 540 is 09:00."""
    free_period_us: DurationUs | None = None
    limited_cycle_us: DurationUs | None = None
    open_for_us: DurationUs | None = None
    """For a fixed end instead of free period and cycles."""
    extension_us: DurationUs | None = None
    multiple_only: bool = False
    jump_confirm_steps: int | None = None
    proxy: bool = False


class StateAsset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A state-owned enterprise's asset: its valuation, and the approval that a price below the floor needs (domain.md 1.5)."""

    valuation: Amount
    valuation_no: str
    valued_at_us: InstantUs
    floor_bps: int
    """Below this share of the valuation the approving body must have consented; 9 000 where the old rules are followed."""
    first_at_valuation: bool = True
    """The first list price is not below the valuation."""
    least_working_days: int
    """Least disclosure for this price, from the table in configuration."""
    only_price_changed_working_days: int
    """Length of the new period after a change of the price alone; from configuration."""
    least_cycle_working_days: int = 5
    """Least extension cycle (2009 rules art. 20, the template that exchanges copy)."""
    approval_no: str = ""


class OpenLicenceTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The announced open-licence statement (专利法 arts. 50-52) that the listing mirrors."""

    statement_no: str
    fixed_fee_max: Amount | None = None
    """Greatest fixed fee that the office accepts in a statement; from configuration, with its source there."""


class ListingTerms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides a listing. Amounts are minor units of `currency`."""

    mode: OfferedMode
    way: SaleWay
    list_price: Amount | None
    """None: no price is posted, offers only."""
    currency: Currency = CNY
    rule_version: str = LISTING_RULE_VERSION
    admission: Admission = Admission.APPROVED
    """OPEN: no qualification and no deposit; anybody allowed to trade may take or offer."""
    disclosure_working_days: int = 0
    """0 only where nothing is disclosed (POSTED, OPEN_LICENCE): then it stays until sold out, withdrawn or ended."""
    extension: ExtensionTerms | None = None
    seller_answer_working_days: int = 3
    seller_silence_agrees: bool = True
    """A seller who does not answer in time has agreed to the buyer whose form was passed."""
    decide_working_days: int = 5
    """From the end of intake to the decision: reviews, answers and deposits must be through by then."""
    deposit: DepositTerms | None = None
    session: SessionTerms | None = None
    always_bid: bool = False
    """Bidding is held even with one admitted buyer."""
    seats: int | None = 1
    """Licences to give; None without limit (plain and open licences only)."""
    seat_method: SeatMethod = SeatMethod.FIRST_COME
    offers: OfferTerms | None = None
    open_licence: OpenLicenceTerms | None = None
    foreign_blocked: bool = False
    """Restricted-export technology without a letter of intent on file (技术进出口管理条例 art. 33)."""
    state_asset: StateAsset | None = None
    withdrawal_cost: Amount = Amount(0)
    """What the seller owes for a withdrawal once intents were registered."""
    sign_working_days: int = 5
    suspension_max_us: DurationUs = DurationUs(30 * 86_400 * 1_000_000)
    rest_after_suspension_working_days: int = 10
    """State assets: least rest of the period after a suspension (2009 rules arts. 22-23)."""
    total_after_suspension_working_days: int = 20
    """State assets: least length of the whole period if it was suspended (same)."""
    outage_max_us: DurationUs = DurationUs(4 * 3_600 * 1_000_000)
    """An outage longer than this, or over the end of a period, lengthens the period."""
    longest_us: DurationUs = DurationUs(365 * 86_400 * 1_000_000)
    """From first publication; then valuation and disclosure must be made anew."""
    code_seed: int = 0
    """Where the sequence of bidder codes starts; drawn by the publisher."""
