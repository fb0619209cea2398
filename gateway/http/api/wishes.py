"""What comes in: strict models, checked before anything else sees them. Amounts are strings of digits, instants microseconds."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from engine.catalogue.hall import PAGE_MAX, Sort
from engine.journal.reader import PAGE_MAX as EVENTS_PAGE_MAX
from engine.rules.auction import commands as c
from engine.rules.auction import terms as t
from engine.rules.auction.state import Phase
from engine.values import CNY, SECOND_US, Amount, Currency, DurationUs, InstantUs, PartyId, parse_digits
from gateway.accounts.accounts import TOKEN_DAYS_MAX
from gateway.accounts.model import NAME_LENGTH_MAX, Scope
from gateway.accounts.passwords import LENGTH_MAX
from gateway.desk.voiding import VoidGround
from gateway.http.asking import is_text

INSTANT_MAX: Final = 4_102_444_800 * SECOND_US
"""2100-01-01: later instants are typing errors."""
LOT_PATTERN: Final = r"^[a-z0-9][a-z0-9-]{0,39}(\.[0-9]{1,4})?$"
_PHASES = re.compile(rf"({'|'.join(phase.value for phase in Phase)}|,)*")


def _in_range(digits: str) -> str:
    if parse_digits(digits) is None:
        raise ValueError("beyond the greatest amount")
    return digits


def _are_phases(text: str) -> str:
    if _PHASES.fullmatch(text) is None:
        raise ValueError("names no phase")
    return text


Digits = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,30})$"), AfterValidator(_in_range)]
"""An amount in minor units (fen)."""
Instant = Annotated[int, Field(ge=0, le=INSTANT_MAX)]
Duration = Annotated[int, Field(ge=0, le=t.DURATION_MAX)]
Text = Annotated[str, StringConstraints(max_length=4_000)]
ShortText = Annotated[str, StringConstraints(max_length=200)]
LotName = Annotated[str, StringConstraints(pattern=LOT_PATTERN)]
PartyName = Annotated[str, StringConstraints(pattern=r"^p[0-9a-f]{16}$")]


SHAPE: Final = "x-shape"
"""Mark of a field whose shape is an outgoing one; the document refers to it."""


class Wish(BaseModel):
    """Unknown fields, values of another type and control characters are refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="after")
    def _holds_text(self) -> Self:
        if not all(is_text(value) for _, value in self if isinstance(value, str)):
            raise ValueError("control characters")
        return self


class CommandWish(Wish):
    """A command. Sent again with the same id it is answered the same; the id is never used for another wish."""

    id: UUID = Field(description="Made by the client, kept until the answer is there.")


class AdmissionWish(CommandWish):
    """Ask for a bidder code."""


class BidWish(CommandWish):
    """Bid `amount` openly, or leave a secret `maximum`, or both."""

    amount: Digits | None = None
    maximum: Digits | None = None
    confirm: bool = Field(False, description="The amount is meant although it is far above the minimum.")

    def command(self, bidder_id: PartyId) -> c.PlaceBid:
        """Return the command."""
        return c.PlaceBid(
            bidder_id=bidder_id,
            amount=None if self.amount is None else Amount(int(self.amount)),
            maximum=None if self.maximum is None else Amount(int(self.maximum)),
            confirmed_jump=self.confirm,
        )


class AdmitWish(CommandWish):
    """Give a party its bidder code."""

    party: PartyName


class ReasonWish(CommandWish):
    """An act that is published with its reason."""

    reason: str = Field(min_length=1, max_length=500)


class PauseWish(ReasonWish):
    """Stop the clock."""

    kind: c.PauseKind = Field(c.PauseKind.OPERATOR, description="`fault`: resuming needs notice.")


class ResumeWish(ReasonWish):
    """Let bidding go on, now or later."""

    resumes_at_us: Instant | None = None

    def command(self) -> c.ResumeLot:
        """Return the command."""
        at_us = None if self.resumes_at_us is None else InstantUs(self.resumes_at_us)
        return c.ResumeLot(reason=self.reason, resumes_at_us=at_us)


