"""Lots of one group close one after another: when an earlier lot is extended, the ends of the later ones move by as much."""

from __future__ import annotations

from collections.abc import Iterable

from engine.rules.auction.commands import ShiftClosing
from engine.rules.auction.events import BidAccepted, Event
from engine.rules.auction.state import LotState
from engine.rules.auction.terms import ExtensionScope
from engine.values import DurationUs, LotId, group_of


def place_in_group(lot_id: LotId) -> int:
    """Return the number after the dot, 0 for a lot on its own."""
    _, _, number = lot_id.partition(".")
    return int(number) if number else 0


def group_shifts(
    before: LotState, event: Event, seq: int, others: Iterable[LotState]
) -> list[tuple[LotId, ShiftClosing]]:
    """Return what an event on one lot does to the later lots of its group, in their order; usually nothing.

    Args:
        before: The extended lot before the event.
        event: What happened to it.
        seq: The event's place in its lot's sequence.
        others: Lots that may be in the same group; others are passed over.
    """
    if not isinstance(event, BidAccepted) or not event.extended:
        return []
    if before.terms.closing.extension_scope is not ExtensionScope.GROUP or before.closes_at_us is None:
        return []
    assert event.closes_at_us is not None
    by_us = DurationUs(event.closes_at_us - before.closes_at_us)
    group, place = group_of(before.lot_id), place_in_group(before.lot_id)
    later = [
        lot
        for lot in others
        if group_of(lot.lot_id) == group and place_in_group(lot.lot_id) > place and not lot.phase.is_final
    ]
    later.sort(key=lambda lot: place_in_group(lot.lot_id))
    shift = ShiftClosing(by_us=by_us, cause_lot_id=before.lot_id, cause_seq=seq)
    return [(lot.lot_id, shift) for lot in later]
