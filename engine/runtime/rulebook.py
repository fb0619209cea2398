"""What a writer needs to know about the rules of the streams it decides: pure functions under one name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from msgspec import Struct

from engine.calendar import Calendar
from engine.journal.streams import LISTINGS, LOTS, NOTICES, PROBES, StreamKind
from engine.rules.auction.closing import next_deadline
from engine.rules.auction.commands import Command, ReachDeadline, RecordOutage
from engine.rules.auction.deciding import decide
from engine.rules.auction.events import Event
from engine.rules.auction.evolving import evolve
from engine.rules.auction.groups import group_shifts
from engine.rules.auction.state import LotState
from engine.rules.availability import probing
from engine.rules.listing import commands as listing_commands
from engine.rules.listing.closing import next_deadline as next_listing_deadline
from engine.rules.listing.deciding import decide as decide_listing
from engine.rules.listing.events import ListingEvent
from engine.rules.listing.evolving import evolve as evolve_listing
from engine.rules.listing.state import ListingState
from engine.rules.publicity import commands as notice_commands
from engine.rules.publicity.deadlines import next_deadline as next_notice_deadline
from engine.rules.publicity.deciding import decide as decide_notice
from engine.rules.publicity.events import NoticeEvent
from engine.rules.publicity.evolving import evolve as evolve_notice
from engine.rules.publicity.state import NoticeState
from engine.rules.rejections import Reject
from engine.values import InstantUs, group_of


class Phase(Protocol):
    """Where a subject stands."""

    @property
    def is_final(self) -> bool:
        """Nothing but recorded refusals follows."""
        ...


class State(Protocol):
    """What every state has."""

    @property
    def seq(self) -> int:
        """Events so far."""
        ...

    @property
    def last_at_us(self) -> InstantUs:
        """Decision time of the last event."""
        ...

    @property
    def phase(self) -> Phase:
        """Where it stands."""
        ...


C = TypeVar("C", bound=Struct)
E = TypeVar("E", bound=Struct)
S = TypeVar("S", bound=State)


@dataclass(frozen=True)
class Rulebook(Generic[C, E, S]):
    """The rules of one kind of stream.

    `decide` returns a decision with an `event` to record, or a `Refusal` without one. `group_of` names the subjects that
    `consequences` concerns: what an event of one makes due for the others, decided in the same batch. `outage` says that nobody
    served between two instants; `hand_over` that one engine handed the subject to another meanwhile, None where that is nothing
    to record: pages stay up and commands wait.
    """

    kind: StreamKind
    no_such: Reject
    decide: Callable[[S | None, Any, C, InstantUs], Any]
    evolve: Callable[[S | None, Any, E, InstantUs], S]
    next_deadline: Callable[[S], InstantUs | None]
    reach_deadline: Callable[[InstantUs], C]
    outage: Callable[[InstantUs, InstantUs], C]
    hand_over: Callable[[InstantUs, InstantUs], C | None]
    group_of: Callable[[Any], str]
    consequences: Callable[[S, E, int, Sequence[S]], Iterable[tuple[Any, C]]]


LOT_RULES: Rulebook[Command, Event, LotState] = Rulebook(
    kind=LOTS,
    no_such=Reject.NO_SUCH_LOT,
    decide=decide,
    evolve=evolve,
    next_deadline=next_deadline,
    reach_deadline=lambda due_us: ReachDeadline(due_us=due_us),
    outage=lambda from_us, to_us: RecordOutage(from_us=from_us, to_us=to_us),
    hand_over=lambda from_us, to_us: RecordOutage(from_us=from_us, to_us=to_us, handed_over=True),
    group_of=group_of,
    consequences=group_shifts,
)


def listing_rules(
    calendar: Callable[[], Calendar],
) -> Rulebook[listing_commands.ListingCommand, ListingEvent, ListingState]:
    """Return the rules of listings, counting statutory days by the calendar in force at each decision."""
    return Rulebook(
        kind=LISTINGS,
        no_such=Reject.NO_SUCH_LISTING,
        decide=lambda state, listing_id, command, at_us: decide_listing(state, listing_id, command, at_us, calendar()),
        evolve=evolve_listing,
        next_deadline=next_listing_deadline,
        reach_deadline=lambda due_us: listing_commands.ReachDeadline(due_us=due_us),
        outage=lambda from_us, to_us: listing_commands.RecordOutage(from_us=from_us, to_us=to_us),
        hand_over=lambda from_us, to_us: None,
        group_of=str,
        consequences=lambda before, event, seq, others: (),
    )


def notice_rules(
    calendar: Callable[[], Calendar],
) -> Rulebook[notice_commands.NoticeCommand, NoticeEvent, NoticeState]:
    """Return the rules of notices, counting statutory days by the calendar in force at each decision."""
    return Rulebook(
        kind=NOTICES,
        no_such=Reject.NO_SUCH_NOTICE,
        decide=lambda state, notice_id, command, at_us: decide_notice(state, notice_id, command, at_us, calendar()),
        evolve=evolve_notice,
        next_deadline=next_notice_deadline,
        reach_deadline=lambda due_us: notice_commands.ReachDeadline(due_us=due_us),
        outage=lambda from_us, to_us: notice_commands.RecordOutage(from_us=from_us, to_us=to_us),
        hand_over=lambda from_us, to_us: None,
        group_of=str,
        consequences=lambda before, event, seq, others: (),
    )


PROBE_RULES: Rulebook[probing.RecordRound, probing.RoundRecorded, probing.ProbeState] = Rulebook(
    kind=PROBES,
    no_such=Reject.ROUND_UNFIT,
    decide=lambda state, _site, command, at_us: probing.decide(state, command, at_us),
    evolve=probing.evolve,
    next_deadline=lambda state: None,
    reach_deadline=lambda due_us: probing.RecordRound(sightings=()),
    outage=lambda from_us, to_us: probing.RecordRound(sightings=()),  # an empty round is not recorded
    hand_over=lambda from_us, to_us: None,
    group_of=str,
    consequences=lambda before, event, seq, others: (),
)
