"""Which engine should own which shard: a pure rule that every engine computes alike from the same rows.

Rendezvous hashing: each shard goes to the engine whose hash with it is highest. An engine that comes takes shards only for itself, one
that goes leaves only its own behind; nothing else moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256


def assignment(shards: Iterable[int], engines: Sequence[str]) -> Mapping[int, str]:
    """Return the engine that should own each shard; nothing where there is no engine."""
    if not engines:
        return {}
    return {shard: max(engines, key=lambda engine: (_weight(engine, shard), engine)) for shard in shards}


@lru_cache(maxsize=16_384)
def _weight(engine: str, shard: int) -> bytes:
    return sha256(f"{engine}\n{shard}".encode()).digest()
