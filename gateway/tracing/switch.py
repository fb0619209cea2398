"""Where tracing is switched on: what the engine and the site are given then, and what they are given otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp.typedefs import Middleware

from engine.bus.local import Envelope
from engine.journal.records import Record

if TYPE_CHECKING:
    from gateway.tracing.spans import Tracing

Commit = Callable[[int, float], None]


class TracingMissing(Exception):
    """ORTOO_TRACING_URL is set and the extra `tracing` is not installed."""


class Hooks(NamedTuple):
    """What those who are traced call. Without tracing they do nothing, and the last two are not there at all."""

    on_commit: Commit
    publish: Callable[[Sequence[Record]], None]
    tap: Callable[[Envelope[Any]], None] | None = None
    middlewares: tuple[Middleware, ...] = ()


def hooks(
    url: str, ratio: float, on_commit: Commit, closing: Callable[[Callable[[], None]], object], service: str = "ortoo"
) -> Hooks:
    """Return the hooks of this configuration; `closing` is given what has to be called at the end.

    Raises:
        TracingMissing: the packages are not there.
    """
    if not url:
        return Hooks(on_commit, lambda records: None)
    try:
        from gateway.tracing.spans import start_tracing
    except ImportError as missing:
        raise TracingMissing(
            f"ORTOO_TRACING_URL is set, but {missing.name} is missing: install the extra `tracing`"
        ) from None
    tracing = start_tracing(url, service, ratio)
    closing(tracing.stop)
    return hooks_of(tracing, on_commit)


def hooks_of(tracing: Tracing, on_commit: Commit) -> Hooks:
    """Return the hooks that feed this tracing."""

    def committed(rows: int, seconds: float) -> None:
        on_commit(rows, seconds)
        tracing.committed(rows, seconds)

    return Hooks(committed, tracing.published, tracing.tap, (tracing.middleware,))
