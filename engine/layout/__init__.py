"""How values lie in bytes on the way of a bid: canonical bodies, headers, sealed records, rows of a COPY, ids, frames.

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
    accepted_frame, read_bid, read_id, id_text = (
        reference.accepted_frame, reference.read_bid, reference.read_id, reference.id_text,
    )  # fmt: skip
    content_bytes, flat_object, seal, sha256_of = (
        reference.content_bytes, reference.flat_object, reference.seal, reference.sha256_of,
    )  # fmt: skip
    copy_rows, copy_hidden_rows, secrets = reference.copy_rows, reference.copy_hidden_rows, reference.secrets
else:
    COMPILED = True
    accepted_frame, read_bid, read_id, id_text = (
        compiled.accepted_frame, compiled.read_bid, compiled.read_id, compiled.id_text,
    )  # fmt: skip
    content_bytes, flat_object, seal, sha256_of = (
        compiled.content_bytes, compiled.flat_object, compiled.seal, compiled.sha256_of,
    )  # fmt: skip
    copy_rows, copy_hidden_rows, secrets = compiled.copy_rows, compiled.copy_hidden_rows, compiled.secrets

__all__ = [
    "COMPILED", "accepted_frame", "content_bytes", "copy_hidden_rows", "copy_rows", "flat_object", "id_text", "read_bid", "read_id",
    "seal", "secrets", "sha256_of",
]  # fmt: skip
