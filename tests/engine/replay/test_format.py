"""Reading recordings: what the fields mean, and what is refused with the line named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.replay import format as replay_format
from engine.replay.errors import BadLine
from engine.replay.format import LINE_MAX, read_recording
from engine.rules.auction.terms import ExtensionFrom, FixedIncrement, LadderIncrement, PercentIncrement, Reserve
from tests.engine.replay.recordings import bid, lot, read

# The lines printed in the design: first bid starts a day, a quarter of an hour of extension, raises of 10 %.
DESIGN_LOT = (
    b'{"kind":"lot","lot":"a1","format":"english","start":"0","opens_at":0,"closes_at":null,"reserve":"0.50",'
    b'"reserve_public":true,"first_bid_clock_ms":86400000,"extension_ms":900000,"extension_window_ms":900000,'
    b'"increment":{"percent":"10"},"proxy":false,"tie":"earliest"}\n'
)
DESIGN_BID = b'{"kind":"bid","lot":"a1","at":1613000000000,"bidder":"x","amount":"0.55","maximum":null}\n'


def test_the_lines_of_the_design() -> None:
    recording = read([DESIGN_LOT, DESIGN_BID])
    (found,), (placed,) = recording.lots, recording.bids
    assert found.terms.reserve == Reserve(50, public=True)  # type: ignore[arg-type]
    assert found.terms.increment == PercentIncrement(100_000)
    assert found.terms.closing.extension_from is ExtensionFrom.BID_TIME
    assert not found.terms.proxy
    assert (placed.at_us, placed.bidder, placed.amount, placed.maximum) == (1_613_000_000_000_000, "x", 55, None)


@pytest.mark.parametrize(
    "increment, expected",
    [
        ({"fixed": "1"}, FixedIncrement(100)),  # type: ignore[arg-type]
        ({"percent": "0.6667"}, PercentIncrement(6_667)),
        ({"ladder": [["0", "0.05"], ["1", "0.25"]]}, LadderIncrement(((0, 5), (100, 25)))),  # type: ignore[arg-type]
    ],
)
def test_increments(increment: dict[str, Any], expected: object) -> None:
    (found,) = read([lot(closes_at=9, increment=increment)]).lots
    assert found.terms.increment == expected


def test_a_currency_holds_for_the_lots_that_follow() -> None:
    eth = {"kind": "currency", "code": "ETH", "exponent": 18}
    recording = read(
        [
            lot("a", closes_at=9),
            eth,
            lot("b", closes_at=9),
            bid(1, "x", "0.000000000000000001", name="b"),
            bid(2, "x", "1", name="a"),
        ]
    )
    assert [found.terms.currency.code for found in recording.lots] == ["CNY", "ETH"]
    assert [placed.amount for placed in recording.bids] == [1, 100]


def test_absent_null_and_zero_lengths_mean_none() -> None:
    nulls = dict.fromkeys(
        ("opens_at", "reserve", "reserve_public", "first_bid_clock_ms", "extension_ms", "extension_window_ms",
         "extension_from", "hard_end", "extensions_max", "free_period_ms", "limited_cycle_ms", "proxy", "tie")
    )  # fmt: skip
    zeros = {"extension_ms": 0, "extension_window_ms": 0, "first_bid_clock_ms": 0, "free_period_ms": 0, "reserve": "0"}
    absent, null, zero = read(
        [lot("a", closes_at=9), lot("b", closes_at=9, **nulls), lot("c", closes_at=9, **zeros)]
    ).lots
    assert absent.terms == null.terms == zero.terms


def test_bids_are_played_in_order_of_arrival_and_of_the_lines() -> None:
    recording = read([lot(closes_at=99), bid(7, "x", "12"), bid(5, "y", "10"), bid(7, "z", "13"), bid(5, "w", "11")])
    assert [placed.bidder for placed in recording.bids] == ["y", "w", "x", "z"]


def test_empty_lines_are_passed_over() -> None:
    assert len(read([b"\n", lot(closes_at=9), b"  \n"]).lots) == 1


GOOD = lot(closes_at=9)


@pytest.mark.parametrize(
    "lines, words",
    [
        ([b"{"], "line 1: Input data was truncated"),
        ([b"[]"], "line 1: Expected `object`"),
        ([b"\xff"], "line 1: "),
        ([{"kind": "offer"}], "line 1: Invalid value 'offer'"),
        ([GOOD, {**GOOD, "lot": "b", "colour": "red"}], "line 2: Object contains unknown field `colour`"),
        ([GOOD, GOOD], "line 2: the lot 'a' is described twice"),
        ([GOOD, bid(1, "x", "12", name="b")], "line 2: a bid on 'b' before its lot line"),
        ([bid(1, "x", "12"), GOOD], "line 1: a bid on 'a' before its lot line"),
        ([GOOD, bid(1, "x")], "line 2: a bid has an amount, a maximum or both"),
        ([GOOD, bid(1, "x", "12.345")], "line 2: '12.345' is no CNY amount with at most 2 decimals"),
        ([GOOD, bid(1, "x", "-12")], "line 2: '-12' is no CNY amount"),
        ([GOOD, bid(1, "x", "1e3")], "line 2: '1e3' is no CNY amount"),
        ([GOOD, {**bid(1, "x"), "amount": 12}], "line 2: Expected `str | null`, got `int` - at `$.amount`"),
        ([GOOD, bid(-1, "x", "12")], "line 2: Expected `int` >= 0 - at `$.at`"),
        ([GOOD, bid(10**13, "x", "12")], "line 2: Expected `int` <= 8000000000000 - at `$.at`"),
        ([GOOD, {**bid(1, "x", "12"), "at": 1.5}], "line 2: Expected `int`, got `float` - at `$.at`"),
        ([GOOD, bid(1, "", "12")], "line 2: Expected `str` of length >= 1 - at `$.bidder`"),
        ([GOOD, bid(1, "x\0", "12")], "line 2: the bidder name 'x\\x00' has characters that cannot be printed"),
        ([GOOD, {**bid(1, "x", "12"), "quantity": "3"}], "line 2: a quantity belongs to formats that sell several units"),
        ([lot()], "line 1: no session can be held under these terms: closing: exactly_one_way"),
        ([lot(closes_at=9, first_bid_clock_ms=9)], "closing: exactly_one_way"),
        ([lot(closes_at=9, extension_window_ms=3)], "closing: window_needs_extension"),
        ([lot(opens_at=9, closes_at=8)], "closing: closes_before_opening"),
        ([lot(closes_at=9, increment={})], "line 1: an increment is one of fixed, percent, ladder"),
        ([lot(closes_at=9, increment={"fixed": "1", "percent": "1"})], "an increment is one of fixed, percent, ladder"),
        ([lot(closes_at=9, increment={"ladder": [["1", "1"]]})], "increment: ladder_starts_at_zero"),
        ([lot(closes_at=9, extension_from="start")], "line 1: Invalid enum value 'start' - at `$.extension_from`"),
        ([lot(closes_at=9, tie="random")], "line 1: Invalid enum value 'random' - at `$.tie`"),
        ([{"kind": "currency", "code": "ETH", "exponent": 25}], "line 1: Expected `int` <= 24 - at `$.exponent`"),
        ([b" " * 9 + b"{" * LINE_MAX], f"line 1: longer than {LINE_MAX} bytes"),
    ],
)  # fmt: skip
def test_what_is_not_in_the_format_is_refused_with_its_line(lines: list[Any], words: str) -> None:
    with pytest.raises(BadLine) as caught:
        read(lines)
    assert words in str(caught.value)
    assert str(caught.value).startswith("line ")


@pytest.mark.parametrize("name", ["candle", "swap"])
def test_other_formats_are_refused_by_name_whatever_fields_they_have(name: str) -> None:
    lines = [GOOD, {"kind": "lot", "lot": "b", "format": name, "quantity": "5", "price_falls_by": "3"}]
    with pytest.raises(BadLine, match=rf"line 2: the format '{name}' is not supported; supported: english"):
        read(lines)
    with pytest.raises(BadLine, match=rf"line 1: the format '{name}' is not supported; supported: english"):
        read([lot(format=name, closes_at=9)])


def test_a_recording_has_a_greatest_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_format, "LINES_MAX", 3)
    lines = [json.dumps(GOOD).encode(), *[json.dumps(bid(1, "x", "12")).encode()] * 3]
    assert len(read_recording(lines[:3]).bids) == 2
    with pytest.raises(BadLine, match="more than 3 lines"):
        read_recording(lines)
