"""How a broken promise is told."""

from __future__ import annotations

from engine.journal.records import Record

CLOCK_SLACK_US = 250_000
"""How far the clocks of simulated engines may be apart, plus the step of the service monitor."""


class Broken(AssertionError):
    """A promise is broken."""


def expect(holds: bool, promise: str, record: Record) -> None:
    """Raise `Broken` unless the promise holds at this record."""
    if not holds:
        raise Broken(
            f"{promise}: {record.stream} event {record.stream_seq} ({record.type}) at {record.at_us} {record.body!r}"
        )
