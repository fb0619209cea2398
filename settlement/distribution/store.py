"""Policies and plans in PostgreSQL: an act, its event and its row are one transaction; refusals are values.

The worker is level-triggered: it counts publicity again that ran past an older holiday table, and tells a deal of a plan that was paid
before the deal had come so far.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct

from engine.calendar import Calendar, period_end
from engine.canonical import canonical_bytes
from engine.journal.queries import load_queries
from engine.values import InstantUs
from settlement.deals import acts as deal_acts
from settlement.deals.deals import Deals
from settlement.deals.phases import Phase
from settlement.deals.store import Changed
from settlement.distribution import plan as p
from settlement.distribution.policy import Policy, problems_of
from settlement.distribution.splitting import Cost, Person
from settlement.histories import Chain
from settlement.ledger.book import Connection

QUERIES: Final = load_queries(Path(__file__).parent.parent / "sql" / "distribution.sql")
PAGE_MAX: Final = 200
PAID_MAX: Final = 10_000
A_TURN: Final = 100
MARKET: Final = "market"
_FAULTS: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
PLANS: Final = Chain(b"ortoo-distribution-event-1\0")
POLICIES: Final = Chain(b"ortoo-distribution-policy-1\0")
_PLAN: Final = msgspec.json.Decoder(p.Plan)
_POLICY: Final = msgspec.json.Decoder(Policy)
_ENCODER: Final = msgspec.json.Encoder(order="sorted")

log = logging.getLogger(__name__)


class Version(Struct, frozen=True, kw_only=True):
    """A version of a policy. In force is the newest one that was approved."""

    version: int
    policy: Policy
    proposed_by: str
    proposed_at_us: int
    approved_by: str | None
    approved_at_us: int | None


class Line(Struct, frozen=True):
    """One event of a plan."""

    seq: int
    at_us: int
    actor: str
    event: p.Event


class Income(Struct, frozen=True, kw_only=True):
    """What of a deal came in and is not in a round yet."""

    came_in_fen: int
    round: int
    open: bool
    """A round of it is under way."""


class Figures(Struct, frozen=True, kw_only=True):
    """Counts of rounds under way by state, of those that may be paid, of policies that wait for approval."""

    proposed: int = 0
    publicity: int = 0
    objected: int = 0
    payable: int = 0
    policies_waiting: int = 0


class Distribution:
    """All units' policies and plans."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        deals: Deals,
        *,
        calendar: Callable[[], Calendar],
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        self._pool = pool
        self._deals = deals
        self._calendar = calendar
        self._now_us = now_us

    # Policies

    async def propose_policy(self, party: str, policy: Policy, by: str) -> int | p.Refusal:
        """Write a version that another member has to approve; return its number."""
        problems = problems_of(policy)
        if problems:
            return p.Refusal(p.Problem.POLICY_PROBLEMS, problems)
        body, at_us = canonical_bytes(msgspec.to_builtins(policy)), self._now_us()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(QUERIES["lock_party"], party)
            last = await connection.fetchrow(QUERIES["last_policy"], party)
            version = 1 if last is None else last["version"] + 1
            digest = POLICIES.first(party) if last is None else last["digest"]
            digest = POLICIES.next(digest, party, version, "policy", at_us, by, body)
            await connection.execute(QUERIES["insert_policy"], party, version, body, by, at_us, digest)
        return version

    async def approve_policy(self, party: str, version: int, by: str) -> p.Refusal | None:
        """Put a version in force: somebody else than who proposed it, once."""
        done = await self._pool.fetchval(QUERIES["approve_policy"], party, version, by, self._now_us())
        if done is not None:
            return None
        found = next((one for one in await self.policies(party) if one.version == version), None)
        if found is None:
            return p.Refusal(p.Problem.NO_POLICY)
        return p.Refusal(p.Problem.WRONG_STATE if found.approved_by is not None else p.Problem.SAME_PERSON)

    async def policies(self, party: str, limit: int = 50) -> list[Version]:
        """Return a unit's versions, newest first."""
        rows = await self._pool.fetch(QUERIES["policies"], party, max(1, min(limit, PAGE_MAX)))
        return [
            Version(
                version=row["version"], policy=_POLICY.decode(row["body"]), proposed_by=row["proposed_by"],
                proposed_at_us=row["proposed_at_us"], approved_by=row["approved_by"], approved_at_us=row["approved_at_us"],
            )
            for row in rows
        ]  # fmt: skip

    async def in_force(self, party: str) -> tuple[int, Policy] | None:
        """Return the version that holds."""
        row = await self._pool.fetchrow(QUERIES["policy_in_force"], party)
        return None if row is None else (row["version"], _POLICY.decode(row["body"]))

    # Plans

    async def income(self, deal_id: str, on: Connection | None = None) -> Income | None:
        """Return what of a deal's income no round has taken."""
        process = await self._deals.read(deal_id)
        if process is None:
            return None
        row = await (on or self._pool).fetchrow(QUERIES["rounds"], deal_id)
        assert row is not None, "an aggregate has a row"
        came = process.price_released_fen - row["taken_fen"]
        return Income(came_in_fen=max(0, came), round=row["last"] + 1, open=bool(row["open"]))

    async def propose(
        self, party: str, deal_id: str, income_fen: int, costs: tuple[Cost, ...], persons: tuple[Person, ...], by: str
    ) -> p.Plan | p.Refusal:
        """Propose the next round of a deal, by the policy in force."""
        in_force = await self.in_force(party)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(QUERIES["lock_deal"], deal_id)
            process, income = await self._deals.read(deal_id), await self.income(deal_id, connection)
            if process is None or income is None or process.deal.seller_id != party:
                return p.Refusal(p.Problem.NO_SUCH_PLAN)
            if income.open:
                return p.Refusal(p.Problem.UNDER_WAY)
            act = p.Propose(
                party=party, deal=deal_id, round=income.round, policy_version=0 if in_force is None else in_force[0],
                policy=None if in_force is None else in_force[1], contract_fen=process.deal.price_fen, income_fen=income_fen,
                came_in_fen=income.came_in_fen, costs=costs, persons=persons,
            )  # fmt: skip
            return await self._act(connection, f"X-{deal_id}-{income.round}", act, by)

    async def approve(self, plan_id: str, by: str) -> p.Plan | p.Refusal:
        """Approve: the publicity begins, by the days of the policy."""
        plan = await self.read(plan_id)
        if plan is None:
            return p.Refusal(p.Problem.NO_SUCH_PLAN)
        until_us, certain, version = self._public_until(plan, self._now_us())
        return await self.act(plan_id, p.Approve(public_until_us=until_us, certain=certain, calendar=version), by)

    def _public_until(self, plan: p.Plan, from_us: int) -> tuple[int, bool, str]:
        calendar = self._calendar()
        end = period_end(calendar, InstantUs(from_us), days=plan.proposed.policy.publicity_days)
        return end.ends_at_us, end.certain, calendar.version

    async def act(self, plan_id: str, act: p.Act, by: str) -> p.Plan | p.Refusal:
        """Do an act on a plan. What was paid is told to its deal in the same transaction."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await self._act(connection, plan_id, act, by)

    async def _act(self, connection: Connection, plan_id: str, act: p.Act, by: str) -> p.Plan | p.Refusal:
        row = await connection.fetchrow(QUERIES["lock"], plan_id)
        before = None if row is None else _PLAN.decode(row["body"])
        at_us = self._now_us()
        event = p.decide(before, act, by, at_us)
        if isinstance(event, p.Refusal):
            return event
        after = p.evolve(before, event, plan_id, at_us)
        name, body = p.encode_event(event)
        digest = PLANS.next(
            PLANS.first(plan_id) if row is None else row["digest"], plan_id, after.seq, name, at_us, by, body
        )
        await connection.execute(QUERIES["insert_event"], plan_id, after.seq, name, at_us, by, body, digest)
        said = after.proposed
        await connection.execute(
            QUERIES["keep"], plan_id, said.party, said.deal, said.round, after.seq, after.state.value, said.split.income_fen,
            after.proposed_at_us, _ENCODER.encode(after), digest,
        )  # fmt: skip
        if isinstance(event, p.PaidOut):
            process = await self._deals.read(said.deal)
            if process is not None and process.phase is Phase.DISTRIBUTING:
                await self._deals.do(said.deal, deal_acts.NoteDistributed(ref=plan_id), actor=by, on=connection)
        return after

    async def by_plan(self, deal_id: str, party: str) -> bool:
        """Tell whether a deal's income is distributed by plans and in no other way: there is a plan that was not sent back, or the
        seller's unit has a policy in force.
        """
        planned = any(plan.state is not p.PlanState.RETURNED for plan in await self.of_deal(deal_id))
        return planned or await self.in_force(party) is not None

    # The market's own part

    async def run(self, pause_s: float = 5.0) -> None:
        """Work for ever."""
        while True:
            try:
                done = await self.carry() + await self.recount()
            except _FAULTS:
                log.warning("distribution_waits", exc_info=True)
                done = 0
            if not done:
                await asyncio.sleep(pause_s)

    async def carry(self) -> int:
        """Tell deals that wait for their distribution of plans that were paid before; return how many went on."""
        done = 0
        for row in await self._pool.fetch(QUERIES["to_carry"], A_TURN):
            act = deal_acts.NoteDistributed(ref=row["id"])
            outcome = await self._deals.do(row["deal"], act, key=f"distributed:{row['id']}")
            done += isinstance(outcome, Changed) and not outcome.repeated
        return done

    async def recount(self) -> int:
        """Count publicity again that ran past the holiday table known then; return how many plans that concerned."""
        changed = 0
        for row in await self._pool.fetch(QUERIES["to_recount"], self._calendar().version, A_TURN):
            plan = _PLAN.decode(row["body"])
            until_us, certain, version = self._public_until(plan, plan.public_from_us)
            act = p.Recount(public_until_us=until_us, certain=certain, calendar=version)
            changed += isinstance(await self.act(plan.id, act, MARKET), p.Plan)
        return changed

    async def read(self, plan_id: str) -> p.Plan | None:
        """Return a plan."""
        row = await self._pool.fetchrow(QUERIES["read"], plan_id)
        return None if row is None else _PLAN.decode(row["body"])

    async def of_party(self, party: str, limit: int = 50) -> list[p.Plan]:
        """Return a unit's plans, newest first."""
        rows = await self._pool.fetch(QUERIES["of_party"], party, max(1, min(limit, PAGE_MAX)))
        return [_PLAN.decode(row["body"]) for row in rows]

    async def of_deal(self, deal_id: str) -> list[p.Plan]:
        """Return the rounds of a deal."""
        return [_PLAN.decode(row["body"]) for row in await self._pool.fetch(QUERIES["of_deal"], deal_id, PAGE_MAX)]

    async def paid(self, party: str) -> list[p.Plan]:
        """Return what a unit has paid out, oldest first, at most `PAID_MAX`."""
        return [_PLAN.decode(row["body"]) for row in await self._pool.fetch(QUERIES["paid_rows"], party, PAID_MAX)]

    async def figures(self) -> Figures:
        """Return counts for metrics."""
        row = await self._pool.fetchrow(QUERIES["figures"], self._now_us())
        assert row is not None, "an aggregate has a row"
        return Figures(**dict(row))

    async def history(self, plan_id: str) -> list[Line]:
        """Return what happened to a plan."""
        rows = await self._pool.fetch(QUERIES["history"], plan_id)
        return [Line(row["seq"], row["at_us"], row["actor"], p.decode_event(row["body"])) for row in rows]


