"""Replaying listed trade on virtual time: every line is a command to the real rules, every event goes through its stored form.

A contract counts as signed the moment the deal is struck: a recorded sale is both. What the rules refuse is answered with its line.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from msgspec import Struct

from engine.calendar import DAYS_MAX, Calendar, Day, day_from_civil
from engine.journal.codec import decode_event, encode_event
from engine.replay.listing_format import (
    AcceptLine,
    AskLine,
    EndLine,
    ListingLine,
    ListingRecording,
    ListingStep,
    OfferLine,
    TakeLine,
    WithdrawLine,
)
from engine.replay.terms import MS_US
from engine.rules.auction.terms import Admission
from engine.rules.listing import commands as c
from engine.rules.listing.closing import next_deadline
from engine.rules.listing.deciding import decide
from engine.rules.listing.evolving import evolve
from engine.rules.listing.state import DealPhase, ListingRejected, ListingState, OfferPhase
from engine.rules.listing.terms import ListingTerms, OfferedMode, OfferTerms, SaleWay
from engine.rules.listing.terms_checking import LONGEST_MAX
from engine.values import Amount, Currency, InstantUs, ListingId, PartyId, SubjectId, format_amount

# No period of a replayed listing is counted but the one to sign in, which is over at once: a calendar without holidays will do.
_EVERY_DAY: Final = Calendar(
    version="replay",
    first_day=day_from_civil(1970, 1, 1),
    last_day=Day(day_from_civil(1970, 1, 1) + 4 * DAYS_MAX),
    days_off=frozenset(),
    make_up_days=frozenset(),
)


class RefusedLine(Struct, frozen=True, kw_only=True):
    """A recorded act that the rules refuse."""

    line: int
    kind: str
    code: str


class ListingResult(Struct, frozen=True, kw_only=True):
    """One line of the answer. `owner`: whose it is after the last line; `held`: recorded acts that held, by kind."""

    listing: str
    state: str
    owner: str
    way: str | None
    price: str | None
    closed_at: int | None
    held: dict[str, int]
    refused: list[RefusedLine]


def replay_listings(recording: ListingRecording, run: str = "0") -> list[ListingResult]:
    """Replay; return the results in the order of the listings."""
    played: dict[str, _Played] = {}
    for step in recording.steps:
        name = step.line.listing
        if isinstance(step.line, ListingLine):
            listing_id = ListingId(SubjectId(f"replay-{run}-{len(played) + 1}"))
            played[name] = _Played(name, listing_id, recording.currency, step)
        else:
            played[name].act(step)
    return [listing.result() for listing in played.values()]


class _Played:
    """One listing while it is replayed."""

    def __init__(self, name: str, listing_id: ListingId, currency: Currency, step: ListingStep) -> None:
        assert isinstance(step.line, ListingLine)
        self._name, self._id, self._currency = name, listing_id, currency
        self._state: ListingState | None = None
        self._held: Counter[str] = Counter()
        self._refused: list[RefusedLine] = []
        self._closed_at: int | None = None
        seller = PartyId(step.line.seller)
        subject = c.ListedSubject(achievement_id=name, achievement_version=1, achievement_digest="", title_zh=name)
        terms = ListingTerms(
            mode=OfferedMode.TRANSFER,
            way=SaleWay.POSTED,
            list_price=step.amount,
            currency=currency,
            admission=Admission.OPEN,
            offers=OfferTerms(),
            longest_us=LONGEST_MAX,
        )
        at_us = InstantUs(step.line.at * MS_US)
        assert self._say(c.SubmitListing(terms=terms, subject=subject, seller_id=seller), at_us) is None
        assert self._say(c.PublishListing(), at_us) is None

    def act(self, step: ListingStep) -> None:
        """Play one recorded act."""
        line, at_us = step.line, InstantUs(step.line.at * MS_US)
        kind = str(line.__struct_config__.tag)
        if isinstance(line, EndLine):
            # Only a listing that is still there can be taken off: a sold one went with its sale.
            self._say(c.WithdrawListing(reason="transferred without a sale"), at_us)
            return
        refused = self._say(self._command(step), at_us)
        if refused is not None:
            self._refused.append(RefusedLine(line=step.number, kind=kind, code=refused))
            return
        self._held[kind] += 1
        state = self._now()
        if state.deals and state.deals[-1].phase is DealPhase.STRUCK:
            self._closed_at = line.at
            self._say(c.RecordSigning(deal_no=len(state.deals), contract_ref="recorded"), at_us)

    def _command(self, step: ListingStep) -> c.ListingCommand:
        line, amount = step.line, step.amount
        if isinstance(line, AskLine):
            return c.ChangePrice(price=amount, reason="recorded")
        assert amount is not None
        match line:
            case OfferLine():
                return c.MakeOffer(buyer_id=PartyId(line.buyer), amount=amount)
            case TakeLine():
                return c.TakeListing(buyer_id=PartyId(line.buyer), price=amount)
            case WithdrawLine():
                return c.WithdrawOffer(offer_no=self._standing(line.buyer, amount), buyer_id=PartyId(line.buyer))
            case AcceptLine():
                return c.AcceptOffer(offer_no=self._standing(line.buyer, amount), amount=amount)
            case _:
                raise AssertionError(line)

    def _standing(self, buyer: str, amount: Amount) -> int:
        """Return the number of the standing offer if it is this buyer's of this amount, 0 (no such offer) otherwise."""
        return next(
            (
                offer.no
                for offer in self._now().offers
                if offer.phase is OfferPhase.STANDING and offer.buyer_id == buyer and offer.amount == amount
            ),
            0,
        )

    def _say(self, command: c.ListingCommand, at_us: InstantUs) -> str | None:
        """Send a command, after what falls due before it; return the code of a refusal."""
        while self._state is not None and (due_us := next_deadline(self._state)) is not None and due_us <= at_us:
            assert self._decide(c.ReachDeadline(due_us=due_us), due_us) is None
        return self._decide(command, at_us)

    def _decide(self, command: c.ListingCommand, at_us: InstantUs) -> str | None:
        decision = decide(self._state, self._id, command, at_us, _EVERY_DAY)
        if decision.event is not None:
            stored = decode_event(*encode_event(decision.event))
            self._state = evolve(self._state, self._id, stored, at_us)
        return decision.code.value if isinstance(decision, ListingRejected) else None

    def _now(self) -> ListingState:
        assert self._state is not None
        return self._state

    def result(self) -> ListingResult:
        """Return the line for the listing as it stands after the last line."""
        state = self._now()
        deal = state.deals[-1] if state.deals else None
        return ListingResult(
            listing=self._name,
            state=state.phase.value,
            owner=state.seller_id if deal is None else deal.buyer_id,
            way=None if deal is None else deal.way.value,
            price=None if deal is None else format_amount(deal.price, self._currency),
            closed_at=self._closed_at,
            held=dict(sorted(self._held.items())),
            refused=self._refused,
        )
