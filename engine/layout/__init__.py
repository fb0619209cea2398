"""How values lie in bytes on the way of a bid: canonical bodies, headers, rows of a COPY, ids.

Written twice: `reference.py` says what the bytes are and runs anywhere; `compiled.c` makes the same bytes in a tenth of the time
where `make setup` found a C compiler (ADR 0013). Everybody else imports from here and does not see which one it is.
`ORTOO_PURE_PYTHON=1` takes the reference in any case.
"""

from __future__ import annotations

import os

from engine.layout import reference

try:
    if os.environ.get("ORTOO_PURE_PYTHON"):
        raise ImportError("not wanted")
    from engine.layout import compiled
except ImportError:
    COMPILED = False
    content_bytes, copy_rows, flat_object = reference.content_bytes, reference.copy_rows, reference.flat_object
    id_text, read_bid, read_id = reference.id_text, reference.read_bid, reference.read_id
else:
    COMPILED = True
    content_bytes, copy_rows, flat_object = compiled.content_bytes, compiled.copy_rows, compiled.flat_object
    id_text, read_bid, read_id = compiled.id_text, compiled.read_bid, compiled.read_id

__all__ = ["COMPILED", "content_bytes", "copy_rows", "flat_object", "id_text", "read_bid", "read_id"]
