"""Verification of the catalogue: every published version against its digest, every achievement against its number of versions; and the
versions of one achievement in an evidence file.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.canonical import canonical_bytes
from engine.catalogue.achievements.versions import AchievementId, first_digest, version_digest
from engine.evidence.verification import Finding
from engine.values import PartyId

_VERSIONS: Final = (
    "SELECT id, number, owner, published_at_us, body, digest FROM achievement_version ORDER BY id, number"
)
_OF_ONE: Final = """
SELECT id, number, owner, published_at_us, body, digest FROM achievement_version WHERE id = $1 AND number <= $2 ORDER BY number
"""
_MISSING: Final = """
SELECT a.id, a.published, count(v.number) AS kept FROM achievement a LEFT JOIN achievement_version v ON v.id = a.id
GROUP BY a.id, a.published HAVING count(v.number) <> a.published ORDER BY a.id LIMIT 100
"""
PAGE: Final = 500
FINDINGS_MAX: Final = 1_000


class CatalogueVerdict(Struct):
    """What was looked at, and what does not hold."""

    findings: list[Finding]
    versions: int = 0


async def verify_versions(pool: asyncpg.Pool) -> CatalogueVerdict:
    """Recompute the chain of every achievement, page by page; a database without a catalogue has nothing to find."""
    verdict = CatalogueVerdict([])
    async with pool.acquire() as connection:
        if not await connection.fetchval("SELECT to_regclass('achievement_version') IS NOT NULL"):
            return verdict
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            current, expected, previous, broken = "", 0, b"", False
            async for row in connection.cursor(_VERSIONS, prefetch=PAGE):
                verdict.versions += 1
                one = AchievementId(row["id"])
                if one != current:
                    current, expected, previous, broken = one, 0, first_digest(one), False
                expected += 1
                digest = version_digest(
                    previous, one, row["number"], PartyId(row["owner"]), row["published_at_us"], row["body"]
                )
                if not broken and (row["number"] != expected or row["digest"] != digest):
                    broken = True  # what follows cannot fit either: one finding an achievement
                    verdict.findings.append(
                        Finding(f"achievement {one} version {row['number']}", "digest does not fit")
                    )
                previous = row["digest"]
                if len(verdict.findings) >= FINDINGS_MAX:
                    return verdict
            for row in await connection.fetch(_MISSING):
                place = f"achievement {row['id']}"
                verdict.findings.append(Finding(place, f"{row['kept']} versions, {row['published']} were published"))
    return verdict


async def version_lines(pool: asyncpg.Pool, achievement_id: AchievementId, until: int) -> list[bytes]:
    """Return the versions of an achievement up to a number as lines of a file: whole records, for their owner and for staff."""
    rows = await pool.fetch(_OF_ONE, achievement_id, until)
    return [
        canonical_bytes(
            {
                "id": row["id"], "number": row["number"], "owner": row["owner"], "published_at_us": row["published_at_us"],
                "body": row["body"].decode(), "digest": row["digest"].hex(),
            }
        )
        + b"\n"
        for row in rows
    ]  # fmt: skip


def versions_problem(lines: Iterable[bytes], digest: str) -> str | None:
    """Return what is wrong with the lines of an achievement, None if they are chained and end in the digest that was traded.

    Args:
        lines: As `version_lines` wrote them.
        digest: Hexadecimal, of the version in the terms of the deal.
    """
    previous, last = b"", ""
    for number, line in enumerate(lines, start=1):
        try:
            plain = msgspec.json.decode(line, type=dict[str, Any])
            one, owner = AchievementId(plain["id"]), PartyId(plain["owner"])
            previous = version_digest(
                previous or first_digest(one), one, number, owner, plain["published_at_us"], plain["body"].encode()
            )
            last = previous.hex()
            if plain["number"] != number or plain["digest"] != last:
                return f"line {number}: version {number} was changed or is missing"
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError, AttributeError) as damage:
            return f"line {number}: cannot be read ({type(damage).__name__})"
    return None if last == digest else "does not end in the version that was traded"
