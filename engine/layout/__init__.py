"""How values lie in bytes on the way of a bid: canonical bodies, headers, sealed records, rows of a COPY, ids, frames.

Written twice: `reference.py` says what the bytes are and runs anywhere; `compiled.c` makes the same bytes in a tenth of the time
where `make setup` found a C compiler (ADR 0013). Everybody else imports from here and does not see which one it is.
`ORTOO_PURE_PYTHON=1` takes the reference in any case.
"""

from __future__ import annotations

import os

try:
    if os.environ.get("ORTOO_PURE_PYTHON"):
        raise ImportError("not wanted")
    from engine.layout.compiled import (  # one compiled from an older source lacks a name, and the reference is taken
        accepted_frame,
        content_bytes,
        copy_hidden_rows,
        copy_rows,
        flat_digest,
        flat_object,
        id_text,
        read_bid,
        read_id,
        seal,
        seal_event,
        secrets,
        sha256_of,
    )

    COMPILED = True
except ImportError:
    from engine.layout.reference import (
        accepted_frame,
        content_bytes,
        copy_hidden_rows,
        copy_rows,
        flat_digest,
        flat_object,
        id_text,
        read_bid,
        read_id,
        seal,
        seal_event,
        secrets,
        sha256_of,
    )

    COMPILED = False

__all__ = [
    "COMPILED", "accepted_frame", "content_bytes", "copy_hidden_rows", "copy_rows", "flat_digest", "flat_object", "id_text",
    "read_bid", "read_id", "seal", "seal_event", "secrets", "sha256_of",
]  # fmt: skip
