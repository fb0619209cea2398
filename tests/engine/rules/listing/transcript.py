"""The record of a listing in test form: send commands at clock times of March 2026, read what the listing says.

The calendar of these tests knows weekends only, so that a reader can count on his fingers: 2 March 2026 is a Monday.
"""

from __future__ import annotations

from typing import Any

from engine.calendar import Calendar, Day, civil_of, day_from_civil, day_of, end_of, start_of
from engine.rules.auction.terms import Admission, FixedIncrement
from engine.rules.listing import commands as c
from engine.rules.listing.closing import next_deadline
from engine.rules.listing.deciding import decide
from engine.rules.listing.events import LISTING_WIRE_NAMES, ListingEvent, ListingRefusal
from engine.rules.listing.evolving import evolve
from engine.rules.listing.state import Intent, ListingDecision, ListingRejected, ListingState, Offer
from engine.rules.listing.terms import (
    DepositTerms,
    ExtensionTerms,
    ListingTerms,
    OfferedMode,
    OfferTerms,
    OpenLicenceTerms,
    SaleWay,
    SessionTerms,
    ShareDeposit,
    StateAsset,
)
from engine.values import Amount, DurationUs, InstantUs, ListingId, PartyId

LISTING = ListingId("achievement-1")  # type: ignore[arg-type]
SELLER = PartyId("seller")
PRICE = Amount(100_000_00)
HOUR_US = 3_600_000_000
CALENDAR = Calendar(
    version="test-1",
    first_day=day_from_civil(2025, 1, 1),
    last_day=day_from_civil(2028, 12, 31),
    days_off=frozenset(
        Day(day) for day in range(day_from_civil(2025, 1, 1), day_from_civil(2028, 12, 31) + 1) if (day + 3) % 7 >= 5
    ),
    make_up_days=frozenset(),
)


def at(text: str) -> InstantUs:
    """Return an instant of 2026: `at("03-02 09:00")`, `at("2027-03-02 09:00")`; seconds may follow."""
    date, clock = text.split(" ")
    year, month, day = (int(part) for part in (date if date.count("-") == 2 else f"2026-{date}").split("-"))
    hours, minutes, *seconds = clock.split(":")
    micros = (int(hours) * 3600 + int(minutes) * 60) * 1_000_000 + round(
        float(seconds[0] if seconds else 0) * 1_000_000
    )
    return InstantUs(start_of(day_from_civil(year, month, day)) + micros)


def when(instant_us: InstantUs | None) -> str | None:
    """Write an instant as `03-13 24:00` (the end of a day) or `03-13 09:00`."""
    if instant_us is None:
        return None
    day = (
        day_of(InstantUs(instant_us - 1))
        if end_of(day_of(InstantUs(instant_us - 1))) == instant_us
        else day_of(instant_us)
    )
    minutes = (instant_us - start_of(day)) // 60_000_000
    _, month, day_of_month = civil_of(day)
    return f"{month:02}-{day_of_month:02} {minutes // 60:02}:{minutes % 60:02}"


SESSION = SessionTerms(
    increment=FixedIncrement(Amount(1_000_00)),
    free_period_us=DurationUs(24 * HOUR_US),
    limited_cycle_us=DurationUs(300_000_000),
)
DEPOSIT = DepositTerms(size=ShareDeposit(share_bps=1_000), cap_bps=3_000)


def disclosed(**more: Any) -> ListingTerms:
    """Return terms of a disclosed transfer: 10 working days, one cycle of 5, a deposit of a tenth, unless said otherwise."""
    given: dict[str, Any] = {
        "mode": OfferedMode.TRANSFER,
        "way": SaleWay.DISCLOSED,
        "list_price": PRICE,
        "disclosure_working_days": 10,
        "extension": ExtensionTerms(cycle_working_days=5, cycles_max=2),
        "deposit": DEPOSIT,
        "session": SESSION,
        "withdrawal_cost": Amount(5_000_00),
        "code_seed": 7,
        **more,
    }
    return ListingTerms(**given)


def posted(**more: Any) -> ListingTerms:
    """Return terms of a plain licence at a posted price for anybody, with offers."""
    given: dict[str, Any] = {
        "mode": OfferedMode.PLAIN,
        "way": SaleWay.POSTED,
        "list_price": PRICE,
        "admission": Admission.OPEN,
        "offers": OfferTerms(),
        **more,
    }
    return ListingTerms(**given)


def open_licence(**more: Any) -> ListingTerms:
    """Return terms of an open licence without a limit of takers."""
    given: dict[str, Any] = {
        "mode": OfferedMode.OPEN,
        "way": SaleWay.OPEN_LICENCE,
        "list_price": PRICE,
        "admission": Admission.OPEN,
        "seats": None,
        "open_licence": OpenLicenceTerms(statement_no="OL-1", fixed_fee_max=Amount(2_000_000_000)),
        **more,
    }
    return ListingTerms(**given)


