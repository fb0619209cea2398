"""What goes out. The engine's own audience shapes (`engine/rules/visibility.py`) are used as they are, so that a page, a frame and
this interface can never show different things; the rest is declared here. Amounts are strings of digits.
"""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from engine.catalogue.hall import HallLot
from engine.evidence.receipts import Outcome, Receipt
from engine.rules.auction import terms as t
from engine.rules.auction.commands import SoldAchievement, Subject
from engine.rules.auction.events import WIRE_NAMES, BidAccepted, BidderAdmitted, BidRejected
from engine.rules.auction.formats.events import PriceTaken
from engine.rules.auction.formats.showing import PublicRules
from engine.rules.rejections import RETRY, Retry
from engine.rules.visibility import HistoryRow, PublicLot, You
from gateway.accounts.accounts import Token


class FixedView(Struct, frozen=True, tag_field="kind", tag="fixed"):
    """The same step at every price."""

    step: str


class PercentView(Struct, frozen=True, tag_field="kind", tag="percent"):
    """Millionths of the price, rounded up."""

    rate_ppm: int


class LadderView(Struct, frozen=True, tag_field="kind", tag="ladder"):
    """Pairs of (from price, step)."""

    steps: list[tuple[str, str]]


class TermsView(Struct, frozen=True, kw_only=True):
    """The terms as everybody may see them: a secret reserve is not here, nor what would tell bidders apart."""

    format: str
    rule_version: str
    legal_mode: t.LegalMode
    currency: str
    exponent: int
    start_price: str
    increment: FixedView | PercentView | LadderView
    closing: t.Closing
    first_bid_at_start: bool
    multiple_only: bool
    jump_confirm_steps: int | None
    proxy: bool
    proxy_lowering: bool
    leader_may_raise: bool
    show_reserve_met: bool
    admission: t.Admission
    resume_notice_us: int
    outage_shift_max_us: int


class LotView(Struct, frozen=True, kw_only=True):
    """One lot."""

    epoch: int
    live: PublicLot
    subject: Subject
    achievement: SoldAchievement | None
    """The published record that is sold, null where the lot names none."""
    terms: TermsView
    rules: PublicRules | None = None
    """The terms of another format than open ascending bids."""
    you: You | None
    """What the caller sees of himself; null without a bidder code."""


class LotsView(Struct, frozen=True):
    """A page of the hall."""

    lots: list[HallLot]
    next: str | None
    """Pass as `after`; null at the end."""


class EventsView(Struct, frozen=True):
    """A page of a lot's public record, oldest first."""

    rows: list[HistoryRow]
    next_after: int | None
    """Pass as `after`; null at the end. Seqs missing between rows are not public."""


class CommandView(Struct, frozen=True, kw_only=True):
    """A command on record."""

    decision: Outcome
    lot: str
    id: str
    seq: int
    at_us: int
    digest: str
    """Hexadecimal; the receipt of this place in the log shows how it is made."""
    kind: str
    """What was recorded."""
    code: str | None = None
    """The bidder code given, the code of the refusal, or null."""
    retry: Retry | None = None
    data: dict[str, str | int] = {}
    """Facts of a refusal."""
    price: str | None = None
    leading: bool | None = None
    maximum: str | None = None
    """The caller's own maximum, where the bid left one and leads."""
    closes_at_us: int | None = None
    extended: bool | None = None


class AdmissionView(Struct, frozen=True):
    """`admitted` with the bidder code, or `asked`: an operator will answer."""

    state: str
    code: str | None


class BidderView(Struct, frozen=True):
    """A bidder as staff sees him."""

    party: str
    login: str
    display_name: str
    code: str | None
    """Null while he waits for an answer."""
    asked_at_us: int | None


class BiddersView(Struct, frozen=True):
    """Who has a bidder code, and who waits for one."""

    admitted: list[BidderView]
    waiting: list[BidderView]


class PreviewView(Struct, frozen=True, kw_only=True):
    """What terms mean. `problems` empty: a session can be held under them."""

    problems: list[str]
    minimum: str | None
    """Least first bid."""
    step: str | None
    """Increment at the opening price."""
    window_us: int
    lengthening_us: int


