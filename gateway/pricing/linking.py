"""Ties between parties for the screens: the same network, telephone, bank account or agent. Digests alone leave this file.

The gateway records the network of each log-in, parties name a telephone and a bank account, agents act for principals; nothing else is
collected, and no browser is marked or measured to recognise it. A digest is keyed with a key derived from the market's signing key, so
that nobody can find out by trying which number it is of. A tie that was not seen for a year is forgotten.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.journal.queries import load_queries
from gateway.accounts.model import UNREACHABLE
from gateway.services import Services
from pricing.store import Link

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")
EVERY_S: Final = 600.0
ROWS_MAX: Final = 20_000
KEPT_US: Final = 365 * 86_400 * 1_000_000
_TAG: Final = b"ortoo/links/v1\n"

log = logging.getLogger(__name__)


def linking_key(signing_key: Ed25519PrivateKey) -> bytes:
    """Return the key of the digests."""
    return sha256(_TAG + signing_key.private_bytes_raw()).digest()


def link_of(key: bytes, kind: str, row: Mapping[str, object] | asyncpg.Record) -> Link:
    """Return a tie without what it is of."""
    digest = hmac.digest(key, f"{kind}\0{row['value']}".encode(), "sha256")
    return Link(
        kind=kind, digest=digest, party=str(row["party"]), first_at_us=int(str(row["first_at_us"])),
        last_at_us=int(str(row["last_at_us"])),
    )  # fmt: skip


async def gather_links(services: Services) -> int:
    """Look once at what is on record; return how many ties there are."""
    key, now_us = linking_key(services.signing_key), services.now_us
    found = [
        link_of(key, "network", row)
        for row in await services.pool.fetch(QUERIES["networks"], now_us - KEPT_US, ROWS_MAX)
    ]
    for kind, query in (("person", "persons"), ("bank", "banks"), ("account", "accounts")):
        found += [link_of(key, kind, row) for row in await services.pool.fetch(QUERIES[query], ROWS_MAX)]
    await services.pricing.store.put_links(found, now_us, now_us - KEPT_US)
    return len(found)


async def gather_for_ever(services: Services) -> None:
    """Look every ten minutes."""
    while True:
        try:
            await gather_links(services)
        except UNREACHABLE:
            log.warning("links_not_gathered")
        await asyncio.sleep(EVERY_S)
