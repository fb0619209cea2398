"""What the live edge counts, for /metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from engine.bus.local import LotChange, LotListener
from gateway.http.metrics import Metrics
from gateway.live.edge import LiveEdge


def add_live_counts(
    metrics: Metrics, live: LiveEdge, subscribe: Callable[[LotListener], None], now_us: Callable[[], int]
) -> None:
    """Let /metrics show how rooms fare: lines that came, were turned away, fell behind; frames and snapshots; ends by close code."""
    news = metrics.histogram(
        "ortoo_news_age_seconds",
        "From the arrival of a command at its engine to the news of it here: the oldest of each commit.",
    )

    def told(changes: Sequence[LotChange]) -> None:
        news.observe(max(0.0, (now_us() - changes[0].at_us) / 1e6))

    subscribe(told)
    metrics.gauge("ortoo_ws_connections", "Open live connections.", lambda: live.connections)
    metrics.gauge("ortoo_ws_rooms", "Lots that somebody watches or watched a moment ago.", lambda: len(live.hub.feeds))
    metrics.counts("ortoo_ws_lines", "Live connections by what happened to them.", "event", lambda: _lines(live))
    metrics.counts("ortoo_ws_frames", "Frames of live connections by kind.", "kind", lambda: _frames(live))
    metrics.counts(
        "ortoo_ws_closed",
        "Live connections that the market ended, by close code.",
        "code",
        lambda: {str(code): float(count) for code, count in sorted(live.counts.closed.items())},
    )


def _lines(live: LiveEdge) -> Mapping[str, float]:
    counts = live.counts
    return {"arrived": counts.arrivals, "turned_away": counts.turned_away, "slowed": counts.slowed}


def _frames(live: LiveEdge) -> Mapping[str, float]:
    heard, told = live.counts, live.hub.counts
    return {
        "heard": heard.frames,
        "bids": heard.bids,
        "encoded": told.frames,
        "delivered": told.deliveries,
        "withheld": told.withheld,
        "led": told.led,
        "snapshots": told.snapshots,
        "resumes": told.resumes,
        "reloads": told.reloads,
    }
