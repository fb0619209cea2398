"""Rounds of the prober as events of one stream: what was fetched, when, how the answer looked. The stream never ends.

One event holds a whole round (ADR 0016): at most `SIGHTINGS_MAX` looks; a round with more is several events. What was seen cannot be
changed or slipped in later: rounds go forward in time and are part of the journal's digest chain like every bid.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from engine.rules.decisions import Refusal
from engine.rules.rejections import Reject
from engine.values import DurationUs, InstantUs, NoticeId

SIGHTINGS_MAX: Final = 400
AHEAD_MAX_US: Final = DurationUs(60_000_000)
"""How far the prober's clock may be ahead of the log's; both are processes of one house."""


class Place(StrEnum):
    """Which public page was fetched."""

    PAGE = "page"
    """The notice at its permanent address."""
    WIDGET = "widget"
    """The same record as a university embeds it."""
    BOARD = "board"
    """The board itself; the notice is empty."""


class Problem(StrEnum):
    """Why a look was not good."""

    NONE = ""
    UNREACHABLE = "unreachable"
    """No connection, or it broke."""
    TIMEOUT = "timeout"
    STATUS = "status"
    """Answered, but not with 200."""
    TOO_LARGE = "too_large"
    NOT_SHOWN = "not_shown"
    """The page holds no record."""
    OTHER_RECORD = "other_record"
    """It shows another record than the one that is published."""


class Sighting(Struct, frozen=True, kw_only=True):
    """One fetched page. Digests are hexadecimal SHA-256, empty where nothing was shown."""

    place: Place
    notice: NoticeId
    at_us: InstantUs
    """When the answer was complete, or given up."""
    took_us: DurationUs
    status: int
    """Of HTTP; 0 without an answer."""
    problem: Problem
    record: str
    """Digest of the record as the page states it."""
    shown: str
    """Digest of the part of the page that shows the record, byte for byte; its content is kept beside the log."""


class RecordRound(Struct, frozen=True, kw_only=True):
    """The prober has made a round."""

    sightings: tuple[Sighting, ...]


class RoundRecorded(Struct, frozen=True, kw_only=True):
    """What the prober saw."""

    sightings: tuple[Sighting, ...]


PROBE_WIRE_NAMES: Final[Mapping[type[Any], tuple[str, int]]] = {RoundRecorded: ("probe.round", 1)}


class ProbePhase(StrEnum):
    """The stream has one phase: it goes on."""

    GOING_ON = "going_on"

    @property
    def is_final(self) -> bool:
        """Never."""
        return False


class ProbeState(Struct, frozen=True, kw_only=True):
    """How far the prober has come."""

    seq: int
    last_at_us: InstantUs
    seen_until_us: InstantUs
    """Latest sighting on record; a later round does not begin before it."""
    phase: ProbePhase = ProbePhase.GOING_ON


class ProbeAccepted(Struct, frozen=True):
    """To be recorded."""

    event: RoundRecorded


class ProbeRejected(Refusal, frozen=True):
    """Not recorded."""

    event: RoundRecorded | None = None


def decide(state: ProbeState | None, command: RecordRound, at_us: InstantUs) -> ProbeAccepted | ProbeRejected:
    """Take a round that fits: not empty, not too long, in order of time, after the round before, not from the future."""
    instants = [one.at_us for one in command.sightings]
    earliest_us = 0 if state is None else state.seen_until_us
    fits = (
        0 < len(instants) <= SIGHTINGS_MAX
        and instants == sorted(instants)
        and earliest_us <= instants[0]
        and instants[-1] <= at_us + AHEAD_MAX_US
    )
    return ProbeAccepted(RoundRecorded(sightings=command.sightings)) if fits else ProbeRejected(Reject.ROUND_UNFIT)


def evolve(state: ProbeState | None, _probe: str, event: RoundRecorded, at_us: InstantUs) -> ProbeState:
    """Return the state after a round."""
    return ProbeState(
        seq=1 if state is None else state.seq + 1, last_at_us=at_us, seen_until_us=event.sightings[-1].at_us
    )
