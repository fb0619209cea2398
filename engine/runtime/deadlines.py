"""Deadlines: wakes the writer when the next lot or listing changes by itself. It only wakes; what is due is decided from the state."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Final

from engine.runtime.clock import Clock
from engine.values import InstantUs, SubjectId

SLEEP_MAX_S: Final = 0.5
"""The longest sleep between two looks at the clock, so that a corrected clock is noticed soon."""


class Deadlines:
    """The next deadline of each lot or listing, and one timer for the earliest."""

    def __init__(self, clock: Clock, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._wake = wake
        self._due: dict[SubjectId, InstantUs] = {}
        self._heap: list[tuple[InstantUs, SubjectId]] = []
        self._timer: asyncio.TimerHandle | None = None

    def plan(self, subject_id: SubjectId, due_us: InstantUs | None) -> None:
        """Set or forget a next deadline."""
        if self._due.get(subject_id) == due_us:
            return
        if due_us is None:
            self._due.pop(subject_id, None)
            return
        self._due[subject_id] = due_us
        heapq.heappush(self._heap, (due_us, subject_id))
        if self._timer is None or self._heap[0][1] == subject_id:
            self._arm()

    def take_due(self, now_us: InstantUs) -> list[SubjectId]:
        """Return those whose deadline has come, earliest first; each is forgotten until it is planned again."""
        found: list[SubjectId] = []
        if not self._heap or (self._timer is not None and self._heap[0][0] > now_us):
            return found
        while self._heap and self._heap[0][0] <= now_us:
            due_us, subject_id = heapq.heappop(self._heap)
            if self._due.get(subject_id) == due_us:
                del self._due[subject_id]
                found.append(subject_id)
        self._arm()
        return found

    def clear(self) -> None:
        """Forget everything and stop the timer."""
        self._due.clear()
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if self._heap:
            delay_s = max(0.0, (self._heap[0][0] - self._clock.now_us()) / 1e6)
            self._timer = asyncio.get_running_loop().call_later(min(delay_s, SLEEP_MAX_S), self._look)

    def _look(self) -> None:
        self._timer = None
        if self._heap and self._heap[0][0] <= self._clock.now_us():
            self._wake()
        else:
            self._arm()
