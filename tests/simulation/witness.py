"""The witness of the sessions of other formats: knows what every envelope holds, and says each rule again in slower words.

It keeps its own record of each session from the events alone. What it needs of a clearing rule it takes from the naive oracles
(tests/engine/rules/clearing/oracles.py).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from msgspec import json as wire

from engine.envelopes import context_of, open_box, read_envelope
from engine.journal.records import Record
from engine.rules.auction import events as e
from engine.rules.auction.clearing.priority import Exercise, PriorityMode
from engine.rules.auction.formats import commands as fc
from engine.rules.auction.formats import events as fe
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.state import LotState, Phase
from engine.rules.visibility import public_lot
from engine.values import InstantUs, LotId, PartyId
from tests.engine.rules.clearing import oracles
from tests.simulation import formats
from tests.simulation.outcomes import Allotted, NoSale, Sale, outcome_of
from tests.simulation.promises import CLOCK_SLACK_US, Broken, expect

BIDDING = (Phase.OPEN, Phase.LIMITED, Phase.SEALING, Phase.BEST_BID, Phase.PRIORITY)


@dataclass(frozen=True)
class Truth:
    """What a bidder put into an envelope, and what is wrong with it."""

    code: str
    content: dict[str, Any] | None
    """None: there is no bid inside."""
    opens: bool
    lost: tuple[int, ...]
    """Places of the people whose box is for another key."""


@dataclass
class Seen:
    """One session, as the events told it."""

    stage_from_us: int = 0
    """When the stage that runs began."""
    stage_least_us: int = 0
    """How long everybody may act in it, at least."""
    clock_from_us: int = 0
    """When the falling price began to fall; earlier than the stage where the session was published late."""
    given_back_us: int = 0
    halted_from_us: int = 0
    halts: list[tuple[int, int]] = field(default_factory=list)
    takings: list[fe.PriceTaken] = field(default_factory=list)
    held: dict[PartyId, tuple[int, str, str]] = field(default_factory=dict)
    """Party -> (seq, digest, envelope) in force."""
    commitment: str = ""
    due_us: int = 0
    last_us: int = 0
    late: bool = False
    shares: dict[int, dict[str, str]] = field(default_factory=dict)
    scores: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    bids: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Code -> content, of the bids that were opened."""
    opened: bool = False
    best_bid: int | None = None
    asked_at: int | None = None
    """The price at which holders are asked."""
    exercises: list[Exercise] = field(default_factory=list)
    waived: set[PartyId] = field(default_factory=set)
    excluded: set[PartyId] = field(default_factory=set)


