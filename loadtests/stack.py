"""The WebSocket stack as the server under test runs it, so that echo and naive differ from it only in what
stands behind.
"""

from __future__ import annotations

import gc
from typing import Any, Final

LISTENER_OPTIONS: Final[dict[str, Any]] = {
    "backlog": 4096,
    "enable_auto_ping": False,
    "read_buffer_init_size": 2048,
    "max_frame_size": 4096,
}


def calm_garbage_collector() -> None:
    """Collect as the server does: what exists stays, and collections are rare."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
