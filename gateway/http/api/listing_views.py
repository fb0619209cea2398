"""What goes out about listings: the rules' own audience shapes, the terms, and what became of a command."""

from __future__ import annotations

from msgspec import Struct

from engine.catalogue.listings.rows import DealRow, IntentRow, ListingRow
from engine.evidence.receipts import Outcome, Receipt
from engine.rules.listing import terms as lt
from engine.rules.listing.commands import ListedSubject
from engine.rules.listing.events import LISTING_WIRE_NAMES
from engine.rules.listing.visibility import BuyersListing, PublicListing, SellersListing, StaffListing
from engine.rules.rejections import RETRY, Retry
from gateway.http.api.views import FixedView, LadderView, PercentView, increment_view


class ListingDepositView(Struct, frozen=True, kw_only=True):
    """The deposit asked for; one of `amount` and `share_bps` is given."""

    amount: str | None
    share_bps: int | None
    at_most: str | None
    cap_bps: int
    due_working_days: int
    release: lt.ReleaseClock
    appeal_working_days: int


class ListingSessionView(Struct, frozen=True, kw_only=True):
    """The bidding method for several buyers."""

    increment: FixedView | PercentView | LadderView
    opens_after_working_days: int
    opens_at_minute: int
    free_period_us: int | None
    limited_cycle_us: int | None
    open_for_us: int | None
    extension_us: int | None
    multiple_only: bool
    jump_confirm_steps: int | None
    proxy: bool


class ListingTermsView(Struct, frozen=True, kw_only=True):
    """The terms as everybody may see them; the seed of bidder codes is not here."""

    mode: lt.OfferedMode
    way: lt.SaleWay
    list_price: str | None
    rule_version: str
    disclosure_working_days: int
    extension: lt.ExtensionTerms | None
    deposit: ListingDepositView | None
    session: ListingSessionView | None
    always_bid: bool
    seats: int | None
    seat_method: lt.SeatMethod
    takes_offers: bool
    foreign_blocked: bool
    state_asset: bool
    withdrawal_cost: str
    decide_working_days: int
    sign_working_days: int


class ListingView(Struct, frozen=True, kw_only=True):
    """A listing: what everybody sees, and what the caller sees of it as buyer, seller or staff (at most one is given)."""

    listing: PublicListing
    subject: ListedSubject
    terms: ListingTermsView
    as_buyer: BuyersListing | None = None
    as_seller: SellersListing | None = None
    as_staff: StaffListing | None = None


class ListingsView(Struct, frozen=True):
    """A page of listings; `next` goes into `after` for the following page."""

    listings: list[ListingRow]
    next: str | None


class OwnListingsView(Struct, frozen=True, kw_only=True):
    """What a party lists, applies for, has dealt and watches."""

    listings: list[ListingRow]
    intents: list[IntentRow]
    deals: list[DealRow]
    watched: list[ListingRow]


class ListingQueuesView(Struct, frozen=True, kw_only=True):
    """What waits for the operator, longest waiting first."""

    to_check: list[ListingRow]
    to_review: list[IntentRow]
    disputed: list[IntentRow]
    to_sign: list[DealRow]
    suspended: list[ListingRow]
    uncertain: list[ListingRow]


class ListingCommandView(Struct, frozen=True, kw_only=True):
    """What became of a command about a listing. `no`: number of the application, offer, notice or deal it made or concerned."""

    decision: Outcome
    listing: str
    id: str
    seq: int
    at_us: int
    digest: str
    kind: str
    no: int | None
    code: str | None
    retry: Retry | None
    data: dict[str, str | int]


def terms_view(terms: lt.ListingTerms) -> ListingTermsView:
    """Return the public part of terms."""
    return ListingTermsView(
        mode=terms.mode,
        way=terms.way,
        list_price=None if terms.list_price is None else str(terms.list_price),
        rule_version=terms.rule_version,
        disclosure_working_days=terms.disclosure_working_days,
        extension=terms.extension,
        deposit=None if terms.deposit is None else _deposit(terms.deposit),
        session=None if terms.session is None else _session(terms.session),
        always_bid=terms.always_bid,
        seats=terms.seats,
        seat_method=terms.seat_method,
        takes_offers=terms.offers is not None,
        foreign_blocked=terms.foreign_blocked,
        state_asset=terms.state_asset is not None,
        withdrawal_cost=str(terms.withdrawal_cost),
        decide_working_days=terms.decide_working_days,
        sign_working_days=terms.sign_working_days,
    )


def listing_command_view(receipt: Receipt, command_id: str) -> ListingCommandView:
    """Return a receipt on record as its owner sees it."""
    event = receipt.event
    assert receipt.seq is not None and receipt.at_us is not None and receipt.digest is not None and event is not None
    numbers = ("intent_no", "offer_no", "taking_no", "deal_no")
    return ListingCommandView(
        decision=receipt.decision,
        listing=receipt.subject_id,
        id=command_id,
        seq=receipt.seq,
        at_us=receipt.at_us,
        digest=receipt.digest.hex(),
        kind=LISTING_WIRE_NAMES[type(event)][0],
        no=next((value for name in numbers if (value := getattr(event, name, None)) is not None), None),
        code=None if receipt.code is None else receipt.code.value,
        retry=None if receipt.code is None else RETRY[receipt.code],
        data=receipt.data,
    )


def _deposit(deposit: lt.DepositTerms) -> ListingDepositView:
    amount, share_bps, at_most = None, None, None
    match deposit.size:
        case lt.FixedDeposit(amount=fixed):
            amount = str(fixed)
        case lt.ShareDeposit(share_bps=share, at_most=most):
            share_bps, at_most = share, None if most is None else str(most)
    return ListingDepositView(
        amount=amount,
        share_bps=share_bps,
        at_most=at_most,
        cap_bps=deposit.cap_bps,
        due_working_days=deposit.due_working_days,
        release=deposit.release,
        appeal_working_days=deposit.appeal_working_days,
    )


def _session(session: lt.SessionTerms) -> ListingSessionView:
    plain = {name: getattr(session, name) for name in ListingSessionView.__struct_fields__ if name != "increment"}
    return ListingSessionView(increment=increment_view(session.increment), **plain)
