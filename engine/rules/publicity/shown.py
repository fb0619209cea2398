"""The record of a notice as everybody reads it, and its digest: the same in the unit's own page, on the board, in feeds and on the wall.

The digest binds what was published and nothing that moves by itself (day n of 15, objections): two readers on different days of one
period get the same digest, and any change of a published word gives another one. Anybody can compute it: SHA-256 over the canonical
JSON (RFC 8785) that `/board/notices/<id>/record.json` answers with.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import msgspec

from engine.canonical import canonical_bytes
from engine.rules.publicity.visibility import PublicNotice

SHOWN: Final = (
    "notice", "round_no", "version_no", "days", "title_zh", "title_en", "title_mn", "abstract_zh", "abstract_en",
    "seller_name_zh", "seller_name_en", "field", "region", "price", "currency", "exponent", "confidential", "limited", "achievement",
    "achievement_version", "mode", "scope_zh", "scope_en", "buyer", "completers", "basis", "payment", "public_files", "related", "ties",
    "unit_place", "objections_to", "demonstration",
)  # fmt: skip
"""What the record consists of; a field is added with a new version of the record, never taken away."""
RECORD_VERSION: Final = "ortoo/notice-record/v1"


def record_bytes(notice: PublicNotice) -> bytes:
    """Return the canonical JSON of the record."""
    plain: dict[str, Any] = {name: msgspec.to_builtins(getattr(notice, name)) for name in SHOWN}
    return canonical_bytes({"record": RECORD_VERSION, "published_at_us": notice.versions[-1].at_us, **_texts(plain)})


def record_digest(notice: PublicNotice) -> str:
    """Return the digest of the record, hexadecimal SHA-256."""
    return sha256(record_bytes(notice)).hexdigest()


def _texts(value: Any, name: str = "") -> Any:
    """Write amounts as strings of digits, as everywhere on the wire."""
    if isinstance(value, dict):
        return {key: _texts(inner, key) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_texts(inner, name) for inner in value]
    return str(value) if name == "amount" and isinstance(value, int) else value
