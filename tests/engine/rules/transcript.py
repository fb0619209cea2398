"""A bidding record in test form: send commands at clock times, read what the session says."""

from __future__ import annotations

from engine.rules.auction.closing import next_deadline
from engine.rules.auction.commands import (
    AdmitBidder,
    Command,
    PauseKind,
    PauseLot,
    PlaceBid,
    PublishLot,
    ReachDeadline,
    RecordOutage,
    ResumeLot,
    Subject,
)
from engine.rules.auction.deciding import decide
from engine.rules.auction.events import Event
from engine.rules.auction.evolving import evolve
from engine.rules.auction.state import Accepted, Decision, LotState, Rejected
from engine.rules.auction.terms import Closing, FixedIncrement, Terms
from engine.rules.rejections import Reject
from engine.values import Amount, InstantUs, LotId, PartyId

DAY_US = 1_893_456_000_000_000  # 2030-01-01T00:00:00Z
LOT = LotId("lot-1")
SELLER = PartyId("seller")


def at(clock: str) -> InstantUs:
    """Return an instant of the test day: `at("10:33:39.900")`; `at("1+09:00")` is the day after."""
    day, _, rest = clock.rpartition("+")
    hours, minutes, *more = rest.split(":")
    seconds = float(more[0]) if more else 0.0
    micros = round(seconds * 1_000_000)
    return InstantUs(
        DAY_US + int(day or 0) * 86_400_000_000 + (int(hours) * 3600 + int(minutes) * 60) * 1_000_000 + micros
    )


def fixed_terms(*, opens: str = "09:00", closes: str = "10:00", extension_s: int | None = 300, **more: object) -> Terms:
    """Return terms with a fixed end, an extension from bid time, start 1000, increment 100, unless said otherwise."""
    closing = Closing(
        opens_at_us=at(opens),
        closes_at_us=at(closes),
        extension_us=None if extension_s is None else extension_s * 1_000_000,  # type: ignore[arg-type]
        **more.pop("closing", {}),  # type: ignore[arg-type]
    )
    given: dict[str, object] = {"increment": FixedIncrement(Amount(100)), "start_price": Amount(1000), **more}
    return Terms(closing=closing, **given)  # type: ignore[arg-type]


class Session:
    """One session under test. Deadlines are marked as the writer marks them: before anything decided at or after them."""

    def __init__(self, terms: Terms, *bidders: str) -> None:
        self.state: LotState | None = None
        self.events: list[Event] = []
        published_at_us = InstantUs(terms.closing.opens_at_us - 86_400_000_000)
        self.send(
            PublishLot(terms=terms, subject=Subject(title_zh="测", title_en="T"), seller_id=SELLER), published_at_us
        )
        for bidder in bidders:
            self.send(AdmitBidder(bidder_id=PartyId(bidder)), published_at_us)

    @property
    def lot(self) -> LotState:
        """The state now."""
        assert self.state is not None
        return self.state

    def send(self, command: Command, at_us: InstantUs) -> Decision:
        """Decide a command at an instant and take up its event."""
        self.reach(at_us)
        return self._decide(command, at_us)

    def reach(self, at_us: InstantUs) -> None:
        """Let time pass: mark every deadline up to this instant."""
        while self.state is not None and (due_us := next_deadline(self.state)) is not None and due_us <= at_us:
            self._decide(ReachDeadline(due_us=due_us), due_us)

    def bid(
        self, clock: str, bidder: str, amount: int | None = None, *, maximum: int | None = None, confirm: bool = False
    ) -> str:
        """Bid and return what happened: `"1100 A"` (price and leader) or the code of the refusal."""
        bid = PlaceBid(
            bidder_id=PartyId(bidder),
            amount=None if amount is None else Amount(amount),
            maximum=None if maximum is None else Amount(maximum),
            confirmed_jump=confirm,
        )
        decision = self.send(bid, at(clock))
        if isinstance(decision, Rejected):
            return decision.code.value
        return f"{self.lot.price} {self.lot.leader}"

    def pause(self, clock: str, kind: PauseKind = PauseKind.OPERATOR) -> Decision:
        """Stop the clock."""
        return self.send(PauseLot(reason="投诉", kind=kind), at(clock))

    def resume(self, clock: str, at_clock: str | None = None) -> Decision:
        """Let bidding go on."""
        return self.send(ResumeLot(reason="查清", resumes_at_us=None if at_clock is None else at(at_clock)), at(clock))

    def outage(self, from_clock: str, to_clock: str) -> Decision:
        """Nobody served between the two; recorded before deadlines are looked at, as a writer that takes over does."""
        self.reach(at(from_clock))
        return self._decide(RecordOutage(from_us=at(from_clock), to_us=at(to_clock)), at(to_clock))

    def hand_over(self, from_clock: str, to_clock: str) -> Decision:
        """One engine handed the lot to another between the two."""
        self.reach(at(from_clock))
        command = RecordOutage(from_us=at(from_clock), to_us=at(to_clock), handed_over=True)
        return self._decide(command, at(to_clock))

    def closes(self) -> str:
        """Return the end in force as `HH:MM:SS`."""
        assert self.lot.closes_at_us is not None
        seconds, micros = divmod(self.lot.closes_at_us - DAY_US, 1_000_000)
        text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        return f"{text}.{micros:06d}".rstrip("0") if micros else text

    def _decide(self, command: Command, at_us: InstantUs) -> Decision:
        decision = decide(self.state, LOT, command, at_us)
        event = decision.event if isinstance(decision, (Accepted, Rejected)) else None
        if event is not None:
            self.state = evolve(self.state, LOT, event, at_us)
            self.events.append(event)
        return decision


def refused(decision: Decision) -> Reject:
    """Return the code of a refusal; fails if it was accepted."""
    assert isinstance(decision, Rejected), decision
    return decision.code
