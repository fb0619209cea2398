"""The checker from outside must find what it is there to find: each contradiction is planted by hand, and an honest market passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loadtests.faults.checking import Fate, Record, check
from loadtests.faults.journals import Answered, Journal, Saw, Sent

A, B, C, LATE = "a" * 32, "b" * 32, "c" * 32, "d" * 32


class Case:
    """An honest run on lot `x`: Ann and Bob bid, Bob is refused once, the lot is sold at 102 at the instant 40."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = [
            {"seq": 1, "at_us": 1, "kind": "published"},
            {"seq": 3, "at_us": 10, "kind": "bid", "code": "P1", "price": "101"},
            {"seq": 5, "at_us": 30, "kind": "bid", "code": "P2", "price": "102"},
            {"seq": 6, "at_us": 41, "kind": "sold", "price": "102"},
        ]
        self.ended_at_us: int | None = 40
        self.fates: dict[str, Fate | None] = {
            A: Fate(True, 3, 10, "da"),
            B: Fate(True, 5, 30, "db"),
            C: Fate(False, 4, 20, "dc"),
            LATE: Fate(False, 7, 45, "dl"),
        }
        self.ann, self.bob = Journal("Ann"), Journal("Bob")
        self.ann.code["x"], self.bob.code["x"] = "P1", "P2"
        self.ann.sent = [Sent(1.0, "x", A, 101), Sent(1.2, "x", A, 101), Sent(4.5, "x", LATE, 103)]
        self.ann.answered = [self.told(1.5, A, price=101), self.told(5.0, LATE, code="late")]
        self.bob.sent = [Sent(2.0, "x", C, 101), Sent(3.0, "x", B, 102)]
        self.bob.answered = [self.told(2.5, C, code="bid_below_minimum"), self.told(3.5, B, price=102)]
        self.bob.saw = [Saw(0.5, "x", 1, None, False), Saw(1.6, "x", 3, 101, False), Saw(4.0, "x", 6, 102, True)]
        self.bob.rows = {("x", row["seq"]): row for row in self.rows}

    def told(self, at_s: float, command_id: str, price: int | None = None, code: str = "") -> Answered:
        """The answer that fits the fate of this command."""
        fate = self.fates[command_id]
        assert fate is not None
        return Answered(at_s, "x", command_id, fate.accepted, fate.seq, fate.at_us, fate.digest, price, code)

    def found(self) -> dict[str, int]:
        """What the checker says, without the zeros."""
        record = Record(self.rows, self.ended_at_us, self.fates)
        return {kind: count for kind, count in check([self.ann, self.bob], {"x": record}).counts().items() if count}


def test_an_honest_market_passes() -> None:
    case = Case()
    verdict = check([case.ann, case.bob], {"x": Record(case.rows, case.ended_at_us, case.fates)})
    assert verdict.findings == []
    assert (verdict.sent, verdict.acknowledged, verdict.refused, verdict.views) == (4, 2, 2, 3)
    assert "lost 0, duplicated 0, reordered 0, late 0, unfounded 0" in verdict.text()


def test_a_bid_that_was_never_answered_may_stand_or_not() -> None:
    case = Case()
    case.bob.answered = []
    assert case.found() == {}
    case.fates[C] = None
    assert case.found() == {}


