"""The store of achievements on a real PostgreSQL: nothing lost, nothing changed afterwards, read models never behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from engine.canonical import NotCanonical
from engine.catalogue.achievements.confidentiality import Confidentiality, text_digest
from engine.catalogue.achievements.store import Achievements, ActRefused, NotReady, Working
from engine.catalogue.achievements.verification import verify_versions
from engine.catalogue.achievements.versions import AchievementId, Version, body_of, record_of
from engine.rules.achievement import record as r
from engine.rules.achievement.states import STEPS, Act, Actor, State
from engine.values import PartyId
from tests.engine.rules.achievement.test_checking import WHOLE
from tests.engine.rules.achievement.test_terms import noon

OWNER = PartyId("o" + "1" * 16)
INSIDE = frozenset({Actor.APPLICANT, Actor.APPROVER})
OPERATOR = frozenset({Actor.OPERATOR})


class Clock:
    def __init__(self) -> None:
        self.us = int(noon("2026-11-24"))

    def __call__(self) -> int:
        self.us += 1
        return self.us


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=8) as pool:
        yield pool


@pytest.fixture
def store(pool: asyncpg.Pool) -> Achievements:
    return Achievements(pool, Clock())


async def do(store: Achievements, one: AchievementId, *acts: Act, reason: str = "") -> Working:
    after: Working | None = None
    for act in acts:
        actors = OPERATOR if act is Act.PUBLISH else INSIDE
        after = await store.act(one, act, actors=actors, account="p1", party=OWNER, reason=reason)
        assert after is not None
    assert after is not None
    return after


async def published(store: Achievements, record: r.Achievement = WHOLE) -> AchievementId:
    one = await store.create(OWNER, "p1", record)
    await do(store, one, Act.SUBMIT, Act.RELEASE, Act.PUBLISH)
    return one


async def test_of_two_who_save_the_same_version_one_is_told(store: Achievements):
    one = await store.create(OWNER, "p1")
    records = [r.Achievement(title_zh=str(number)) for number in range(8)]
    saved = await asyncio.gather(*(store.save(one, record, 1, "p1") for record in records))
    assert sorted(version is not None for version in saved) == [False] * 7 + [True]
    winner = records[[version is not None for version in saved].index(True)]
    now = await store.read(one)
    assert now is not None
    assert (now.record, now.draft_version) == (winner, 2)


@pytest.mark.parametrize("table", ["achievement_version", "achievement_act", "achievement_nda", "achievement_nda_text"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET {column} = {column}", "TRUNCATE {} CASCADE"])
async def test_what_is_on_record_is_never_changed(store: Achievements, pool: asyncpg.Pool, table: str, statement: str):
    one = await published(store)
    await Confidentiality(pool).sign(one, PartyId("p2"), "p2", 1, "text")
    column = "body" if table == "achievement_nda_text" else "id"
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await pool.execute(statement.format(table, column=column))


async def test_versions_are_numbered_and_chained_and_one_changed_byte_is_found(store: Achievements, pool: asyncpg.Pool):
    one = await published(store)
    for number in range(2, 5):
        await do(store, one, Act.REVISE)
        working = await store.read(one)
        assert working is not None
        assert await store.save(one, replace(WHOLE, title_zh=f"第{number}版"), working.draft_version, "p1")
        await do(store, one, Act.SUBMIT, Act.RELEASE, Act.PUBLISH)
    versions = await store.versions(one)
    assert [version.number for version in versions] == [1, 2, 3, 4]
    assert len({version.digest for version in versions}) == 4
    assert await store.first_broken(one) is None
    assert (await verify_versions(pool)).findings == []
    await pool.execute("ALTER TABLE achievement_version DISABLE TRIGGER ALL")
    await pool.execute(
        "UPDATE achievement_version SET body = convert_to(replace(convert_from(body, 'utf8'), '第2版', '第二版'), 'utf8') WHERE number = 2"
    )
    assert await store.first_broken(one) == 2
    other = await published(store)
    verdict = await verify_versions(pool)
    assert [finding.place for finding in verdict.findings] == [f"achievement {one} version 2"]
    assert verdict.versions == 5
    await pool.execute("DELETE FROM achievement_version WHERE id = $1", other)
    assert f"achievement {other}" in {finding.place for finding in (await verify_versions(pool)).findings}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("act", Act)
async def test_the_table_of_steps_is_all_there_is(store: Achievements, pool: asyncpg.Pool, state: State, act: Act):
    one = await store.create(OWNER, "p1", WHOLE)
    await pool.execute("UPDATE achievement SET state = $2 WHERE id = $1", one, state.value)
    step = STEPS.get((state, act))
    for actors in (frozenset({actor}) for actor in Actor):
        if step is None or not step.who & actors:
            with pytest.raises(ActRefused):
                await store.act(one, act, actors=actors, account="p1", party=OWNER, reason="x")
    if step is None:
        return
    if step.reason:
        with pytest.raises(ActRefused, match="reason"):
            await store.act(one, act, actors=step.who, account="p1", party=OWNER, reason="  ")
    with pytest.raises(ActRefused, match="reason"):
        await store.act(one, act, actors=step.who, account="p1", party=OWNER, reason="x" * 501)
    after = await store.act(one, act, actors=step.who, account="p1", party=OWNER, reason="x")
    assert after is not None
    assert after.state is step.to
    assert [done.act for done in await store.acts(one)] == [act], "refused acts leave no line"


async def test_an_incomplete_record_is_neither_submitted_nor_published(store: Achievements, pool: asyncpg.Pool):
    one = await store.create(OWNER, "p1", replace(WHOLE, title_zh=""))
    with pytest.raises(NotReady) as refused:
        await do(store, one, Act.SUBMIT)
    assert [problem.path for problem in refused.value.problems] == ["title_zh"]
    await pool.execute("UPDATE achievement SET state = 'SUBMITTED' WHERE id = $1", one)
    with pytest.raises(NotReady):
        await do(store, one, Act.PUBLISH)
    assert await store.public(one) is None
    assert await store.versions(one) == []


async def test_what_is_under_review_is_not_written_to(store: Achievements):
    one = await store.create(OWNER, "p1", WHOLE)
    working = await do(store, one, Act.SUBMIT)
    assert await store.save(one, r.Achievement(), working.draft_version, "p1") is None


async def test_an_act_is_for_the_version_that_was_looked_at(store: Achievements):
    one = await store.create(OWNER, "p1", WHOLE)
    assert await store.save(one, replace(WHOLE, title_zh="新"), 1, "p1") == 2
    assert await store.act(one, Act.SUBMIT, actors=INSIDE, account="p1", party=OWNER, version=1) is None


async def test_two_operators_publish_once(store: Achievements, pool: asyncpg.Pool):
    """The second one asks while the first has not committed: he waits for it and is then told."""
    one = await store.create(OWNER, "p1", WHOLE)
    await do(store, one, Act.SUBMIT, Act.RELEASE)
    second: asyncio.Task[Working] | None = None

    async def hold(connection: Any, achievement: AchievementId, version: Version | None) -> None:
        nonlocal second
        if second is None:
            second = asyncio.create_task(do(store, one, Act.PUBLISH))
            while not second.done():
                if await pool.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    return
                await asyncio.sleep(0.01)

    store.project(hold)
    assert (await do(store, one, Act.PUBLISH)).published == 1
    assert second is not None
    with pytest.raises(ActRefused):
        await second
    assert len(await store.versions(one)) == 1


async def test_read_models_are_told_in_the_same_transaction(store: Achievements, pool: asyncpg.Pool):
    await pool.execute("CREATE TABLE shown (id text PRIMARY KEY, number integer NOT NULL)")

    async def show(connection: Any, one: AchievementId, version: Version | None) -> None:
        await connection.execute("DELETE FROM shown WHERE id = $1", one)
        if version is not None:
            await connection.execute("INSERT INTO shown VALUES ($1, $2)", one, version.number)
            if version.record.title_zh == "坏":
                raise RuntimeError("the read model is broken")

    store.project(show)
    one = await published(store)
    assert await pool.fetchval("SELECT number FROM shown WHERE id = $1", one) == 1
    await do(store, one, Act.WITHDRAW, reason="x")
    assert await pool.fetchval("SELECT count(*) FROM shown") == 0
    with pytest.raises(RuntimeError):
        await published(store, replace(WHOLE, title_zh="坏"))
    assert await pool.fetchval("SELECT count(*) FROM achievement_version") == 1, "neither published nor shown"


async def test_withdrawn_is_not_public_and_stays_on_record(store: Achievements):
    one = await published(store)
    assert await store.public(one) is not None
    await do(store, one, Act.WITHDRAW, reason="x")
    assert await store.public(one) is None
    assert await store.public_page() == []
    assert len(await store.versions(one)) == 1


async def test_lists_are_paged_without_gap_or_double(store: Achievements):
    ids = await store.create_many(OWNER, "p1", [r.Achievement(title_zh=str(number)) for number in range(25)])
    found, after = [], ""
    while True:
        page = await store.of_owner(OWNER, after, 10)
        found += [one.id for one in page.items]
        if page.next is None:
            break
        after = page.next
    assert sorted(found) == sorted(ids)
    assert len(found) == len(set(found)) == 25
    assert (await store.of_owner(OWNER, "no position", 10)).items == (await store.of_owner(OWNER, "", 10)).items
    queue = await store.in_state(State.DRAFT, "", 10)
    assert [one.state_at_us for one in queue.items] == sorted(one.state_at_us for one in queue.items)


async def test_import_keeps_all_or_none(store: Achievements, pool: asyncpg.Pool):
    with pytest.raises(NotCanonical):
        await store.create_many(OWNER, "p1", [WHOLE, r.Achievement(title_zh="\ud800")])
    assert await pool.fetchval("SELECT count(*) FROM achievement") == 0


def test_a_record_comes_back_from_its_bytes_and_unknown_fields_are_passed_over():
    assert record_of(body_of(WHOLE)) == WHOLE
    assert record_of(body_of(WHOLE)[:-1] + b',"zz_of_tomorrow":1}') == WHOLE


async def test_signing_twice_is_signing_once_and_another_text_is_another_signature(
    store: Achievements, pool: asyncpg.Pool
):
    one, party = await published(store), PartyId("p" + "2" * 16)
    signed = Confidentiality(pool, Clock())
    assert not await signed.has_signed(one, party, "A")
    await signed.sign(one, party, "acc", 1, "A")
    await signed.sign(one, party, "acc", 1, "A")
    assert await signed.has_signed(one, party, "A")
    assert not await signed.has_signed(one, party, "B")
    assert not await signed.has_signed(one, PartyId("p" + "3" * 16), "A")
    await signed.sign(one, party, "acc", 1, "B")
    page = await signed.signatures(one, limit=1)
    assert len(page.items) == 1
    assert page.next is not None
    rest = await signed.signatures(one, page.next)
    assert {s.text_digest for s in (*page.items, *rest.items)} == {text_digest("A").hex(), text_digest("B").hex()}
    assert await signed.text(text_digest("A").hex()) == "A"