def state_asset(**more: Any) -> ListingTerms:
    """Return terms of a state-owned enterprise's asset, valued at 10,000,000 yuan."""
    asset = StateAsset(
        valuation=Amount(10_000_000_00),
        valuation_no="V-1",
        valued_at_us=at("01-05 00:00"),
        floor_bps=9_000,
        least_working_days=10,
        only_price_changed_working_days=5,
    )
    return disclosed(**{"list_price": Amount(10_000_000_00), "state_asset": asset, **more})


class Record:
    """One listing under test. Deadlines are marked as the writer marks them: before anything decided at or after them."""

    def __init__(self, terms: ListingTerms, published: str = "03-02 09:00", *, publish: bool = True) -> None:
        self.state: ListingState | None = None
        self.calendar = CALENDAR
        self.events: list[ListingEvent] = []
        self.before: list[ListingState | None] = []
        self.lines: list[str] = []
        self.submit_decision = self.send(published, submission(terms))
        if publish:
            self.say(published, c.PublishListing())

    @property
    def now(self) -> ListingState:
        """The state now."""
        assert self.state is not None
        return self.state

    def send(self, clock: str | InstantUs, command: c.ListingCommand) -> ListingDecision:
        """Decide a command at an instant and take up its event."""
        at_us = at(clock) if isinstance(clock, str) else clock
        self.reach(at_us)
        return self._decide(command, at_us)

    def say(self, clock: str | InstantUs, command: c.ListingCommand) -> str:
        """Send a command and return what happened: the event's wire name, or the code of the refusal."""
        decision = self.send(clock, command)
        if isinstance(decision, ListingRejected):
            return decision.code.value
        return wire_name(decision.event)

    def reach(self, clock: str | InstantUs) -> None:
        """Let time pass: mark every deadline up to this instant."""
        at_us = at(clock) if isinstance(clock, str) else clock
        marked = 0
        while self.state is not None and (due_us := next_deadline(self.state)) is not None and due_us <= at_us:
            decision = self._decide(c.ReachDeadline(due_us=due_us), InstantUs(max(due_us, self.state.last_at_us)))
            assert decision.event is not None, f"nothing falls due at {when(due_us)}: the writer would never stop"
            marked += 1
            assert marked < 1_000, "deadlines without end"

    def take_over(self, from_clock: str, to_clock: str) -> None:
        """Nobody served between the two; recorded before deadlines are looked at, as a writer that takes over does."""
        self.reach(at(from_clock))
        self._decide(c.RecordOutage(from_us=at(from_clock), to_us=at(to_clock)), at(to_clock))

    def apply(self, clock: str, buyer: str, quote: int | None = None, **more: Any) -> str:
        """A buyer applies."""
        return self.say(
            clock, c.RegisterIntent(buyer_id=PartyId(buyer), quote=None if quote is None else Amount(quote), **more)
        )

    def admit(self, clock: str, buyer: str, quote: int | None = None) -> Intent:
        """A buyer applies, is passed, agreed to, and pays; return his application."""
        assert self.apply(clock, buyer, quote) == "intent_registered"
        no = self.now.intents[-1].no
        self.say(clock, c.ReviewIntent(intent_no=no, verdict=c.Verdict.PASS))
        self.say(clock, c.AnswerIntent(intent_no=no, agrees=True))
        self.say(clock, c.ConfirmDeposit(intent_no=no, deposit_id=f"d{no}"))
        return self.intent(no)

    def offer(self, clock: str, buyer: str, amount: int, **more: Any) -> str:
        """A buyer offers."""
        return self.say(clock, c.MakeOffer(buyer_id=PartyId(buyer), amount=Amount(amount), **more))

    def take(self, clock: str, buyer: str, price: int = PRICE, **more: Any) -> str:
        """A buyer takes at the posted price."""
        return self.say(clock, c.TakeListing(buyer_id=PartyId(buyer), price=Amount(price), **more))

    def intent(self, no: int) -> Intent:
        """Return an application."""
        return self.now.intents[no - 1]

    def standing(self) -> Offer | None:
        """Return the standing offer."""
        return next((offer for offer in self.now.offers if offer.phase == "standing"), None)

    def tail(self, since: int = 0) -> list[str]:
        """Return the record since its n-th line, as `03-13 24:00 intake_closed`."""
        return self.lines[since:]

    def _decide(self, command: c.ListingCommand, at_us: InstantUs) -> ListingDecision:
        decision = decide(self.state, LISTING, command, at_us, self.calendar)
        event = decision.event
        if event is not None:
            self.before.append(self.state)
            self.state = evolve(self.state, LISTING, event, at_us)
            self.events.append(event)
            if not isinstance(event, ListingRefusal):
                self.lines.append(f"{when(at_us)} {wire_name(event)}")
        return decision


def submission(terms: ListingTerms) -> c.SubmitListing:
    """Return the command that hands these terms in."""
    return c.SubmitListing(terms=terms, subject=SUBJECT, seller_id=SELLER)


SUBJECT = c.ListedSubject(
    achievement_id="a1", achievement_version=1, achievement_digest="00" * 32, title_zh="稀土永磁体"
)


def wire_name(event: ListingEvent) -> str:
    """Return an event's name in the record."""
    return LISTING_WIRE_NAMES[type(event)][0].removeprefix("listing.")
