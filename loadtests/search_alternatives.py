"""What was not chosen for the search, measured on the same documents: trigrams, and bigrams under GIN with facets counted by GROUP BY."""

from __future__ import annotations

import time
from typing import Final

import asyncpg

from engine.rules.words import asked_terms, terms_of

QUERIES: Final = ("钕铁硼 N52", "羊", "草原", "技术", "研究 应用", "苁蓉总苷 炮制工艺 HPLC")
ROUNDS: Final = 7
ROWS: Final = 2_000
FACETS: Final = """
    WITH hit AS MATERIALIZED (
        SELECT fields[1] AS field, industry, region, trl, modes[1] AS mode, holder_kind, listed FROM alternative WHERE {where}
    )
    SELECT field, industry, region, trl, mode, holder_kind, listed, count(*) FROM hit
    GROUP BY GROUPING SETS ((), (field), (industry), (region), (trl), (mode), (holder_kind), (listed))
"""


async def measure(dsn: str) -> str:
    """Build the indexes beside ours, time the same questions, take everything down; return the table."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        await connection.execute(
            "CREATE TABLE alternative AS SELECT *, ''::tsvector AS terms FROM search_document WHERE alive"
        )
        await _fill(connection)
        lines = []
        for name, sql in (
            ("pg_trgm on text", "CREATE INDEX ON alternative USING gin (folded gin_trgm_ops)"),
            ("tsvector of bigrams", "CREATE INDEX ON alternative USING gin (terms)"),
        ):
            begun = time.perf_counter()
            await connection.execute(sql)
            lines.append(f"{name}: built in {time.perf_counter() - begun:.1f} s")
        await connection.execute("VACUUM ANALYZE alternative")
        lines.append(f"{'median ms':28}{'page+count':>12}{'+ facets':>12}")
        for asked in QUERIES:
            terms = asked_terms(asked)
            liked = " AND ".join(f"folded LIKE '%{word.lower()}%'" for word in asked.split())
            matched = " AND ".join(f"terms @@ '{term}'::tsquery" for term in terms)
            for name, where in (("trigram", liked), ("tsvector", matched)):
                page = f"SELECT doc, count(*) OVER () FROM alternative WHERE {where} ORDER BY doc DESC LIMIT 20"
                first, second = await _median(connection, page), await _median(connection, FACETS.format(where=where))
                lines.append(f"{name:10}{asked:18}{first:>12.1f}{first + second:>12.1f}")
        return "\n".join(lines)
    finally:
        await connection.execute("DROP TABLE IF EXISTS alternative")
        await connection.close()


async def _fill(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Write the same terms as ours into the text-search column."""
    await connection.execute("CREATE UNIQUE INDEX ON alternative (doc)")
    last = -1
    while rows := await connection.fetch(
        "SELECT doc, folded FROM alternative WHERE doc > $1 ORDER BY doc LIMIT $2", last, ROWS
    ):
        await connection.executemany(
            "UPDATE alternative SET terms = array_to_tsvector($2::text[]) WHERE doc = $1",
            [(row["doc"], sorted(terms_of(row["folded"]))) for row in rows],
        )
        last = rows[-1]["doc"]
    await connection.execute("VACUUM FULL alternative")


async def _median(connection: asyncpg.Connection[asyncpg.Record], sql: str) -> float:
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        await connection.fetch(sql)
        taken.append((time.perf_counter() - begun) * 1_000)
    return sorted(taken)[ROUNDS // 2]
