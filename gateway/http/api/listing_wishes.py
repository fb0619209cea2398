"""What comes in about listings. Who sends it fills in the buyer; amounts are strings of digits in minor units."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from engine.rules.auction.terms import Admission
from engine.rules.listing import commands as c
from engine.rules.listing import terms as lt
from engine.rules.listing.state import ListingPhase
from engine.values import Amount, Currency, DurationUs, InstantUs, PartyId
from gateway.http.api.wishes import (
    CommandWish,
    CurrencyWish,
    Digits,
    Duration,
    IncrementWish,
    Instant,
    Query,
    ReasonWish,
    ShortText,
    Text,
    Wish,
    increment_terms,
)

LISTING_PATTERN = r"^[a-z0-9][a-z0-9-]{0,35}$"
_PHASES = re.compile(rf"({'|'.join(phase.value for phase in ListingPhase)}|,)*")


def _are_phases(text: str) -> str:
    if _PHASES.fullmatch(text) is None:
        raise ValueError("names no phase")
    return text


ListingName = Annotated[str, StringConstraints(pattern=LISTING_PATTERN)]
PartyId_ = Annotated[str, StringConstraints(pattern=r"^[op][0-9a-f]{16}$")]
WorkingDays = Annotated[int, Field(ge=0, le=250)]


class ListingsQuery(Query):
    """Search what is listed."""

    words: Annotated[str, StringConstraints(max_length=100)] = ""
    field: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,2}$")] = ""
    region: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,6}$")] = ""
    mode: lt.OfferedMode | None = None
    phases: Annotated[str, AfterValidator(_are_phases)] = Field("", description="Comma-separated; empty for all.")
    newest: bool = False
    after: ShortText = ""
    limit: int = Field(20, ge=1, le=100)


class DepositWish(Wish):
    """The bid deposit: `amount` or `share_bps` of the list price. The lawful cap is the market's."""

    amount: Digits | None = None
    share_bps: Annotated[int, Field(ge=1, le=10_000)] | None = None
    at_most: Digits | None = None
    due_working_days: WorkingDays = 3
    release: lt.ReleaseClock = lt.ReleaseClock.WORKING_DAYS_3
    appeal_working_days: WorkingDays = 5

    def terms(self, cap_bps: int) -> lt.DepositTerms:
        """Return the engine's form; an amount wins over a share."""
        if self.amount is not None:
            size: lt.FixedDeposit | lt.ShareDeposit = lt.FixedDeposit(Amount(int(self.amount)))
        else:
            at_most = None if self.at_most is None else Amount(int(self.at_most))
            size = lt.ShareDeposit(self.share_bps or 0, at_most)
        return lt.DepositTerms(
            size=size,
            cap_bps=cap_bps,
            due_working_days=self.due_working_days,
            release=self.release,
            appeal_working_days=self.appeal_working_days,
        )


class ExtensionWish(Wish):
    """Extension cycles when nobody comes."""

    cycle_working_days: Annotated[int, Field(ge=1, le=250)] = 5
    cycles_max: Annotated[int, Field(ge=1, le=100)] = 1

    def terms(self) -> lt.ExtensionTerms:
        """Return the engine's form."""
        return lt.ExtensionTerms(cycle_working_days=self.cycle_working_days, cycles_max=self.cycles_max)


class OfferTermsWish(Wish):
    """Offers beside the price."""

    must_rise: bool = True
    one_standing: bool = True
    counter_offers: bool = True
    expires_after_us: Duration | None = None
    lowest: Digits | None = None

    def terms(self) -> lt.OfferTerms:
        """Return the engine's form."""
        return lt.OfferTerms(
            must_rise=self.must_rise,
            one_standing=self.one_standing,
            counter_offers=self.counter_offers,
            expires_after_us=None if self.expires_after_us is None else DurationUs(self.expires_after_us),
            lowest=None if self.lowest is None else Amount(int(self.lowest)),
        )


class SessionWish(Wish):
    """The bidding method for several buyers: free period and cycles, or a fixed length with extension."""

    increment: IncrementWish
    opens_after_working_days: Annotated[int, Field(ge=0, le=60)] = 1
    opens_at_minute: Annotated[int, Field(ge=0, le=1_439)] = 540
    free_period_us: Duration | None = None
    limited_cycle_us: Duration | None = None
    open_for_us: Duration | None = None
    extension_us: Duration | None = None
    multiple_only: bool = False
    jump_confirm_steps: int | None = Field(None, ge=1, le=1_000_000)
    proxy: bool = False

    def terms(self) -> lt.SessionTerms:
        """Return the engine's form."""
        plain = {name: value for name, value in self if name != "increment"}
        return lt.SessionTerms(increment=increment_terms(self.increment), **plain)


class StateAssetWish(Wish):
    """Facts of a state-owned enterprise's asset; floors and least periods are the market's."""

    valuation: Digits
    valuation_no: ShortText
    valued_at_us: Instant
    approval_no: ShortText = ""


