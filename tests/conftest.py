"""Real servers for the tests that need them: one embedded PostgreSQL for each test process, one database for each test."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from engine.catalogue.hall import CATALOGUE_MIGRATIONS
from engine.journal import embedded
from engine.journal.migrations import JOURNAL_MIGRATIONS, migrate
from pricing.store import PRICING_MIGRATIONS
from settlement.ledger.book import SETTLEMENT_MIGRATIONS

PACKAGES = Path(__file__).resolve().parent.parent
_numbers = itertools.count(1)


def all_migrations() -> list[Path]:
    """Return the migration directories of every package, in the order the market applies them."""
    others = sorted(
        path
        for path in PACKAGES.glob("gateway/*/sql/migrations")
        if path not in (JOURNAL_MIGRATIONS, CATALOGUE_MIGRATIONS)
    )
    return [JOURNAL_MIGRATIONS, CATALOGUE_MIGRATIONS, *others, SETTLEMENT_MIGRATIONS, PRICING_MIGRATIONS]


@pytest.fixture(scope="session")
def postgres() -> Iterator[embedded.EmbeddedPostgres]:
    """A server of this test process, stopped and removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="ortoo-test-"))
    server = asyncio.run(embedded.start(directory, settings=embedded.SMALL))
    try:
        asyncio.run(_make_template(server))
        yield server
    finally:
        asyncio.run(server.stop())
        shutil.rmtree(directory, ignore_errors=True)


async def _make_template(server: embedded.EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(server.dsn("postgres"))
    await connection.execute("CREATE DATABASE template_ortoo")
    await connection.close()
    await migrate(server.dsn("template_ortoo"), all_migrations())


@pytest.fixture
def fresh_database(postgres: embedded.EmbeddedPostgres) -> str:
    """The address of a new, migrated, empty database."""
    return asyncio.run(_create(postgres)) if not _in_loop() else _create_in_thread(postgres)


@pytest.fixture
def make_database(postgres: embedded.EmbeddedPostgres) -> Callable[[], str]:
    """A function that gives a new database each time it is called."""
    return lambda: asyncio.run(_create(postgres)) if not _in_loop() else _create_in_thread(postgres)


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _create_in_thread(server: embedded.EmbeddedPostgres) -> str:
    import threading

    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(_create(server))))
    thread.start()
    thread.join()
    return found[0]


async def _create(server: embedded.EmbeddedPostgres) -> str:
    name = f"test_{next(_numbers)}"
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template_ortoo")
    finally:
        await connection.close()
    return server.dsn(name)


@pytest.fixture(scope="session")
def migrate_all() -> Callable[[str], None]:
    """A function that brings the database at an address up to date; call it outside the event loop."""
    return lambda dsn: (asyncio.run(migrate(dsn, all_migrations())), None)[1]
