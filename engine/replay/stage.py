"""A stage: one session run by its rules alone, on virtual time, with made-up officers and assessors."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from engine.envelopes import public_text
from engine.replay.formats import officer_key, shares_of
from engine.rules.auction import commands as c
from engine.rules.auction.closing import next_deadline
from engine.rules.auction.deciding import decide
from engine.rules.auction.evolving import evolve
from engine.rules.auction.formats import terms as ft
from engine.rules.auction.state import Accepted, LotState
from engine.rules.auction.terms import Admission
from engine.values import InstantUs, LotId, PartyId

LOT: Final = LotId("rehearsal")
_DAY_US: Final = 86_400_000_000


def party(number: int) -> PartyId:
    """Return a simulated bidder."""
    return PartyId(f"simulated {number}")


class Stage:
    """One session as the writer would run it: deadlines first, then what is asked."""

    def __init__(self, session: c.PublishSession) -> None:
        play = session.play
        if play.opening is not None:
            people = [
                ft.Officer(party=PartyId(f"replay officer {place}"), key=public_text(officer_key(LOT, place)))
                for place in range(3)
            ]
            opening = replace(play.opening, officers=(people[0], people[1]), recovery=people[2])
            play = replace(play, opening=opening)
        self.play = play
        self.opens_at_us = session.terms.closing.opens_at_us
        self.published_at_us = InstantUs(self.opens_at_us - _DAY_US)
        self._state: LotState | None = None
        terms = replace(session.terms, admission=Admission.OPEN)
        self.send(replace(session, terms=terms, play=play), self.published_at_us)

    @property
    def state(self) -> LotState:
        """The session as it stands."""
        assert self._state is not None, "the terms were found good before they are rehearsed"
        return self._state

    def send(self, command: c.Command, at_us: int) -> None:
        """Decide a command at an instant."""
        self.reach(at_us)
        self._decide(command, InstantUs(at_us))

    def reach(self, at_us: int) -> None:
        """Let time pass."""
        while self._state is not None and (due_us := next_deadline(self._state)) is not None and due_us <= at_us:
            self._decide(c.ReachDeadline(due_us=due_us), due_us)

    def end(self) -> None:
        """Let time pass until nothing more happens by itself."""
        while (due_us := next_deadline(self.state)) is not None:
            self._decide(c.ReachDeadline(due_us=due_us), due_us)

    def _decide(self, command: c.Command, at_us: InstantUs) -> None:
        decision = decide(self._state, LOT, command, at_us)
        if isinstance(decision, Accepted):
            self._state = evolve(self._state, LOT, decision.event, at_us)

    def open(self) -> None:
        """Let both officers bring their shares, now."""
        for place in (0, 1):
            self.send(shares_of(self.state, LOT, place), self.state.last_at_us)

    def proceeds(self) -> int | None:
        """Return what was paid for all that was sold."""
        state = self.state
        if state.play is not None and state.play.allocated:
            return sum(one.price * (1 if one.lots else one.quantity) for one in state.play.allocated)
        return None if state.winner is None else state.price
