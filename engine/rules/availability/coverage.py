"""From single looks at a page to stretches of time: shown, away, or not looked at.

* **shown**: two good looks, one after the other, no farther apart than `longest_us`, with none between them that failed.
* **away**: from the last good look before a failed one to the first good look after it. In doubt for the reader: what lies between
  two looks counts as away on both sides of the failure, so a period is rather too long than too short.
* **unseen**: nobody looked for longer than `longest_us`. A prober that was down is no outage of the page: an unseen stretch extends
  nothing by itself. It is shown as a gap in the evidence, counted in the metrics, and an operator who knows that the page was away
  records it. When the engine itself was down, the engine records that gap on its own (`GapSource.ENGINE`), whatever the prober saw.

The publication and, for what is over, the end of the period are no looks: what lies before the first look and after the last one is
shown only if a good look is near enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct

from engine.values import DurationUs, InstantUs


class Stretch(StrEnum):
    """What is known of a stretch of time."""

    SHOWN = "shown"
    AWAY = "away"
    UNSEEN = "unseen"


class Look(Struct, frozen=True):
    """One look at the public page of a notice. `good`: it answered, and showed the record that was published."""

    at_us: InstantUs
    good: bool


class Span(Struct, frozen=True, kw_only=True):
    """A half-open stretch of time."""

    kind: Stretch
    from_us: InstantUs
    to_us: InstantUs

    @property
    def length_us(self) -> DurationUs:
        """How long it is."""
        return DurationUs(self.to_us - self.from_us)


def coverage(looks: Sequence[Look], from_us: InstantUs, to_us: InstantUs, longest_us: DurationUs) -> list[Span]:
    """Return what is known of [from_us, to_us), as spans without holes, in order; neighbours differ in kind.

    Args:
        looks: In order of time; those outside the time asked for matter for its edges.
        from_us: Begin of the publicity.
        to_us: Its end, or now.
        longest_us: Time between two looks that still proves that the page was there in between.
    """
    spans: list[Span] = []
    good_us: InstantUs | None = None
    failed = False
    at_us = min(from_us, looks[0].at_us) if looks else from_us
    for look in looks:
        if not look.good:
            failed = True
            continue
        spans.append(_between(at_us, look.at_us, good_us, failed=failed, longest_us=longest_us))
        good_us = at_us = look.at_us
        failed = False
    spans.append(_between(at_us, max(to_us, at_us), good_us, failed=failed, longest_us=longest_us))
    return _joined(_cut(spans, from_us, to_us))


def away(looks: Sequence[Look], from_us: InstantUs, to_us: InstantUs, longest_us: DurationUs) -> list[Span]:
    """Return the stretches of `coverage` in which the page was away: what is reported to the notice."""
    return [span for span in coverage(looks, from_us, to_us, longest_us) if span.kind is Stretch.AWAY]


def total_us(spans: Iterable[Span], kind: Stretch) -> DurationUs:
    """Return how long the spans of one kind are together."""
    return DurationUs(sum(span.length_us for span in spans if span.kind is kind))


def _between(
    from_us: InstantUs, to_us: InstantUs, good_us: InstantUs | None, *, failed: bool, longest_us: DurationUs
) -> Span:
    """Return what is known of the time up to a good look, or up to now. Without a look before it the edge itself is no proof,
    but a page seen soon after its publication was there from the publication on.
    """
    if failed:
        kind = Stretch.AWAY
    else:
        kind = Stretch.SHOWN if to_us - (good_us if good_us is not None else from_us) <= longest_us else Stretch.UNSEEN
    return Span(kind=kind, from_us=from_us, to_us=to_us)


def _cut(spans: Iterable[Span], from_us: InstantUs, to_us: InstantUs) -> list[Span]:
    found = []
    for span in spans:
        begin, end = max(span.from_us, from_us), min(span.to_us, to_us)
        if begin < end:
            found.append(Span(kind=span.kind, from_us=begin, to_us=end))
    return found


def _joined(spans: Iterable[Span]) -> list[Span]:
    found: list[Span] = []
    for span in spans:
        if found and found[-1].kind is span.kind:
            found[-1] = Span(kind=span.kind, from_us=found[-1].from_us, to_us=span.to_us)
        else:
            found.append(span)
    return found
