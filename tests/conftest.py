"""Real servers for the tests that need them: one embedded PostgreSQL for each test process, one database for each test."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import pytest

from engine.catalogue.hall import CATALOGUE_MIGRATIONS
from engine.journal import embedded
from engine.journal.migrations import JOURNAL_MIGRATIONS, migrate
from pricing.store import PRICING_MIGRATIONS
from settlement.ledger.book import SETTLEMENT_MIGRATIONS

TESTS = Path(__file__).resolve().parent
PACKAGES = TESTS.parent
LONGEST_FIRST = (
    "loadtests/test_faults.py",
    "simulation/test_simulation.py",
    "integration/test_machines.py",
    "pricing/test_model.py",
    "settlement/test_random_life.py",
    "loadtests/test_rounds.py",
    "gateway/test_probing.py",
    "gateway/bank/test_end_to_end.py",
    "simulation/test_sessions.py",
    "contract/test_bus.py",
    "integration/test_bus_faults.py",
    "gateway/test_fault_detector.py",
    "gateway/test_permissions.py",
    "gateway/registrations/test_feed.py",
    "gateway/test_listings_api.py",
    "simulation/test_cluster.py",
    "integration/test_backup.py",
    "integration/test_prober_process.py",
    "gateway/test_health.py",
    "gateway/test_api.py",
    "browser/test_wall.py",
    "browser/test_listed_trade.py",
    "browser/test_to_registration.py",
    "browser/test_deal.py",
    "browser/test_pages.py",
)
"""Files of more than ten seconds (of the browser's: twenty): workers take whole files in this order, so that none is left alone with a long one at the end."""
_numbers = itertools.count(1)
T = TypeVar("T")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first; all others stay as they were found."""
    places = {TESTS / name: place for place, name in enumerate(LONGEST_FIRST)}
    if gone := [str(path) for path in places if not path.exists()]:
        raise pytest.UsageError(f"LONGEST_FIRST names files that are no more: {', '.join(gone)}")
    items.sort(key=lambda item: places.get(item.path, len(places)))


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
        os.kill(server.pid, signal.SIGQUIT)  # no checkpoint of hundreds of databases that nobody will read
        server.process.wait()
        shutil.rmtree(directory, ignore_errors=True)


async def _make_template(server: embedded.EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(server.dsn("postgres"))
    await connection.execute("CREATE DATABASE template_ortoo")
    await connection.close()
    await migrate(server.dsn("template_ortoo"), all_migrations())


@pytest.fixture
def fresh_database(make_database: Callable[[], str]) -> str:
    """The address of a new, migrated, empty database."""
    return make_database()


@pytest.fixture
def make_database(postgres: embedded.EmbeddedPostgres) -> Iterator[Callable[[], str]]:
    """A function that gives a new database each time it is called; they go with the test, or memory would hold hundreds."""
    made: list[str] = []

    def make() -> str:
        made.append(_beside(new_database(postgres)))
        return made[-1]

    yield make
    for dsn in made:
        _beside(_drop_database(postgres, dsn))


async def new_database(server: embedded.EmbeddedPostgres) -> str:
    """Make a new, migrated, empty database and return its address."""
    name = f"test_{next(_numbers)}"
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template_ortoo")
    finally:
        await connection.close()
    return server.dsn(name)


async def _drop_database(server: embedded.EmbeddedPostgres, dsn: str) -> None:
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        await connection.execute(f"DROP DATABASE {urlsplit(dsn).path[1:]} WITH (FORCE)")
    finally:
        await connection.close()


def _beside(work: Coroutine[Any, Any, T]) -> T:
    """Run something in a loop of its own, also where one runs already."""
    with ThreadPoolExecutor(1) as beside:
        return beside.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def migrate_all() -> Callable[[str], None]:
    """A function that brings the database at an address up to date; call it outside the event loop."""
    return lambda dsn: (asyncio.run(migrate(dsn, all_migrations())), None)[1]