class PauseAllWish(PauseWish):
    """Stop the clocks of all running sessions, or of those named."""

    lots: list[LotName] | None = Field(None, max_length=5_000)


class ResumeAllWish(ResumeWish):
    """Let all halted sessions go on, or those named."""

    lots: list[LotName] | None = Field(None, max_length=5_000)


class VoidAloneWish(ReasonWish):
    """End a session without a bid, without effect; with a ground of art. 31 it is published with it."""

    ground: VoidGround | None = None


class FixedIncrementWish(Wish):
    """The same step at every price."""

    kind: Literal["fixed"]
    step: Digits


class PercentIncrementWish(Wish):
    """Millionths of the price, rounded up."""

    kind: Literal["percent"]
    rate_ppm: int = Field(ge=1, le=10_000_000)


class LadderIncrementWish(Wish):
    """Pairs of (from price, step), ascending, the first from 0."""

    kind: Literal["ladder"]
    steps: tuple[tuple[Digits, Digits], ...] = Field(min_length=1, max_length=t.LADDER_STEPS_MAX)


IncrementWish = Annotated[FixedIncrementWish | PercentIncrementWish | LadderIncrementWish, Field(discriminator="kind")]


class ReserveWish(Wish):
    """The seller's floor."""

    amount: Digits
    public: bool


class CurrencyWish(Wish):
    """A currency and the decimals of its minor unit."""

    code: str = Field(default=CNY.code, pattern=r"^[A-Z0-9]{1,8}$")
    exponent: int = Field(default=CNY.exponent, ge=0, le=24)


class ClosingWish(Wish):
    """How bidding opens and ends: exactly one of `closes_at_us`, `first_bid_clock_us`, `free_period_us` + `limited_cycle_us`."""

    opens_at_us: Instant
    closes_at_us: Instant | None = None
    first_bid_clock_us: Duration | None = None
    free_period_us: Duration | None = None
    limited_cycle_us: Duration | None = None
    require_free_bid: bool = False
    limited_if_no_free_bid: bool = True
    extension_us: Duration | None = None
    extension_window_us: Duration | None = None
    extension_from: t.ExtensionFrom = t.ExtensionFrom.BID_TIME
    extension_scope: t.ExtensionScope = t.ExtensionScope.LOT
    hard_end_us: Instant | None = None
    extensions_max: int | None = Field(None, ge=0, le=100_000)

    def closing(self) -> t.Closing:
        """Return the engine's form."""
        return t.Closing(**dict(self))


class TermsWish(Wish):
    """Everything that decides a session (docs/RULES.md)."""

    closing: ClosingWish
    increment: IncrementWish
    start_price: Digits
    reserve: ReserveWish | None = None
    currency: CurrencyWish = CurrencyWish()
    legal_mode: t.LegalMode = t.LegalMode.NETWORK_BIDDING
    first_bid_at_start: bool = True
    multiple_only: bool = False
    jump_confirm_steps: int | None = Field(None, ge=1, le=1_000_000)
    proxy: bool = False
    proxy_lowering: bool = False
    leader_may_raise: bool = False
    show_reserve_met: bool = True
    admission: Literal[t.Admission.OPEN, t.Admission.APPROVED] = t.Admission.APPROVED
    resume_notice_us: Duration = DurationUs(600 * SECOND_US)
    outage_shift_max_us: Duration = DurationUs(3_600 * SECOND_US)

    def terms(self, code_seed: int = 0) -> t.Terms:
        """Return the engine's form; `code_seed` is the publisher's, not the client's."""
        converted = ("closing", "increment", "start_price", "reserve", "currency")
        return t.Terms(
            closing=self.closing.closing(),
            increment=increment_terms(self.increment),
            start_price=Amount(int(self.start_price)),
            reserve=None if self.reserve is None else t.Reserve(Amount(int(self.reserve.amount)), self.reserve.public),
            currency=Currency(self.currency.code, self.currency.exponent),
            code_seed=code_seed,
            **{name: value for name, value in self if name not in converted},
        )


