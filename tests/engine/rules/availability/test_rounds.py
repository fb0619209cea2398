"""Rounds of the prober: what is taken into the log, and how it comes back."""

from __future__ import annotations

from typing import Any

import pytest

from engine.journal.codec import decode_event, encode_event
from engine.rules.availability.probing import (
    AHEAD_MAX_US,
    SIGHTINGS_MAX,
    Place,
    ProbeAccepted,
    Problem,
    RecordRound,
    RoundRecorded,
    Sighting,
    decide,
    evolve,
)
from engine.rules.rejections import Reject
from engine.values import DurationUs, InstantUs, NoticeId


def seen(at_us: int, **more: Any) -> Sighting:
    given = {
        "place": Place.PAGE, "notice": NoticeId("n-1"), "took_us": DurationUs(5), "status": 200, "problem": Problem.NONE,
        "record": "ab" * 32, "shown": "cd" * 32, **more,
    }  # fmt: skip
    return Sighting(at_us=InstantUs(at_us), **given)


def after(*instants: int) -> Any:
    return evolve(None, "site", RoundRecorded(sightings=tuple(seen(at) for at in instants)), InstantUs(instants[-1]))


@pytest.mark.parametrize(
    ("name", "instants", "fits"),
    [
        ("a round in order", [101, 102, 102], True),
        ("it may begin at the instant of the last look", [100], True),
        ("nothing seen", [], False),
        ("not in order", [103, 102], False),
        ("before what is on record already", [99, 101], False),
        ("a clock a little ahead", [1_000 + AHEAD_MAX_US], True),
        ("from the future", [1_001 + AHEAD_MAX_US], False),
        ("as long as a round may be", [101] * SIGHTINGS_MAX, True),
        ("too long", [101] * (SIGHTINGS_MAX + 1), False),
    ],
)
def test_which_rounds_are_taken(name: str, instants: list[int], fits: bool) -> None:
    command = RecordRound(sightings=tuple(seen(at) for at in instants))
    decision = decide(after(90, 100), command, InstantUs(1_000))
    if fits:
        assert decision == ProbeAccepted(RoundRecorded(sightings=command.sightings)), name
    else:
        assert decision.event is None, name
        assert decision.code is Reject.ROUND_UNFIT  # type: ignore[union-attr]


def test_the_first_round_begins_the_stream_and_each_moves_it_on() -> None:
    state = after(50, 60)
    assert (state.seq, state.seen_until_us, state.phase.is_final) == (1, 60, False)
    state = evolve(state, "site", RoundRecorded(sightings=(seen(70),)), InstantUs(75))
    assert (state.seq, state.last_at_us, state.seen_until_us) == (2, 75, 70)


def test_a_round_comes_back_from_its_bytes() -> None:
    event = RoundRecorded(
        sightings=(
            seen(1, place=Place.BOARD, notice=NoticeId(""), record="", shown=""),
            seen(2, status=503, problem=Problem.STATUS),
        )
    )
    name, version, body = encode_event(event)
    assert (name, version) == ("probe.round", 1)
    assert decode_event(name, version, body) == event
