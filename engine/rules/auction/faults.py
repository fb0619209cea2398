"""When the platform could not serve: judged from what was seen, without I/O or a clock.

Three things count: the engine takes no commands, the database does not answer, most of those who were in the rooms were cut off
within seconds. What is at stake then is paused by itself (`PauseLot` of the kind FAULT), with the fault as its reason; the rules
of every halt give the remaining time back and at least one full closing window. A short trouble, a drain, few people or people
who leave are no fault. 网络司法拍卖规定 art. 28 and cases of 2018: a fault of the platform is not the bidders' risk.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from engine.rules.auction.closing import next_deadline
from engine.rules.auction.formats.terms import clock_of
from engine.rules.auction.state import LotState, Phase
from engine.values import SECOND_US, DurationUs, InstantUs


class Fault(StrEnum):
    """What the platform could not do; the reason under which sessions are paused."""

    WRITER = "fault.writer"
    """Bids could not be recorded: no writer for the shards."""
    DATABASE = "fault.database"
    CONNECTIONS = "fault.connections"


class FaultThresholds(Struct, frozen=True, kw_only=True):
    """From when on trouble is a fault."""

    silent_us: DurationUs = DurationUs(3 * SECOND_US)
    """Engine or database away for longer than this."""
    within_us: DurationUs = DurationUs(10 * SECOND_US)
    """Connections cut within this count together."""
    lost_percent: int = 60
    """At least this share of the accounts that were connected."""
    accounts_min: int = 8
    """Fewer accounts prove nothing: one network or one train can be all of them."""
    hold_us: DurationUs = DurationUs(2 * SECOND_US)
    """They are still away after this: who comes back at once lost nothing."""
    settle_us: DurationUs = DurationUs(1 * SECOND_US)
    """All must have been well for this long before a fault is over."""
    gap_us: DurationUs = DurationUs(4 * SECOND_US)
    """Two looks further apart than this tell nothing together: the process stood still, which the engine records itself."""
    longest_us: DurationUs = DurationUs(600 * SECOND_US)
    """After this people who are away have gone home."""
    near_end_us: DurationUs = DurationUs(60 * SECOND_US)
    """Sessions this close to their end are at stake, whatever their closing window."""


class Seen(Struct, frozen=True, kw_only=True):
    """What one look saw."""

    at_us: InstantUs
    engine: bool
    """It takes commands."""
    database: bool
    """It answers."""
    connected: int
    """Accounts in the rooms. Anonymous watchers do not count: anybody could open a thousand and cut them."""
    cut: Mapping[str, InstantUs]
    """Accounts whose last connection broke off without a goodbye, and when; those who came back are not here."""
    draining: bool = False
    """The process goes down in order: nothing of this is a fault."""


class Watch(Struct, frozen=True, kw_only=True):
    """What is remembered between two looks."""

    looked_at_us: InstantUs | None = None
    bad_since_us: dict[Fault, InstantUs] = {}
    well_since_us: InstantUs | None = None
    """While a fault is declared: since when nothing is wrong."""
    fault: Fault | None = None
    """Declared: sessions at stake are paused."""
    since_us: InstantUs | None = None
    lost: frozenset[str] = frozenset()
    """Who was cut off in this fault."""


def observe(watch: Watch, seen: Seen, thresholds: FaultThresholds) -> Watch:
    """Return what is known after one more look."""
    if seen.draining:
        return Watch()
    burst = _burst(watch, seen, thresholds)
    bad = {
        Fault.WRITER: not seen.engine,
        Fault.DATABASE: not seen.database,
        Fault.CONNECTIONS: burst is not None,
    }
    blind = watch.looked_at_us is not None and seen.at_us - watch.looked_at_us > thresholds.gap_us
    before = {} if blind else watch.bad_since_us
    since = {fault: before.get(fault, seen.at_us) for fault, is_bad in bad.items() if is_bad}
    if watch.fault is None:
        return _declared(since, burst or frozenset(), seen, thresholds)
    well_since_us = None if bad[watch.fault] else watch.well_since_us or seen.at_us
    if well_since_us is not None and seen.at_us - well_since_us >= thresholds.settle_us:
        return Watch(looked_at_us=seen.at_us, bad_since_us=since)
    return replace(watch, looked_at_us=seen.at_us, bad_since_us=since, well_since_us=well_since_us)


def _declared(since: dict[Fault, InstantUs], lost: frozenset[str], seen: Seen, thresholds: FaultThresholds) -> Watch:
    for fault, since_us in since.items():
        patience_us = thresholds.hold_us if fault is Fault.CONNECTIONS else thresholds.silent_us
        if seen.at_us - since_us >= patience_us:
            return Watch(looked_at_us=seen.at_us, bad_since_us=since, fault=fault, since_us=since_us, lost=lost)
    return Watch(looked_at_us=seen.at_us, bad_since_us=since)


def _burst(watch: Watch, seen: Seen, thresholds: FaultThresholds) -> frozenset[str] | None:
    """Return who was cut off, if it was most of them within seconds; in a declared fault, whether most of those are still away."""
    if watch.fault is Fault.CONNECTIONS and watch.since_us is not None:
        away = frozenset(account for account in watch.lost if account in seen.cut)
        gone_home = seen.at_us - watch.since_us > thresholds.longest_us
        return None if gone_home or not _most(len(away), seen.connected, thresholds) else away
    recent = frozenset(account for account, at in seen.cut.items() if seen.at_us - at <= thresholds.within_us)
    enough = len(recent) + seen.connected >= thresholds.accounts_min
    return recent if enough and _most(len(recent), seen.connected, thresholds) else None


def _most(away: int, connected: int, thresholds: FaultThresholds) -> bool:
    return away > 0 and 100 * away >= thresholds.lost_percent * (away + connected)


def is_at_stake(state: LotState, at_us: InstantUs, thresholds: FaultThresholds) -> bool:
    """Tell whether a session may be decided while people cannot act: in its closing window, near its end, or while a price falls."""
    if not state.phase.is_bidding:
        return False
    if state.play is not None and clock_of(state.play.terms) is not None and state.phase is Phase.OPEN:
        return True
    deadline_us = next_deadline(state)
    if deadline_us is None:
        return False
    closing = state.terms.closing
    ends_bidding = state.free_ends_at_us is None or state.phase is not Phase.OPEN
    if not ends_bidding and not closing.require_free_bid:
        return False  # the timed cycles follow
    window_us = max(closing.window_us() if ends_bidding else 0, thresholds.near_end_us)
    return at_us >= deadline_us - window_us
