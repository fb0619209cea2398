"""Recorded sessions of other formats through the real rules: each with the answer that a reader of its rule expects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.replay.driver import replay_in_memory
from engine.replay.errors import BadLine
from engine.replay.format import read_recording


def lot(format_: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "lot",
        "lot": "a",
        "format": format_,
        "start": "0",
        "opens_at": 0,
        "increment": {"fixed": "1"},
        **more,
    }


def bid(at: int, bidder: str, amount: str, **more: Any) -> dict[str, Any]:
    return {"kind": "bid", "lot": "a", "at": at, "bidder": bidder, "amount": amount, **more}


CLOCK = {"start": "10", "step": "1", "step_ms": 60_000, "floor": "5"}
SEALED = {"closes_at": 1_000}


@pytest.mark.parametrize(
    ("lines", "winner", "price"),
    [
        ([lot("dutch", **CLOCK), bid(130_000, "x", "9"), bid(130_001, "y", "9")], "x", "8"),
        ([lot("dutch", **CLOCK), bid(10, "x", "9"), bid(130_001, "y", "9")], "y", "8"),  # x came before his price
        ([lot("dutch", **CLOCK)], None, None),
        ([lot("sealed_first", **SEALED), bid(1, "x", "7"), bid(2, "y", "9")], "y", "9"),
        ([lot("sealed_first", **SEALED), bid(1, "x", "7"), bid(2, "x", "3")], "x", "3"),  # the last one is in force
        ([lot("sealed_second", **SEALED), bid(1, "x", "7"), bid(2, "y", "9")], "y", "7"),
        ([lot("sealed_second", reserve="8", **SEALED), bid(1, "x", "7"), bid(2, "y", "9")], "y", "8"),
        (
            [
                lot("sealed_lowest", reserve="8", floor="5", **SEALED),
                bid(1, "x", "4"),
                bid(2, "y", "6"),
                bid(3, "z", "9"),
            ],
            "y",
            "6",
        ),
        (
            [lot("sealed_lowest", reserve="8", **SEALED), bid(1, "x", "4", refused="late papers"), bid(2, "y", "6")],
            "y",
            "6",
        ),
    ],
)
async def test_one_unit(lines: list[dict[str, Any]], winner: str | None, price: str | None) -> None:
    (result,) = await replay_in_memory(read_recording(json.dumps(line).encode() for line in lines))
    assert (result.winner, result.price) == (winner, price)


@pytest.mark.parametrize(("format_", "prices"), [("multi_pay_as_bid", ["9", "7.5"]), ("multi_uniform", ["7.5", "7.5"])])
async def test_several_units(format_: str, prices: list[str]) -> None:
    lines = [lot(format_, quantity="3", **SEALED), bid(1, "x", "9", quantity="2"), bid(2, "y", "7.5", quantity=2)]
    (result,) = await replay_in_memory(read_recording(json.dumps(line).encode() for line in lines))
    assert result.allocations is not None
    assert [(one.bidder, one.quantity, one.price) for one in result.allocations] == [
        ("x", "2", prices[0]),
        ("y", "1", prices[1]),
    ]


async def test_a_replay_gives_the_same_answer_whenever_it_is_run() -> None:
    lines = [lot("sealed_first", tie="lot", **SEALED), *(bid(n, f"b{n}", "5") for n in range(1, 8))]
    encoded = [json.dumps(line).encode() for line in lines]
    results = [await replay_in_memory(read_recording(encoded)) for _ in range(2)]
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([lot("dutch", start="10", floor="5")], "a falling price needs step and step_ms"),
        ([lot("dutch", **{**CLOCK, "floor": "11"})], "clock: out_of_range"),
        ([lot("sealed_first")], "closing: exactly_one_way"),
        ([lot("sealed_first", proxy=True, **SEALED)], "closing: nothing_extends_here"),
        ([lot("sealed_first", **SEALED), bid(1, "x", "5", quantity="2")], "formats that sell several units"),
        ([lot("multi_uniform", quantity="0", **SEALED)], "a quantity is a whole number"),
        ([lot("multi_uniform", **SEALED), bid(1, "x", "5", quantity="x")], "a quantity is a whole number"),
        ([lot("sealed_first", **SEALED), {**bid(1, "x", "5"), "maximum": "6"}], "an amount and no maximum"),
    ],
)
def test_what_no_session_can_be_held_under_is_refused(lines: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(BadLine, match=words):
        read_recording(json.dumps(line).encode() for line in lines)