class ListingTermsWish(Wish):
    """Terms as the institution wishes them; what the market's configuration fixes is added on arrival."""

    mode: lt.OfferedMode
    way: lt.SaleWay
    admission: Literal[Admission.OPEN, Admission.APPROVED] = Field(
        Admission.APPROVED,
        description="OPEN: everybody allowed to trade takes or offers without applying; posted prices only.",
    )
    list_price: Digits | None
    currency: CurrencyWish = CurrencyWish()
    disclosure_working_days: WorkingDays = 0
    extension: ExtensionWish | None = None
    deposit: DepositWish | None = None
    session: SessionWish | None = None
    always_bid: bool = False
    seats: Annotated[int, Field(ge=1, le=100_000)] | None = 1
    seat_method: lt.SeatMethod = lt.SeatMethod.FIRST_COME
    offers: OfferTermsWish | None = None
    seller_answer_working_days: WorkingDays = 3
    decide_working_days: WorkingDays = 5
    sign_working_days: WorkingDays = 5
    withdrawal_cost: Digits = "0"
    state_asset: StateAssetWish | None = None
    open_licence_statement_no: ShortText = ""

    def currency_terms(self) -> Currency:
        """Return the engine's form of the currency."""
        return Currency(self.currency.code, self.currency.exponent)


class ListedWish(Wish):
    """What the notice says beside the achievement's own record."""

    conditions_zh: Text = ""
    conditions_en: Text = ""
    defects_zh: Text = ""
    defects_en: Text = ""
    payment: Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,20}$")] = "ONE_TIME"
    relists: Annotated[str, StringConstraints(pattern=r"^([a-z0-9][a-z0-9-]{0,35})?$")] = ""


class SubmitListingWish(CommandWish):
    """Hand a listing in."""

    listing: ListingName
    achievement: ShortText
    terms: ListingTermsWish
    notice: ListedWish = ListedWish()


class ResubmitListingWish(CommandWish):
    """Hand it in again after correction."""

    terms: ListingTermsWish
    notice: ListedWish = ListedWish()


class ReviseListingWish(ReasonWish):
    """A necessary, approved change of content; the period starts again."""

    terms: ListingTermsWish
    notice: ListedWish = ListedWish()
    approval_no: ShortText


class PublishListingWish(CommandWish):
    """The form is in order."""


class PriceWish(ReasonWish):
    """A new list price; null where only offers are taken."""

    price: Digits | None
    approval_no: ShortText = ""

    def command(self) -> c.ChangePrice:
        """Return the command."""
        return c.ChangePrice(
            price=None if self.price is None else Amount(int(self.price)),
            reason=self.reason,
            approval_no=self.approval_no,
        )


class IntentWish(CommandWish):
    """Apply as a buyer."""

    quote: Digits | None = None
    joint_with: Annotated[list[PartyId_], Field(max_length=10)] = []
    related: ShortText = ""
    statement: Text = ""

    def command(self, buyer_id: PartyId, foreign: bool, related: str) -> c.RegisterIntent:
        """Return the command; a relation that is on the register stands before what the buyer says."""
        return c.RegisterIntent(
            buyer_id=buyer_id,
            quote=None if self.quote is None else Amount(int(self.quote)),
            foreign=foreign,
            joint_with=tuple(PartyId(party) for party in self.joint_with),
            related=related or self.related,
            statement=self.statement,
        )


class CorrectionWish(CommandWish):
    """Answer a request for correction."""

    quote: Digits | None = None
    statement: Text = ""


class StepBackWish(CommandWish):
    """Take an application or an offer back."""


class ReviewWish(CommandWish):
    """Form check of an application."""

    verdict: c.Verdict
    reason: Annotated[str, StringConstraints(max_length=500)] = ""


class AnswerWish(CommandWish):
    """The seller's answer."""

    agrees: bool
    reason: Annotated[str, StringConstraints(max_length=500)] = ""


class SettleWish(ReasonWish):
    """The approving body's decision."""

    qualifies: bool
    authority: ShortText


class TakeWish(CommandWish):
    """Buy at the posted price that was shown."""

    price: Digits


class TakingWish(CommandWish):
    """Open licence: the written notice with proof of payment."""

    payment_proof: ShortText


class TakingAnswerWish(CommandWish):
    """Whether the payment of an open licence came in."""

    paid: bool
    reason: Annotated[str, StringConstraints(max_length=500)] = ""


class OfferWish(CommandWish):
    """Offer a price."""

    amount: Digits
    expires_at_us: Instant | None = None

    def expiry(self) -> InstantUs | None:
        """Return until when it stands."""
        return None if self.expires_at_us is None else InstantUs(self.expires_at_us)


class OfferAnswerWish(CommandWish):
    """Accept or refuse an offer; `amount` is the one that was shown."""

    amount: Digits | None = None
    reason: Annotated[str, StringConstraints(max_length=500)] = ""


class SigningWish(CommandWish):
    """The contract of a deal is signed."""

    contract_ref: ShortText


class DefaultWish(ReasonWish):
    """A side of a deal refused."""

    side: c.Side