class MeView(Struct, frozen=True):
    """The account behind the request."""

    id: str
    login: str
    display_name: str
    role: str
    language: str


class OwnCommandView(Struct, frozen=True, kw_only=True):
    """One of the caller's own commands, with what he sent."""

    command: CommandView
    amount: str | None
    maximum: str | None


class OwnCommandsView(Struct, frozen=True):
    """A page of the caller's own record, newest first."""

    commands: list[OwnCommandView]
    next_before_us: int | None


class TokensView(Struct, frozen=True):
    """The tokens of the account."""

    tokens: list[Token]


class NewTokenView(Struct, frozen=True):
    """A new token. `secret` is shown this once."""

    token: Token
    secret: str


class DoneView(Struct, frozen=True):
    """It is done."""

    done: bool = True


class KeyView(Struct, frozen=True):
    """The market's public key: check receipts with it."""

    origin: str
    algorithm: str
    key: str
    """Base64 of 32 bytes."""


def terms_view(terms: t.Terms, *, hides_end: bool) -> TermsView:
    """Return the terms as everybody may see them; the end of a clock with a secret floor is left out."""
    closing = replace(terms.closing, closes_at_us=None) if hides_end else terms.closing
    return TermsView(
        format=terms.format,
        rule_version=terms.rule_version,
        legal_mode=terms.legal_mode,
        currency=terms.currency.code,
        exponent=terms.currency.exponent,
        start_price=str(terms.start_price),
        increment=increment_view(terms.increment),
        closing=closing,
        first_bid_at_start=terms.first_bid_at_start,
        multiple_only=terms.multiple_only,
        jump_confirm_steps=terms.jump_confirm_steps,
        proxy=terms.proxy,
        proxy_lowering=terms.proxy_lowering,
        leader_may_raise=terms.leader_may_raise,
        show_reserve_met=terms.show_reserve_met,
        admission=terms.admission,
        resume_notice_us=terms.resume_notice_us,
        outage_shift_max_us=terms.outage_shift_max_us,
    )


def increment_view(increment: t.Increment) -> FixedView | PercentView | LadderView:
    """Return an increment as it goes out."""
    match increment:
        case t.FixedIncrement(step=step):
            return FixedView(str(step))
        case t.PercentIncrement(rate_ppm=rate_ppm):
            return PercentView(rate_ppm)
        case t.LadderIncrement(steps=steps):
            return LadderView([(str(price), str(step)) for price, step in steps])
        case _:
            assert_never(increment)


def command_view(receipt: Receipt, command_id: str) -> CommandView:
    """Return a receipt on record as its owner sees it."""
    event = receipt.event
    assert receipt.seq is not None and receipt.at_us is not None and receipt.digest is not None and event is not None
    bid: dict[str, str | int | bool | None] = {}
    code = None if receipt.code is None else receipt.code.value
    if isinstance(event, BidAccepted):
        leading = event.leader_code == event.code
        bid = {
            "price": str(event.price),
            "leading": leading,
            "maximum": str(event.maximum) if leading and event.maximum is not None else None,
            "closes_at_us": event.closes_at_us,
            "extended": event.extended,
        }
    elif isinstance(event, PriceTaken):
        bid = {"price": str(event.price)}
    elif isinstance(event, BidderAdmitted):
        code = event.code
    return CommandView(
        decision=receipt.decision,
        lot=receipt.subject_id,
        id=command_id,
        seq=receipt.seq,
        at_us=receipt.at_us,
        digest=receipt.digest.hex(),
        kind=WIRE_NAMES[type(event)][0],
        code=code,
        retry=None if receipt.code is None else RETRY[receipt.code],
        data=receipt.data,
        **bid,  # type: ignore[arg-type]
    )


def own_command_view(receipt: Receipt, command_id: str) -> OwnCommandView:
    """Return a receipt with what its owner sent."""
    event = receipt.event
    amount, maximum = (event.amount, event.maximum) if isinstance(event, (BidAccepted, BidRejected)) else (None, None)
    return OwnCommandView(
        command=command_view(receipt, command_id),
        amount=None if amount is None else str(amount),
        maximum=None if maximum is None else str(maximum),
    )