async def problems_of_histories(connection: Connection) -> list[tuple[str, str]]:
    """Return what is wrong with the stored histories: (subject, problem). Reads everything."""
    found: list[tuple[str, str]] = []
    last = ""
    while rows := await connection.fetch(QUERIES["page_for_checking"], last, PAGE_MAX):
        for row in rows:
            problem = await _problem(connection, row)
            if problem:
                found.append((f"distribution {row['id']}", problem))
        last = rows[-1]["id"]
    lost = await connection.fetch(QUERIES["lost_histories"])
    found += [(f"distribution {row['plan']}", "there is a history and no plan") for row in lost]
    place, previous = ("", 0), b""
    while rows := await connection.fetch(QUERIES["policies_for_checking"], *place, PAGE_MAX):
        for row in rows:
            party, version = row["party"], row["version"]
            if party != place[0]:
                previous, place = POLICIES.first(party), (party, 0)
            previous = POLICIES.next(
                previous, party, version, "policy", row["proposed_at_us"], row["proposed_by"], row["body"]
            )
            if version != place[1] + 1 or previous != row["digest"]:
                found.append((f"distribution policy {party} {version}", "it was changed, or one before it is missing"))
            place = (party, version)
    return found


async def _problem(connection: Connection, row: asyncpg.Record) -> str:
    digest, plan = PLANS.first(row["id"]), None
    for number, line in enumerate(await connection.fetch(QUERIES["history"], row["id"]), start=1):
        digest = PLANS.next(digest, row["id"], line["seq"], line["type"], line["at_us"], line["actor"], line["body"])
        if line["seq"] != number or digest != line["digest"]:
            return f"event {number} was changed or is missing"
        plan = p.evolve(plan, p.decode_event(line["body"]), row["id"], line["at_us"])
    if digest != row["digest"] or plan != _PLAN.decode(row["body"]):
        return "the row is not what its history says"
    return ""
