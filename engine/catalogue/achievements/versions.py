"""Published versions: canonical bytes of a record, chained by digest, so that a changed byte of an old version is found.

    digest = SHA-256("ortoo/achievement/v1\\n" ‖ digest of the version before ‖ uint32 length of header ‖ header ‖ body)

The header is canonical JSON of id, number, owner and instant; before version 1 stands SHA-256 of the tag and the id.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NewType

import asyncpg
import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.rules.achievement.record import Achievement
from engine.values import PartyId

AchievementId = NewType("AchievementId", str)
"""`ach-` and 12 hexadecimal digits."""

TAG: Final = b"ortoo/achievement/v1\n"
_DECODER: Final = msgspec.json.Decoder(Achievement)


class Version(Struct, frozen=True, kw_only=True):
    """A published version. It is never changed."""

    id: AchievementId
    number: int
    owner: PartyId
    actor: str
    """Account that published it."""
    published_at_us: int
    record: Achievement
    """The whole record; pages and search show `disclosure.part_for` of it."""
    digest: bytes


def body_of(record: Achievement) -> bytes:
    """Return the canonical bytes of a record."""
    return canonical_bytes(msgspec.to_builtins(record))


def record_of(body: bytes) -> Achievement:
    """Return the record of stored bytes; fields of a newer program are passed over."""
    return _DECODER.decode(body)


def first_digest(achievement_id: AchievementId) -> bytes:
    """Return what stands before version 1."""
    return sha256(TAG + achievement_id.encode()).digest()


def version_digest(
    previous: bytes, achievement_id: AchievementId, number: int, owner: PartyId, at_us: int, body: bytes
) -> bytes:
    """Return the digest of a version, which commits to it and to all before it."""
    header = canonical_bytes({"at_us": at_us, "id": achievement_id, "number": number, "owner": owner})
    return sha256(b"".join((TAG, previous, len(header).to_bytes(4, "big"), header, body))).digest()


def version_of(row: asyncpg.Record) -> Version:
    """Return a stored row as a version."""
    return Version(
        id=AchievementId(row["id"]),
        number=row["number"],
        owner=PartyId(row["owner"]),
        actor=row["actor"],
        published_at_us=row["published_at_us"],
        record=record_of(row["body"]),
        digest=row["digest"],
    )


def first_broken(rows: Sequence[asyncpg.Record]) -> int | None:
    """Return the number of the first version of an achievement, in order, whose digest does not fit; None if all do."""
    previous = b""
    for place, row in enumerate(rows, start=1):
        achievement_id = AchievementId(row["id"])
        previous = previous or first_digest(achievement_id)
        expected = version_digest(
            previous, achievement_id, place, PartyId(row["owner"]), row["published_at_us"], row["body"]
        )
        if row["number"] != place or row["digest"] != expected:
            return place
        previous = row["digest"]
    return None
