"""The replay format of listings is read strictly; an error names its line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.replay.errors import BadLine
from engine.replay.listing_driver import replay_listings
from engine.replay.listing_format import read_listings

LISTING = {"kind": "listing", "listing": "w", "at": 1000, "seller": "s"}


def read(*lines: dict[str, Any]) -> Any:
    return read_listings(json.dumps(line).encode() for line in lines)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([LISTING, LISTING], "line 2: the listing 'w' is described twice"),
        ([{"kind": "ask", "listing": "w", "at": 1, "amount": "1"}], "line 1: the listing 'w' is described nowhere"),
        ([LISTING, {"kind": "ask", "listing": "w", "at": 1, "amount": "1"}], "line 2: earlier than the line before"),
        ([LISTING, {"kind": "offer", "listing": "w", "at": 2000, "buyer": "b", "amount": "x"}], "line 2: 'x' is no CNY amount"),
        ([LISTING, {"kind": "offer", "listing": "w", "at": 2000, "buyer": "b"}], "line 2: .*amount"),
        ([{**LISTING, "colour": "red"}], "line 1: .*colour"),
        ([{**LISTING, "kind": "lot"}], "line 1: "),
    ],
)  # fmt: skip
def test_what_cannot_be_read(lines: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(BadLine, match=says):
        read(*lines)


def test_a_refused_line_is_named() -> None:
    bid = {"kind": "offer", "listing": "w", "at": 2000, "buyer": "b", "amount": "2"}
    (result,) = replay_listings(read(LISTING, bid, {**bid, "buyer": "c"}, {**bid, "kind": "accept"}))
    assert (result.state, result.owner, result.way, result.price, result.closed_at) == (
        "signed",
        "b",
        "offer",
        "2",
        2000,
    )
    assert [(row.line, row.kind, row.code) for row in result.refused] == [(3, "offer", "offer_not_higher")]
