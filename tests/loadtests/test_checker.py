"""The checker must find what it is there to find: each fault is made by hand, and an honest log passes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from loadtests.checker import LogRow, Told, check, check_view, told_by


def row(seq: int, kind: str, at_us: int, command: str | None = None, **body: Any) -> LogRow:
    """A row of lot `a`."""
    return LogRow("a", seq, kind, at_us, command, f"digest{seq}", body)


def bid(seq: int, at_us: int, command: str, price: int) -> LogRow:
    """An accepted bid."""
    return row(seq, "lot.bid_accepted", at_us, command, price=str(price), price_changed=True)


HONEST = [
    row(1, "lot.published", 5),
    bid(2, 10, "c1", 100),
    bid(3, 20, "c2", 101),
    row(4, "lot.bid_rejected", 25, "c3", reject="bid_below_minimum"),
    row(5, "lot.sold", 31, price="101", ended_at_us=30),
    row(6, "lot.bid_rejected", 32, "c4", reject="late"),
]
TOLD = [
    Told("a", "c1", True, 2, 10, "digest2"),
    Told("a", "c2", True, 3, 20, "digest3"),
    Told("a", "c3", False, 4, 25, "digest4", "bid_below_minimum"),
]


def test_an_honest_log_passes_even_with_bids_nobody_was_told_about() -> None:
    verdict = check(HONEST, TOLD)
    assert verdict.problems == []
    assert (verdict.told_accepted, verdict.told_rejected, verdict.lots_ended) == (2, 1, 1)
    assert "every promise kept" in verdict.text()


def changed(at: int, **fields: Any) -> list[LogRow]:
    """The honest log with one row changed."""
    return [*HONEST[:at], msgspec.structs.replace(HONEST[at], **fields), *HONEST[at + 1 :]]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (changed(1, command_id=None), "is not in the log"),
        (changed(3, command_id="c2"), "in the log 2 times"),
        (changed(2, kind="lot.bid_rejected", body={"reject": "late"}), "recorded as lot.bid_rejected"),
        (changed(1, digest="other"), "another place, time or digest"),
        (changed(1, at_us=11), "another place, time or digest"),
        (changed(4, seq=7), "carries seq 7"),
        (changed(3, at_us=15), "time runs back at seq 4"),
        (changed(2, body={"price": "100", "price_changed": True}), "does not rise"),
        (changed(4, body={"price": "100", "ended_at_us": 30}), "the last price was 101"),
        (changed(4, body={"price": "101", "ended_at_us": 20}), "accepted 0 µs after the end"),
        (changed(5, kind="lot.bid_accepted", body={"price": "102", "price_changed": True}), "after the end"),
        (changed(3, body={"reject": "late"}), "refused as late 5 µs before the end"),
        (changed(4, kind="lot.passed", body={"reason": "no_bid", "ended_at_us": 30}), "for want of bids"),
        (changed(5, kind="lot.sold", body={"price": "101", "ended_at_us": 30}), "ended 2 times"),
    ],
)  # fmt: skip
def test_every_fault_is_found(rows: list[LogRow], words: str) -> None:
    assert any(words in problem for problem in check(rows, TOLD).problems)


def test_one_command_told_in_two_ways_is_found() -> None:
    twice = [*TOLD, Told("a", "c1", True, 3, 20, "digest3")]
    assert any("in two ways" in problem for problem in check(HONEST, twice).problems)


def test_answers_off_the_record_are_not_held_against_the_log() -> None:
    assert told_by({"t": "rejected", "id": "x", "lot": "a", "code": "busy", "seq": None}) is None
    assert told_by({"t": "pong", "n": 1}) is None
    frame = {"t": "accepted", "id": "ab-cd", "lot": "a", "seq": 2, "at_us": 10, "digest": "d"}
    assert told_by(frame) == Told("a", "abcd", True, 2, 10, "d")


def test_a_view_must_have_every_public_row_and_no_other() -> None:
    public: list[dict[str, Any]] = [{"seq": seq, "price": str(seq)} for seq in (2, 3, 5)]
    whole = {row["seq"]: row for row in public}
    assert check_view("a", whole, public, first_seq=1, last_seq=6) == []
    assert "missed 1 rows, the first is 3" in check_view("a", {2: public[0], 5: public[2]}, public, 1, 6)[0]
    assert check_view("a", {5: public[2]}, public, first_seq=3, last_seq=6) == []
    assert "otherwise" in check_view("a", {**whole, 3: {"seq": 3, "price": "9"}}, public, 1, 6)[0]
