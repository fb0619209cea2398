"""The store of achievements: working copies that two tabs never overwrite unseen, acts with reasons, published versions.

Read models (search, matching) hang on as projections: they are called in the transaction that publishes or withdraws, so that
they are never behind and never ahead of what is public.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg
from msgspec import Struct

from engine.catalogue.achievements.versions import (
    AchievementId,
    Version,
    body_of,
    first_broken,
    first_digest,
    record_of,
    version_digest,
    version_of,
)
from engine.journal.queries import load_queries
from engine.rules.achievement.checking import Problem, Stage, problems
from engine.rules.achievement.record import Achievement
from engine.rules.achievement.states import EDITABLE, STEPS, Act, Actor, State
from engine.values import InstantUs, PartyId

PAGE_MAX: Final = 200
VERSIONS_MAX: Final = 1_000
REASON_MAX: Final = 500
_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")
_ID: Final = re.compile(r"ach-[0-9a-f]{12}")
_EDITABLE: Final = sorted(state.value for state in EDITABLE)

Connection = asyncpg.pool.PoolConnectionProxy
Projection = Callable[["Connection[asyncpg.Record]", AchievementId, Version | None], Awaitable[None]]
"""Called inside the transaction with the version that is public from now on, None when nothing is public any more."""


class ActRefused(Exception):
    """The act does not fit the state, or the actor; or a reason is missing (`reason` then names what)."""

    def __init__(self, state: State, act: Act, why: str) -> None:
        super().__init__(f"{act.value} in {state.value}: {why}")
        self.state = state
        self.act = act
        self.why = why
        """`state`, `actor` or `reason`."""


class NotReady(Exception):
    """The record is not fit for the act; `problems` says what is wrong where."""

    def __init__(self, found: Sequence[Problem]) -> None:
        super().__init__(", ".join(f"{one.path}: {one.code}" for one in found))
        self.problems = list(found)


class Working(Struct, frozen=True, kw_only=True):
    """A working copy and where it stands."""

    id: AchievementId
    owner: PartyId
    author: str
    """Account that saved last."""
    state: State
    record: Achievement
    draft_version: int
    created_at_us: int
    saved_at_us: int
    state_at_us: int
    published: int
    """Number of the newest version, 0 for none."""

    @property
    def is_public(self) -> bool:
        """Some version of it is public now."""
        return self.published > 0 and self.state not in (State.WITHDRAWN, State.REFUSED)


class Done(Struct, frozen=True, kw_only=True):
    """An act on record."""

    number: int
    act: Act
    state: State
    """After the act."""
    actor: str
    party: str
    reason: str
    at_us: int


class WorkingPage(Struct, frozen=True):
    """A page of working copies; `next` continues it, None at the end."""

    items: list[Working]
    next: str | None


def is_achievement_id(text: str) -> bool:
    """Tell whether `text` may name an achievement."""
    return _ID.fullmatch(text) is not None


class Achievements:
    """All achievements."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
        projections: Sequence[Projection] = (),
    ) -> None:
        self._pool = pool
        self._now_us = now_us
        self._projections = list(projections)

    def project(self, projection: Projection) -> None:
        """Add a projection; before anything is published."""
        self._projections.append(projection)

    async def create(self, owner: PartyId, author: str, record: Achievement | None = None) -> AchievementId:
        """Keep a new draft and return its id."""
        return (await self.create_many(owner, author, [record or Achievement()]))[0]

    async def create_many(self, owner: PartyId, author: str, records: Sequence[Achievement]) -> list[AchievementId]:
        """Keep new drafts, all or none; for the import of many."""
        now_us = self._now_us()
        ids = [AchievementId("ach-" + secrets.token_hex(6)) for _ in records]
        rows = [
            (one, owner, author, State.DRAFT.value, body_of(record), now_us)
            for one, record in zip(ids, records, strict=True)
        ]
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.executemany(_QUERIES["create"], rows)
        return ids

    async def read(self, achievement_id: AchievementId) -> Working | None:
        """Return a working copy."""
        row = await self._pool.fetchrow(_QUERIES["read"], achievement_id)
        return None if row is None else _working(row)

    async def save(self, achievement_id: AchievementId, record: Achievement, version: int, author: str) -> int | None:
        """Save over the draft version that was read.

        Returns:
            The new draft version; None if somebody saved a newer one meanwhile, or it cannot be written to in its state.
        """
        saved: int | None = await self._pool.fetchval(
            _QUERIES["save"], achievement_id, body_of(record), author, self._now_us(), version, _EDITABLE
        )
        return saved

    async def act(
        self,
        achievement_id: AchievementId,
        act: Act,
        *,
        actors: frozenset[Actor],
        account: str,
        party: str,
        version: int | None = None,
        reason: str = "",
    ) -> Working | None:
        """Do something with a record; its line and its effect are one transaction.

        Args:
            achievement_id: Which.
            act: What.
            actors: What the account is towards this record.
            account: The login, for the record.
            party: Whom it acts for.
            version: Draft version that the person looked at; None: whatever stands there.
            reason: In words, at most `REASON_MAX` characters.

        Returns:
            The record after it; None if there is no such record or another draft version stands there now.

        Raises:
            ActRefused: not in this state, not by this actor, or without the reason it needs.
            NotReady: the record must be completed first.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_QUERIES["read_for_update"], achievement_id)
            if row is None or version not in (None, row["draft_version"]):
                return None
            working = _working(row)
            step = STEPS.get((working.state, act))
            if step is None:
                raise ActRefused(working.state, act, "state")
            if not step.who & actors:
                raise ActRefused(working.state, act, "actor")
            if len(reason) > REASON_MAX or (step.reason and not reason.strip()):
                raise ActRefused(working.state, act, "reason")
            now_us = self._now_us()
            if act in (Act.SUBMIT, Act.RELEASE, Act.PUBLISH):
                self._check(working.record, now_us)
            number = working.published
            if act is Act.PUBLISH:
                number += 1
                await self._publish(connection, working, number, account, now_us)
            elif step.to in (State.WITHDRAWN, State.REFUSED) and number:
                await self._tell(connection, working.id, None)
            record = Achievement() if step.to is State.REFUSED else working.record
            await connection.execute(_QUERIES["move"], working.id, step.to.value, now_us, number, body_of(record))
            await connection.execute(
                _QUERIES["insert_act"], working.id, act.value, step.to.value, account, party, reason.strip(), now_us
            )
            after = await connection.fetchrow(_QUERIES["read"], working.id)
        assert after is not None, "it was locked"
        return _working(after)

    async def of_owner(self, owner: PartyId, after: str = "", limit: int = 50) -> WorkingPage:
        """Return the records of an owner, last saved first."""
        limit = max(1, min(limit, PAGE_MAX))
        value, one = _position(after)
        rows = await self._pool.fetch(_QUERIES["of_owner"], owner, value, one, limit + 1)
        return _page(rows, limit, lambda row: -row["saved_at_us"])

    async def in_state(self, state: State, after: str = "", limit: int = 50) -> WorkingPage:
        """Return the records in a state, who has waited longest first."""
        limit = max(1, min(limit, PAGE_MAX))
        value, one = _position(after)
        rows = await self._pool.fetch(_QUERIES["in_state"], state.value, value, one, limit + 1)
        return _page(rows, limit, lambda row: row["state_at_us"])

    async def count_states(self, owner: str = "") -> dict[State, int]:
        """Return how many records of an owner, or of all, stand in each state."""
        rows = await self._pool.fetch(_QUERIES["count_states"], owner)
        return {State(row["state"]): row["number"] for row in rows}

    async def acts(self, achievement_id: AchievementId, limit: int = 100) -> list[Done]:
        """Return what was done with a record, newest first."""
        rows = await self._pool.fetch(_QUERIES["acts"], achievement_id, min(limit, PAGE_MAX))
        return [
            Done(
                number=row["number"],
                act=Act(row["act"]),
                state=State(row["state"]),
                actor=row["actor"],
                party=row["party"],
                reason=row["reason"],
                at_us=row["at_us"],
            )
            for row in rows
        ]

    async def public(self, achievement_id: AchievementId) -> Version | None:
        """Return the version that is public now; None if nothing is, or not any more."""
        return (await self.public_many([achievement_id])).get(achievement_id)

    async def public_many(self, ids: Sequence[AchievementId]) -> dict[AchievementId, Version]:
        """Return the public versions of these achievements; at most `PAGE_MAX` are looked up."""
        rows = await self._pool.fetch(_QUERIES["public"], list(ids[:PAGE_MAX]))
        return {AchievementId(row["id"]): version_of(row) for row in rows}

    async def public_page(self, after: str = "", limit: int = PAGE_MAX) -> list[Version]:
        """Return public versions by id, after one: for rebuilding a read model from what is published."""
        rows = await self._pool.fetch(_QUERIES["public_page"], after, max(1, min(limit, PAGE_MAX)))
        return [version_of(row) for row in rows]

    async def version(self, achievement_id: AchievementId, number: int) -> Version | None:
        """Return a version by its number, public or not."""
        row = await self._pool.fetchrow(_QUERIES["version"], achievement_id, number)
        return None if row is None else version_of(row)

    async def versions(self, achievement_id: AchievementId) -> list[Version]:
        """Return all versions, oldest first."""
        rows = await self._pool.fetch(_QUERIES["versions"], achievement_id, VERSIONS_MAX)
        return [version_of(row) for row in rows]

    async def first_broken(self, achievement_id: AchievementId) -> int | None:
        """Return the number of the first version whose digest does not fit what is stored; None if all do."""
        return first_broken(await self._pool.fetch(_QUERIES["versions"], achievement_id, VERSIONS_MAX))

    def _check(self, record: Achievement, now_us: int) -> None:
        found = [one for one in problems(record, Stage.PUBLISH, InstantUs(now_us)) if one.blocking]
        if found:
            raise NotReady(found)

    async def _publish(
        self, connection: Connection[asyncpg.Record], working: Working, number: int, account: str, now_us: int
    ) -> None:
        previous = await connection.fetchval(_QUERIES["last_digest"], working.id) or first_digest(working.id)
        body = body_of(working.record)
        digest = version_digest(previous, working.id, number, working.owner, now_us, body)
        await connection.execute(
            _QUERIES["insert_version"], working.id, number, working.owner, account, now_us, body, digest
        )
        version = Version(
            id=working.id,
            number=number,
            owner=working.owner,
            actor=account,
            published_at_us=now_us,
            record=working.record,
            digest=digest,
        )
        await self._tell(connection, working.id, version)

    async def _tell(
        self, connection: Connection[asyncpg.Record], achievement_id: AchievementId, version: Version | None
    ) -> None:
        for projection in self._projections:
            await projection(connection, achievement_id, version)


def _working(row: asyncpg.Record) -> Working:
    return Working(
        id=AchievementId(row["id"]),
        owner=PartyId(row["owner"]),
        author=row["author"],
        state=State(row["state"]),
        record=record_of(row["record"]),
        draft_version=row["draft_version"],
        created_at_us=row["created_at_us"],
        saved_at_us=row["saved_at_us"],
        state_at_us=row["state_at_us"],
        published=row["published"],
    )


def _position(after: str) -> tuple[int, str]:
    """Return where a page goes on; before everything for the first page and for what is not a position."""
    text, _, one = after.partition("~")
    if re.fullmatch(r"-?[0-9]{1,18}", text) is None or not is_achievement_id(one):
        return -(2**62), ""
    return int(text), one


def _page(rows: Sequence[Any], limit: int, value: Callable[[Any], int]) -> WorkingPage:
    items = [_working(row) for row in rows[:limit]]
    return WorkingPage(items, f"{value(rows[limit - 1])}~{rows[limit - 1]['id']}" if len(rows) > limit else None)
