"""How far a shard's stream was read: from where a new owner reads on, what is answered, and a Redis that was emptied."""

from __future__ import annotations

import pytest

from engine.bus.owned import START, Entry, EntryId, Owned, after, before, read_id, write_id

LAST = 2**64 - 1


@pytest.mark.parametrize(
    ("entry", "earlier", "later"),
    [((5, 3), (5, 2), (5, 4)), ((5, 0), (4, LAST), (5, 1)), ((5, LAST), (5, LAST - 1), (6, 0)), (START, START, (0, 1))],
)
def test_ids_before_and_after(entry: EntryId, earlier: EntryId, later: EntryId) -> None:
    assert (before(entry), after(entry)) == (earlier, later)
    assert read_id(write_id(entry)) == read_id(write_id(entry).encode()) == entry


def test_the_newest_entry_on_record_is_read_once_more() -> None:
    assert Owned(7, (3, 100), (5, 3)).cursor == (5, 2)
    assert Owned(7, (0, 0), START).cursor == START


def test_only_what_is_answered_without_a_gap_is_done() -> None:
    owned = Owned(7, (1, 1), START)
    first, second, third = entries = [Entry((5, number), 2) for number in range(3)]
    owned.entries.extend(entries)
    second.open = third.open = 0
    owned.finish()
    assert owned.done == START, "the first is still open"
    first.open = 1
    owned.finish()
    assert owned.done == START
    first.open = 0
    owned.finish()
    assert owned.done == (5, 2) and not owned.entries


@pytest.mark.parametrize("newest", [None, (4, 9)])
def test_a_stream_that_ends_before_what_was_read_is_another_one_and_nothing_of_it_is_trimmed(
    newest: EntryId | None,
) -> None:
    owned = Owned(7, (1, 1), (5, 3))
    owned.done = owned.trimmed = (5, 3)
    owned.entries.append(Entry((5, 4), 1))
    owned.fit(newest)
    assert (owned.cursor, owned.done, owned.trimmed) == (START, START, START)
    assert owned.found and not owned.entries


def test_a_stream_that_goes_on_is_read_on() -> None:
    owned = Owned(7, (1, 1), (5, 3))
    owned.fit((6, 0))
    assert owned.cursor == (5, 2) and owned.found