class Witness:
    """Independent witness of all sessions of other formats."""

    def __init__(self, unserved_us: list[tuple[int, int]]) -> None:
        self.sealed: dict[str, Truth] = {}
        """Digest of an envelope -> what is in it; told by those who made it."""
        self.asked: dict[bytes, object] = {}
        """Command id -> the command."""
        self.ended: Counter[str] = Counter()
        self.acts: Counter[str] = Counter()
        self._unserved_us = unserved_us
        self._seen: dict[LotId, Seen] = {}

    def told(self) -> str:
        """Return what the sessions came to."""
        return ", ".join(f"{count} {what}" for what, count in sorted(self.ended.items()))

    def see(self, before: LotState, event: e.Event, record: Record) -> None:
        """Check an event against all that came before it."""
        seen = self._seen.setdefault(before.lot_id, Seen())
        self.acts[record.type] += 1
        self._course(seen, before, event, record)
        match event:
            case fe.PriceTaken():
                self._taken(seen, before, event, record)
            case fe.EnvelopeTaken():
                self._envelope(seen, before, event, record)
            case fe.SealingClosed() | fe.BidsOpened() | fe.SharesContributed() | fe.OpeningLate() | fe.ScoresGiven():
                self._opening(seen, before, event, record)
            case fe.BidRefusedUnopened():
                expect(not seen.shares and not seen.opened, "a bid was refused after shares were there", record)
                seen.refused.add(event.code)
            case fe.BestBidPlaced():
                self._best_bid(seen, before, event, record)
            case fe.PriorityOpened() | fe.PriorityExercised() | fe.PriorityWaived():
                self._right(seen, before, event, record)
            case fe.BidderExcluded():
                seen.excluded.add(event.bidder_id)
            case e.BidAccepted():
                expect(isinstance(_kind(before), ft.Ascending), "an open bid in another format", record)
                expect(event.bidder_id not in seen.excluded, "somebody excluded bid", record)
            case e.LotSold() | e.LotPassed() | fe.LotAllocated():
                self._end(seen, before, event, record)

    def look(self, after: LotState, event: e.Event, record: Record) -> None:
        """P6: nothing that is sealed or secret stands in what everybody sees, or in the record, before its time."""
        seen = self._seen.setdefault(after.lot_id, Seen())
        shown = wire.encode(public_lot(after)).decode()
        if not seen.opened:
            for _, digest, _ in seen.held.values():
                for amount in _amounts(self.sealed[digest].content):
                    expect(amount not in shown, "P6: a sealed amount is shown", record)
                    expect(amount not in record.body.decode(), "P6: a sealed amount is on record", record)
        kind = _kind(after)
        if (
            isinstance(kind, (ft.Falling, ft.Hybrid))
            and kind.secret_floor
            and not seen.takings
            and not after.phase.is_final
        ):
            for secret in (kind.clock.floor, after.closes_at_us):
                expect(f"{secret}" not in shown, "P6: the end of the clock tells the secret floor", record)

    # Time.

    def _course(self, seen: Seen, before: LotState, event: e.Event, record: Record) -> None:
        """Keep the time: when the stage began, when the clock stood still, what was given back."""
        closing = before.terms.closing
        match event:
            case e.LotOpened():
                assert closing.closes_at_us is not None
                seen.clock_from_us, late_us = before.opens_at_us, max(0, before.published_at_us - closing.opens_at_us)
                seen.stage_from_us = max(before.opens_at_us, before.published_at_us)
                seen.stage_least_us = closing.closes_at_us - closing.opens_at_us - late_us
            case e.LotPaused():
                seen.halted_from_us = record.at_us
            case e.LotInterrupted():
                expect(before.phase in BIDDING, "P5: interrupted while nobody could act", record)
                deadline_us = min(one for one in (before.closes_at_us, event.from_us) if one is not None)
                seen.halted_from_us = min(deadline_us, max(event.from_us, 0))
            case e.LotResumed():
                if before.halted_phase is not Phase.SCHEDULED:
                    seen.halts.append((seen.halted_from_us, record.at_us))
                    seen.given_back_us += max(0, record.at_us - (before.halted_at_us or 0))
            case e.OutageCompensated() if before.phase is not Phase.SCHEDULED:
                seen.given_back_us += event.to_us - max(event.from_us, before.last_at_us)

    def _new_stage(self, seen: Seen, from_us: int, least_us: int) -> None:
        seen.stage_from_us, seen.stage_least_us, seen.halts, seen.given_back_us = from_us, least_us, [], 0

    def _in_time(self, seen: Seen, before: LotState, record: Record, *phases: Phase) -> None:
        expect(before.phase in phases, "P5: an act outside its stage", record)
        if before.closes_at_us is not None:
            expect(record.at_us < before.closes_at_us, "P5: an act after the end", record)

    def _ran_out(self, seen: Seen, before: LotState, record: Record) -> None:
        """The stage ended by its clock: not early, and everybody had all the time that was announced."""
        ends_us = before.closes_at_us
        if ends_us is None:
            raise Broken(f"P5: a stage without an end ended: {record.stream}")
        expect(record.at_us >= ends_us, "P5: a stage ended before its time", record)
        idle = [*seen.halts, *self._unserved_us[-200:]]
        clipped = [(max(a, seen.stage_from_us), min(b, ends_us)) for a, b in idle]
        clipped = sorted((a, b) for a, b in clipped if a < b)
        idle_us, reached_us = 0, 0
        for a, b in clipped:
            idle_us += max(0, b - max(a, reached_us))
            reached_us = max(reached_us, b)
        served_us = ends_us - seen.stage_from_us - idle_us
        slack_us = CLOCK_SLACK_US * (1 + len(clipped))
        expect(
            served_us >= seen.stage_least_us - slack_us,
            f"P5: only {served_us} us of the {seen.stage_least_us} us that were announced",
            record,
        )

    # The falling price.

    def _taken(self, seen: Seen, before: LotState, event: fe.PriceTaken, record: Record) -> None:
        self._in_time(seen, before, record, Phase.OPEN)
        kind = _kind(before)
        assert isinstance(kind, (ft.Falling, ft.Hybrid))
        ran_us = record.at_us - seen.clock_from_us - seen.given_back_us
        expect(event.price == oracles.ticking(kind.clock, ran_us), "taken at another price than stood", record)
        wish = self.asked[record.command_id or b""]
        assert isinstance(wish, fc.TakePrice)
        expect(event.price <= wish.shown, "somebody pays more than he saw", record)
        expect(event.bidder_id not in seen.excluded and event.bidder_id in before.codes, "an outsider took", record)
        seen.takings.append(event)
        units = kind.units if isinstance(kind, ft.Falling) else 1
        expect(sum(one.quantity for one in seen.takings) <= units, "more was sold than there is", record)
        if isinstance(kind, ft.Hybrid):
            self._new_stage(seen, record.at_us, kind.sealed_round_us)

    # Sealed bids and their opening.

    def _envelope(self, seen: Seen, before: LotState, event: fe.EnvelopeTaken, record: Record) -> None:
        kind, party = _kind(before), event.bidder_id
        self._in_time(seen, before, record, Phase.SEALING if isinstance(kind, ft.Hybrid) else Phase.OPEN)
        expect(event.digest == sha256(event.envelope.encode()).hexdigest(), "a digest of something else", record)
        expect(party in before.codes and party not in seen.excluded, "an envelope of an outsider", record)
        expect(party not in [one.bidder_id for one in seen.takings], "the taker sealed a bid as well", record)
        if party in seen.held:
            expect(getattr(kind, "replaceable", False), "a bid was replaced against the terms", record)
        seen.held[party] = (record.stream_seq, event.digest, event.envelope)

    def _opening(
        self,
        seen: Seen,
        before: LotState,
        event: fe.SealingClosed | fe.BidsOpened | fe.SharesContributed | fe.OpeningLate | fe.ScoresGiven,
        record: Record,
    ) -> None:
        match event:
            case fe.SealingClosed():
                self._ran_out(seen, before, record)
                held = sorted([before.codes[party], seq, digest] for party, (seq, digest, _) in seen.held.items())
                text = json.dumps([before.lot_id, held], separators=(",", ":"))
                expect(event.commitment == sha256(text.encode()).hexdigest(), "another commitment", record)
                expect(list(event.codes) == [code for code, _, _ in held], "not all envelopes were closed", record)
                seen.commitment, seen.due_us, seen.last_us = event.commitment, event.due_us, event.last_us
            case fe.OpeningLate():
                expect(not seen.late and record.at_us >= seen.due_us, "called late before it was", record)
                seen.late = True
            case fe.ScoresGiven():
                expect(not seen.shares and not seen.opened, "scored after prices could be opened", record)
                expect(event.assessor_id not in seen.scores, "an assessor scored twice", record)
                seen.scores[event.assessor_id] = event.scores
            case fe.SharesContributed():
                self._shares(seen, before, event, record)
            case fe.BidsOpened():
                self._opened(seen, before, event, record)

    def _shares(self, seen: Seen, before: LotState, event: fe.SharesContributed, record: Record) -> None:
        kind, codes = _kind(before), {before.codes[party]: one for party, one in seen.held.items()}
        expect(event.place not in seen.shares, "somebody brought shares twice", record)
        expect(record.at_us < (seen.last_us if seen.late else seen.due_us), "P5: a share after its time", record)
        if isinstance(kind, ft.Weighted):
            expect(set(seen.scores) == set(kind.assessors), "prices before scores", record)
        if event.place == 2:
            both = {0, 1} <= set(seen.shares)
            short = both and any(code not in seen.shares[0] or code not in seen.shares[1] for code in codes)
            expect(seen.late or short, "the recovery share without need", record)
        for code, share in event.shares.items():
            box = read_envelope(codes[code][2])
            true = open_box(box, event.place, formats.officer_key(event.place), context_of(before.lot_id, code))
            expect(true is not None and true.hex() == share, "a false share counts", record)
        expect(set(event.missing) == set(codes) - set(event.shares), "a missing share was not named", record)
        seen.shares[event.place] = event.shares

    def _opened(self, seen: Seen, before: LotState, event: fe.BidsOpened, record: Record) -> None:
        expect(len(seen.shares) >= 2, "opened without two people", record)
        for party, (_, digest, _) in seen.held.items():
            code, truth = before.codes[party], self.sealed[digest]
            many = sum(code in found for found in seen.shares.values())
            why = "shares" if many < 2 else "key" if not truth.opens else "content" if truth.content is None else None
            expect(
                event.broken.get(code) == why, f"an envelope is {event.broken.get(code)} and should be {why}", record
            )
            if why is None:
                assert truth.content is not None and truth.code == code
                seen.bids[code] = {**truth.content, "seq": seen.held[party][0]}
        expect({bid.code for bid in event.bids} == set(seen.bids), "other bids were opened than were sealed", record)
        for bid in event.bids:
            content = seen.bids[bid.code]
            expect(bid.seq == content["seq"], "not the bid in force", record)
            expect(str(bid.amount) == content["amount"], "another amount than was sealed", record)
            expect(bid.quantity == content.get("quantity", 1), "another quantity than was sealed", record)
        seen.opened = True
        kind = _kind(before)
        if isinstance(kind, ft.Hybrid) and event.closes_at_us is not None:
            expect(
                event.closes_at_us >= record.at_us + kind.best_bid_us - CLOCK_SLACK_US,
                "P5: no full time for the best bid",
                record,
            )
            self._new_stage(seen, record.at_us, kind.best_bid_us)

    def _best_bid(self, seen: Seen, before: LotState, event: fe.BestBidPlaced, record: Record) -> None:
        self._in_time(seen, before, record, Phase.BEST_BID)
        expect(event.bidder_id == seen.takings[0].bidder_id, "a best bid of somebody else", record)
        expect(seen.best_bid is None, "two best bids", record)
        top = _top(seen, before)
        expect(top is not None and event.amount >= top + formats.STEP, "a best bid that is not best", record)
        seen.best_bid = event.amount

    # Rights of priority, and the end.

    def _right(
        self,
        seen: Seen,
        before: LotState,
        event: fe.PriorityOpened | fe.PriorityExercised | fe.PriorityWaived,
        record: Record,
    ) -> None:
        assert before.play is not None and before.play.terms.priority is not None
        priority = before.play.terms.priority
        ranks = {PartyId(one.party): one.rank for one in priority.holders}
        if isinstance(event, fe.PriorityOpened):
            self._stage_over(seen, before, record)
            made = outcome_of(seen, before)
            expect(made == Sale(event.code, event.price), f"holders are asked at another price than {made}", record)
            expect(
                event.closes_at_us >= record.at_us + priority.window_us - CLOCK_SLACK_US,
                "P5: no full window for holders",
                record,
            )
            if seen.asked_at != event.price:
                seen.waived = set()
            seen.asked_at = event.price
            self._new_stage(seen, record.at_us, priority.window_us)
            return
        expect(event.bidder_id in ranks and event.bidder_id not in seen.excluded, "a right of nobody", record)
        if isinstance(event, fe.PriorityWaived):
            self._in_time(seen, before, record, Phase.PRIORITY)
            seen.waived.add(event.bidder_id)
            return
        in_room = priority.mode is PriorityMode.IN_ROOM
        self._in_time(seen, before, record, *((Phase.OPEN, Phase.LIMITED) if in_room else (Phase.PRIORITY,)))
        expect(event.price == before.price, "exercised at another price than was made", record)
        said = Exercise(
            code=event.code,
            rank=ranks[event.bidder_id],
            seq=record.stream_seq,
            price=event.price,
            at_us=InstantUs(record.at_us),
        )
        seen.exercises.append(said)

    def _stage_over(self, seen: Seen, before: LotState, record: Record) -> None:
        """The stage ended because its clock ran out, or because nothing more could come."""
        sold_out = isinstance(_kind(before), ft.Falling) and before.phase is Phase.OPEN and _all_taken(seen, before)
        answered = before.phase is Phase.BEST_BID and (seen.best_bid is not None or _top(seen, before) is None)
        if before.phase is Phase.CLOSED:
            expect(seen.opened, "a result before the opening", record)
        elif before.phase is Phase.PRIORITY and (before.leader in seen.excluded or not _waiting(seen, before)):
            pass
        elif not sold_out and not answered:
            self._ran_out(seen, before, record)

    def _end(
        self, seen: Seen, before: LotState, event: e.LotSold | e.LotPassed | fe.LotAllocated, record: Record
    ) -> None:
        expect(event.ended_at_us <= record.at_us, "P5: ended in the future", record)
        if isinstance(event, e.LotPassed) and event.reason is e.PassReason.NOT_OPENED:
            expect(not seen.opened and seen.late and record.at_us >= seen.last_us, "given up too early", record)
            self.ended["passed not_opened"] += 1
            return
        self._stage_over(seen, before, record)
        if isinstance(event, e.LotSold):
            self._was_asked(seen, before, record)
        expected = self._final(seen, before)
        match event:
            case e.LotSold():
                found: Sale | NoSale | Allotted = Sale(before.codes[event.winner_id], event.price)
            case e.LotPassed():
                found = NoSale(event.reason.value)
            case fe.LotAllocated():
                found = Allotted(tuple(sorted((one.code, one.lots, one.quantity, one.price) for one in event.shares)))
        expect(found == expected, f"the result should be {expected}", record)
        self.ended[f"{ft.format_of(before.play.terms)} {type(event).__name__}" if before.play else ""] += 1

    def _was_asked(self, seen: Seen, before: LotState, record: Record) -> None:
        """Whoever may buy at the price that others made was asked at that price."""
        made, priority = outcome_of(seen, before), before.play.terms.priority if before.play else None
        if priority is None or not isinstance(made, Sale):
            return
        if priority.mode not in (PriorityMode.IN_ROOM, PriorityMode.AS_BIDDER):
            able = {PartyId(one.party) for one in priority.holders} - seen.excluded
            others = [party for party in able if before.codes.get(party) != made.code]
            expect(
                not others or seen.asked_at == made.price, "a holder was not asked at the price that was made", record
            )

    def _final(self, seen: Seen, before: LotState) -> Sale | NoSale | Allotted:
        made = outcome_of(seen, before)
        assert before.play is not None
        priority = before.play.terms.priority
        if not isinstance(made, Sale) or priority is None:
            return made
        out = {before.codes[party] for party in seen.excluded}
        draw = sha256(f"{before.lot_id}\n{made.price}\n{made.code}".encode()).digest()
        said = [one for one in seen.exercises if one.code not in out]
        code = oracles.priority(said, made.price, draw if priority.mode is PriorityMode.ASKED_AT_TOP else None)
        return made if code is None else Sale(code, made.price)