PLANTED: dict[str, tuple[Callable[[Case], object], str]] = {
    "an acknowledged bid is unknown": (lambda c: c.fates.update({A: None}), "lost"),
    "an acknowledged bid is not in the public record": (lambda c: c.rows.pop(1), "lost"),
    "an accepted bid stands as refused": (lambda c: c.fates.update({A: Fate(False, 3, 10, "da")}), "lost"),
    "an accepted bid stands elsewhere": (lambda c: c.fates.update({A: Fate(True, 5, 10, "da")}), "lost"),
    "it stands with another digest": (lambda c: c.fates.update({B: Fate(True, 5, 30, "other")}), "lost"),
    "a refusal on record is gone": (lambda c: c.fates.update({C: None}), "lost"),
    "it was accepted at another price": (lambda c: c.rows[1].update(price="100"), "lost"),
    "one bid stands twice": (lambda c: c.rows.insert(3, {**c.rows[2], "seq": 6, "price": "103"}), "duplicated"),
    "one bid was answered in two ways": (
        lambda c: c.ann.answered.append(Answered(1.7, "x", A, True, 4, 10, "da", 101, "")), "duplicated"),
    "two bids stand at one place": (lambda c: c.fates.update({C: Fate(False, 3, 10, "dc")}), "duplicated"),
    "a bid was sent after the answer to one that stands behind it": (
        lambda c: c.ann.sent.__setitem__(slice(0, 2), [Sent(3.7, "x", A, 101)]), "reordered"),
    "the record runs back in time": (lambda c: c.rows[2].update(at_us=9), "reordered"),
    "the record runs back in number": (lambda c: c.rows.reverse(), "reordered"),
    "the price does not rise": (lambda c: c.rows[2].update(price="101"), "reordered"),
    "a bid was accepted at the end": (lambda c: setattr(c, "ended_at_us", 30), "late"),
    "a bid stands behind the end": (
        lambda c: c.rows.append({"seq": 7, "at_us": 39, "kind": "bid", "code": "P1", "price": "103"}), "late"),
    "a bid was refused as late before the end": (lambda c: setattr(c, "ended_at_us", 46), "late"),
    "a bid was sent after the end was shown and accepted": (
        lambda c: c.fates.update({LATE: Fate(True, 5, 30, "db")}), "late"),
    "it ended twice": (lambda c: c.rows.append({"seq": 8, "at_us": 50, "kind": "passed"}), "late"),
    "it was sold while interrupted": (
        lambda c: c.rows.insert(3, {"seq": 6, "at_us": 35, "kind": "interrupted"}), "late"),
    "a price was shown that was never committed": (lambda c: c.bob.saw.append(Saw(3.6, "x", 5, 999, False)), "unfounded"),
    "a price was shown before its bid": (lambda c: c.bob.saw.append(Saw(1.1, "x", 1, 101, False)), "unfounded"),
    "a row was shown that is not on record": (
        lambda c: c.bob.rows.update({("x", 9): {"seq": 9, "kind": "bid", "price": "104"}}), "unfounded"),
    "a row was shown otherwise than it is": (
        lambda c: c.bob.rows.update({("x", 3): {**c.rows[1], "price": "100"}}), "unfounded"),
    "a bid stands under another's code": (lambda c: c.ann.code.update(x="P9"), "unfounded"),
}  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED)
def test_every_planted_contradiction_is_found(planted: str) -> None:
    case = Case()
    plant, kind = PLANTED[planted]
    plant(case)
    assert kind in case.found()


def test_a_session_that_was_resumed_may_be_sold() -> None:
    case = Case()
    case.rows[3:3] = [{"seq": 6, "at_us": 31, "kind": "interrupted"}, {"seq": 7, "at_us": 32, "kind": "resumed"}]
    case.rows[-1]["seq"] = 8
    case.fates[LATE] = Fate(False, 9, 45, "dl")
    case.ann.answered[1] = case.told(5.0, LATE, code="late")
    case.bob.saw[2], case.bob.rows = Saw(4.0, "x", 8, 102, True), {}
    assert case.found() == {}


def test_a_journal_keeps_bids_answers_and_what_was_shown() -> None:
    journal = Journal("Ann")
    bid = {"t": "bid", "id": "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa", "lot": "x", "amount": "101"}
    row = {"seq": 3, "kind": "bid", "price": "101"}
    shown = {"lot": "x", "seq": 3, "live": {"price": "101", "phase": "open"}, "rows": [row]}
    journal.note_sent({"t": "join", "lot": "x"}, 0.1)
    journal.note_sent(bid, 0.2)
    journal.note_heard({"t": "rejected", "id": bid["id"], "lot": "x", "code": "busy", "seq": None}, 0.3)
    journal.note_heard(
        {"t": "accepted", "id": bid["id"], "lot": "x", "seq": 3, "at_us": 10, "digest": "da", "price": "101"}, 0.4
    )
    journal.note_heard({"t": "snapshot", **shown, "you": {"code": "P1"}}, 0.5)
    journal.note_heard({"t": "change", **shown, "rows": [{**row, "price": "100"}]}, 0.6)
    assert journal.sent == [Sent(0.2, "x", A, 101)]
    assert journal.answered == [Answered(0.4, "x", A, True, 3, 10, "da", 101, "")]
    assert journal.saw == [Saw(0.5, "x", 3, 101, False), Saw(0.6, "x", 3, 101, False)]
    assert journal.code == {"x": "P1"}
    assert journal.conflicts == ["x: Ann was shown row 3 in two ways"]
