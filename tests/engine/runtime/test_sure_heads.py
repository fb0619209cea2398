"""How far a log surely went when a commit ends in doubt: what flew, and what was decided on top of it, is not sure."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from engine.journal.records import Record
from engine.runtime.book import Batch
from engine.runtime.clock import SteadyClock
from engine.runtime.rulebook import LOT_RULES
from engine.runtime.writer import Writer
from engine.values import InstantUs


def batch(*places: tuple[int, int]) -> Batch[Any, Any, Any]:
    """A batch of records at these (shard, seq)."""
    made: Batch[Any, Any, Any] = Batch()
    made.records = [
        Record(
            shard,
            seq,
            1,
            "lot/a",
            seq,
            "lot.bid_accepted",
            1,
            InstantUs(seq),
            None,
            None,
            None,
            "p",
            b"",
            b"",
            b"",
            b"",
        )
        for shard, seq in places
    ]
    return made


@pytest.mark.parametrize(
    ("unsure", "sure"),
    [
        ((), {2: 46, 5: 9}),
        ((batch(), batch((2, 43), (2, 44), (5, 9))), {2: 42, 5: 8}),
        ((batch((2, 41), (5, 9), (2, 42)), batch((2, 43), (2, 46))), {2: 40, 5: 8}),
        ((batch((2, 41)), batch((5, 9))), {2: 40, 5: 8}),
    ],
)
def test_the_first_unsure_record_of_a_shard_counts(
    unsure: tuple[Batch[Any, Any, Any], ...], sure: dict[int, int]
) -> None:
    journal: Any = SimpleNamespace()
    writer = Writer(journal, SteadyClock(), "one", (2, 5), LOT_RULES)
    book: Any = SimpleNamespace(heads=lambda: {2: 46, 5: 9})
    writer._book = book
    writer._note_heads(unsure)
    assert writer._sure_heads == sure


async def test_a_second_failure_before_serving_again_makes_nothing_sure() -> None:
    journal: Any = SimpleNamespace()
    writer = Writer(journal, SteadyClock(), "one", (2, 5), LOT_RULES)
    book: Any = SimpleNamespace(heads=lambda: {2: 46, 5: 9})
    writer._book, writer._served = book, True
    writer._flying, writer._ahead = batch((2, 41)), batch((2, 43))
    await writer._drop_open()  # the commit was in doubt
    await writer._drop_open()  # and the database refused the shards: the book is still the old one
    assert writer._sure_heads == {2: 40, 5: 9}