def increment_terms(wish: FixedIncrementWish | PercentIncrementWish | LadderIncrementWish) -> t.Increment:
    """Return the engine's form of an increment."""
    match wish:
        case FixedIncrementWish(step=step):
            return t.FixedIncrement(Amount(int(step)))
        case PercentIncrementWish(rate_ppm=rate_ppm):
            return t.PercentIncrement(rate_ppm)
        case LadderIncrementWish(steps=steps):
            return t.LadderIncrement(tuple((Amount(int(price)), Amount(int(step))) for price, step in steps))


class SubjectWish(Wish):
    """What is sold, in both languages."""

    title_zh: ShortText = Field(min_length=1)
    title_en: ShortText = Field(min_length=1)
    summary_zh: Text = ""
    summary_en: Text = ""
    field: str = Field("", pattern=r"^([0-9]{2})?$", description="Technical field 01-11.")
    region: str = Field("", pattern=r"^([0-9]{6})?$", description="GB/T 2260 code.")
    seller_name_zh: ShortText = ""
    seller_name_en: ShortText = ""
    defects_zh: Text = ""
    defects_en: Text = ""
    demonstration: bool = False

    def subject(self) -> c.Subject:
        """Return the engine's form."""
        return c.Subject(**dict(self))


class PublishWish(CommandWish):
    """Schedule a session."""

    lot: LotName = Field(description="`name`, or `group.number` for lots that close one after another.")
    seller: PartyName
    subject: SubjectWish
    terms: TermsWish
    achievement: ShortText = Field("", description="The seller's published achievement that is sold; empty: none.")

    def command(self, code_seed: int, seller: PartyId, achievement: c.SoldAchievement | None = None) -> c.PublishLot:
        """Return the command."""
        return c.PublishLot(
            terms=self.terms.terms(code_seed), subject=self.subject.subject(), seller_id=seller, achievement=achievement
        )

    def meant(self) -> c.PublishLot:
        """Return what the client asked for, the same at every sending: without the seed, and whatever version is public by now."""
        named = c.SoldAchievement(id=self.achievement, version=0, digest="") if self.achievement else None
        return self.command(0, PartyId(self.seller), named)


class PreviewWish(Wish):
    """Terms to look at before they are published."""

    terms: TermsWish


class TokenWish(Wish):
    """A token for a program."""

    name: str = Field(min_length=1, max_length=NAME_LENGTH_MAX)
    scopes: tuple[Scope, ...] = Field(min_length=1, max_length=len(Scope))
    days: int = Field(90, ge=1, le=TOKEN_DAYS_MAX)


class PasswordWish(Wish):
    """A new password; ends every session of the account, this one too."""

    current: str = Field(max_length=LENGTH_MAX)
    new: str = Field(max_length=LENGTH_MAX)


class Query(BaseModel):
    """Parameters behind the question mark."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class LotsQuery(Query):
    """Which lots."""

    q: str = Field("", max_length=100, description="Words in titles, summaries, seller or lot id.")
    field: str = Field("", pattern=r"^([0-9]{2})?$", description="Technical field.")
    region: str = Field("", pattern=r"^[0-9]{0,6}$", description="GB/T 2260 code or its beginning.")
    phase: Annotated[str, AfterValidator(_are_phases)] = Field("", description="Phases, comma-separated.")
    sort: Sort = Sort.ENDING
    after: str = Field("", max_length=100, description="`next` of the page before.")
    limit: int = Field(20, ge=1, le=PAGE_MAX)


class EventsQuery(Query):
    """Which part of a lot's record."""

    after: int = Field(0, ge=0, le=2**53 - 1, description="The last seq that is known.")
    limit: int = Field(100, ge=1, le=EVENTS_PAGE_MAX)


class CommandsQuery(Query):
    """Which part of one's own record, newest first."""

    before_us: int = Field(INSTANT_MAX, ge=0, le=INSTANT_MAX, description="`next_before_us` of the page before.")
    limit: int = Field(50, ge=1, le=200)
