"""Bounds and rhythms of the live edge. Every bound has a written answer: a frame with a code, or a close code."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from gateway.live.limits import Rate

FRAME_MAX: Final = 4_096
"""Longest frame taken from a client, bytes; a longer one is answered `too_large`."""
LOTS_MAX: Final = 64
"""Lots one connection watches; one more is answered `too_many_lots`."""
EARLY_MAX: Final = 8
"""Frames kept while the visitor is looked up; more close the connection with 4429."""
ROWS_KEPT: Final = 500
"""Public rows of a lot kept for `resumed`; a longer gap gets a snapshot."""
SNAPSHOT_ROWS: Final = 100
CHANGE_ROWS: Final = 20
CHUNK: Final = 50
"""Sockets served between two yields of a broadcast."""
HALL_LOTS: Final = 200
"""Lots in one `hall` frame; more go into further frames."""


class LiveSettings(Struct, frozen=True, kw_only=True):
    """How the live edge behaves. Filled from the configuration by gateway/serve.py."""

    origins: frozenset[str] = frozenset()
    """`scheme://host[:port]` of the pages that may open a socket with a cookie, exactly as browsers send it."""
    cookie: str = "ortoo_session"
    change_interval_us: int = 50_000
    """A lot that changes all the time is shown this often."""
    hall_interval_us: int = 200_000
    bids: Rate = Rate.per_second(5, burst=10)
    """Bids of one account, over all its connections."""
    frames: Rate = Rate.per_second(20, burst=40)
    """Frames of one connection."""
    refusals: Rate = Rate.per_second(1, burst=30)
    """Refused frames of one connection; more close it with 4501 or 4429."""
    arrivals: Rate = Rate.per_second(1_000, burst=5_000)
    """New connections of this process; more are answered HTTP 503."""
    connections_max: int = 20_000
    connections_per_account: int = 32
    waiting_max: int = 256
    """Unanswered bids of one connection; one more is answered `busy`."""
    feeds_max: int = 2_500
    """Lots with a ring of recent rows in memory; a join for one more is answered `busy`."""
    feed_idle_us: int = 60_000_000
    """How long the ring of a lot that nobody watches is kept."""
    slow_bytes: int = 262_144
    """A socket with more than this unsent gets no changes until it drained, then a snapshot."""
    full_bytes: int = 1_048_576
    """A socket with more than this unsent is dropped."""
    slow_us: int = 30_000_000
    """A socket that stays slow this long is closed with 4408."""
    quiet_us: int = 20_000_000
    """A connection silent this long is sent a ping."""
    dead_us: int = 50_000_000
    """A connection silent this long is dropped."""
    goodbye_us: int = 5_000_000
    """A peer that does not answer a close within this time is dropped."""
    retry_ms: int = 1_000
    """Upper bound of the first random pause before a client comes back."""
    retry_closing_ms: int = 250
    """The same for clients that watch a lot in its last two minutes."""
    send_buffer_bytes: int = 131_072
    """Kernel send buffer of a socket: small, so that slowness is noticed early."""