def _kind(state: LotState) -> ft.Format:
    assert state.play is not None
    return state.play.terms.format


def _all_taken(seen: Seen, state: LotState) -> bool:
    kind = _kind(state)
    return isinstance(kind, ft.Falling) and sum(one.quantity for one in seen.takings) == kind.units


def _top(seen: Seen, state: LotState) -> int | None:
    """The highest sealed bid that challenges the taker of a hybrid sale."""
    out, least = {state.codes[party] for party in seen.excluded}, seen.takings[0].price + formats.STEP
    amounts = [int(bid["amount"]) for code, bid in seen.bids.items() if code not in out]
    return max((amount for amount in amounts if amount >= least), default=None)


def _waiting(seen: Seen, state: LotState) -> Sequence[PartyId]:
    """The holders who may still answer at the price of now."""
    assert state.play is not None and state.play.terms.priority is not None
    said = {one.code for one in seen.exercises if one.price == seen.asked_at}
    return [
        PartyId(one.party)
        for one in state.play.terms.priority.holders
        if one.party != state.leader
        and one.party not in seen.excluded
        and one.party not in seen.waived
        and state.codes.get(PartyId(one.party)) not in said
    ]


def _amounts(content: dict[str, Any] | None) -> list[str]:
    if content is None:
        return []
    return [content["amount"], *(part["amount"] for part in content.get("parts", ()))]
