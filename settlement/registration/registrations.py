"""What the market does with registrations. Every method returns what changed, or why not; nothing is raised for what a person may do wrong.

`key` makes an act idempotent. Clocks are counted by the holiday table known now (engine/calendar.py).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Final

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from engine.calendar import Calendar, civil_of, day_of, period_end
from engine.values import InstantUs
from settlement import registry
from settlement.contracts.drafting import draft
from settlement.contracts.store import Contracts
from settlement.ledger.book import Connection
from settlement.registration import acts as a
from settlement.registration import events as e
from settlement.registration.deciding import NotDone, Refusal, acceptance_of
from settlement.registration.evolving import Registration
from settlement.registration.files import Files
from settlement.registration.filling import profile_of
from settlement.registration.form import registration_rules
from settlement.registration.package import package_digest
from settlement.registration.store import (
    QUERIES,
    Documents,
    Outcome,
    Shelf,
    registration_id_of,
    registration_of,
    stream_of,
)
from settlement.registry import Asked

PAGE_MAX: Final = 200
A_TURN: Final = 200
CHECK_BYTES: Final = 10
QUEUES: Final = (
    "incoming", "pre_check", "accepted", "first_review", "expert_review", "second_review", "objected", "overdue", "returned",
)  # fmt: skip
"""Names of the desk's queues, in the order of the work."""
MARKET: Final = "market"

log = logging.getLogger(__name__)


class Waiting(Struct, frozen=True):
    """A registration in a queue."""

    registration: Registration
    since_us: int


class Figures(Struct, frozen=True, kw_only=True):
    """Counts of registrations that wait for somebody."""

    incoming: int = 0
    pre_check: int = 0
    accepted: int = 0
    first_review: int = 0
    expert_review: int = 0
    second_review: int = 0
    returned: int = 0
    objected: int = 0
    overdue: int = 0
    uncertain: int = 0


class HistoryLine(Struct, frozen=True):
    """One event of a registration with its place and digest."""

    seq: int
    at_us: int
    actor: str
    event: e.Event
    digest: bytes


class Registrations:
    """All registrations of the market."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        contracts: Contracts,
        *,
        calendar: Callable[[], Calendar],
        market: str = "ortoo",
        number_prefix: str = "",
        push: bool = False,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1_000,
    ) -> None:
        """Make the service.

        Args:
            pool: The database.
            contracts: Where the contracts are.
            calendar: The holiday table known now.
            market: Name of the market in packages.
            number_prefix: Province, city and registrar, six digits, of the market's own series of numbers; empty: every number is typed in.
            push: There is an outside system that messages are sent to.
            now_us: The market's clock.
        """
        self._pool = pool
        self.contracts = contracts
        self._calendar = calendar
        self._prefix = number_prefix
        self._now_us = now_us
        self.shelf = Shelf(pool, push=push)
        self.files = Files(self.shelf, contracts, market=market, now_us=now_us)

    # The registrant

    async def open(self, deal: str, *, actor: str, key: str | None = None) -> Outcome:
        """Begin the registration of a deal's contract. The same again changes nothing."""
        registration_id = registration_id_of(deal)
        known = await self.shelf.read(registration_id)
        contract = await self.contracts.of_deal(deal)
        if contract is None:
            return NotDone(Refusal.NO_SUCH_REGISTRATION)
        if known is not None:
            return NotDone(Refusal.REGISTRATION_EXISTS)
        facts = contract.signed_facts
        amount = draft(facts).amount
        act = a.OpenCase(
            deal=deal, contract_id=contract.id, contract_version=contract.version, applicant=facts.registrant.party_id,
            kind=facts.kind, project=facts.project, region=facts.registrant.region, seller=facts.seller.name,
            buyer=facts.buyer.name, total_fen=amount.total_fen, technical_fen=amount.technical_fen,
            demonstration=facts.demonstration,
        )  # fmt: skip
        return await self._do(registration_id, act, actor, key)

    async def save(
        self,
        registration_id: str,
        answers: Mapping[str, str],
        explanations: Mapping[str, str],
        *,
        actor: str,
        key: str | None = None,
    ) -> Outcome:
        """Keep answers; what they say about the parties is kept for their next contract, too."""
        kept = {name: text.strip() for name, text in answers.items() if text.strip()}
        reasons = {name: text.strip() for name, text in explanations.items() if text.strip()}
        done = await self._do(registration_id, a.SaveForm(answers=kept, explanations=reasons), actor, key)
        if not isinstance(done, NotDone):
            contract = await self.contracts.read(done.registration.contract_id)
            assert contract is not None, "a registration has a contract"
            for name, side in (("seller", contract.facts.seller), ("buyer", contract.facts.buyer)):
                before = await self.contracts.profile(side.party_id)
                said = profile_of(kept, name, before)
                if said != before:
                    await self.contracts.keep_profile(side.party_id, said, actor=actor)
        return done

    async def submit(self, registration_id: str, *, actor: str, key: str | None = None) -> Outcome:
        """Hand it in, as the contract stands now; refused while the pre-check predicts a refusal."""
        file = await self.files.file(registration_id)
        if file is None:
            return NotDone(Refusal.NO_SUCH_REGISTRATION)
        registration, contract = file.registration, file.contract
        if registration.contract_version != contract.version:
            amount = file.draft.amount
            newer = a.TakeVersion(
                contract_version=contract.version, kind=contract.facts.kind, project=contract.facts.project,
                total_fen=amount.total_fen, technical_fen=amount.technical_fen,
            )  # fmt: skip
            taken = await self._do(registration_id, newer, actor, None if key is None else f"{key}.version")
            if isinstance(taken, NotDone):
                return taken
        at_us = self._now_us()
        make = self.files.packager(file, at_us)
        digest = package_digest(make(replace(registration, revision=registration.revision + 1)))
        act = a.Submit(package=digest, clear=file.found.clear)
        asked = Asked(at_us=at_us, actor=actor, key=key)
        return await self.shelf.act(registration_id, act, asked, Documents(package=make))

    # The registrar

    async def start_pre_check(self, registration_id: str, *, actor: str, key: str | None = None) -> Outcome:
        """Take it up."""
        return await self._do(registration_id, a.StartPreCheck(), actor, key)

    async def return_for_correction(
        self, registration_id: str, reason: str, fields: tuple[str, ...] = (), *, actor: str, key: str | None = None
    ) -> Outcome:
        """Send it back (补正)."""
        return await self._do(registration_id, a.Return(reason=reason, fields=fields), actor, key)

    async def accept(self, registration_id: str, *, actor: str, key: str | None = None) -> Outcome:
        """Accept it; the clock counts from the supplement where there was one (D14)."""
        registration = await self.shelf.read(registration_id)
        if registration is None:
            return NotDone(Refusal.NO_SUCH_REGISTRATION)
        due_at_us, certain, version = self._clock(acceptance_of(registration, self._now_us()), experts=False)
        return await self._do(
            registration_id, a.Accept(due_at_us=due_at_us, certain=certain, calendar=version), actor, key
        )

    async def start_review(self, registration_id: str, *, actor: str, key: str | None = None) -> Outcome:
        """Begin the first review."""
        return await self._do(registration_id, a.StartReview(), actor, key)

    async def raise_dispute(self, registration_id: str, reason: str, *, actor: str, key: str | None = None) -> Outcome:
        """Ask for experts though the amount is small."""
        return await self._do(registration_id, a.RaiseDispute(reason=reason), actor, key)

    async def give_opinion(
        self,
        registration_id: str,
        outcome: e.Outcome,
        technical_fen: int,
        *,
        ground: int = 0,
        reason: str = "",
        actor: str,
        key: str | None = None,
    ) -> Outcome:
        """End the first review; the experts' clock of 30 working days counts from the acceptance."""
        registration = await self.shelf.read(registration_id)
        if registration is None:
            return NotDone(Refusal.NO_SUCH_REGISTRATION)
        due_at_us, certain, version = self._clock(registration.accepted_at_us or self._now_us(), experts=True)
        act = a.GiveOpinion(
            outcome=outcome, technical_fen=technical_fen, ground=ground, reason=reason, expert_due_at_us=due_at_us,
            expert_certain=certain, calendar=version,
        )  # fmt: skip
        return await self._do(registration_id, act, actor, key)

    async def hear_experts(
        self, registration_id: str, act: a.GiveExpertOpinion, *, actor: str, key: str | None = None
    ) -> Outcome:
        """Write down what the experts said."""
        return await self._do(registration_id, act, actor, key)

    async def send_back(self, registration_id: str, reason: str, *, actor: str, key: str | None = None) -> Outcome:
        """The second reviewer does not agree."""
        return await self._do(registration_id, a.SendBack(reason=reason), actor, key)

    async def register(
        self, registration_id: str, number: str = "", *, confirmed: bool = False, actor: str, key: str | None = None
    ) -> Outcome:
        """Register it under the number that the national system gave, or the next of the market's own series where it has one.

        A number that is drawn and then not used (another reviewer was quicker) leaves a gap in the series; a number is never given twice.
        """
        if not number and self._prefix:
            number = await self._next_number()
        act = a.Register(number=number, check=secrets.token_hex(CHECK_BYTES), confirmed=confirmed)
        return await self._do(registration_id, act, actor, key)

    async def refuse(self, registration_id: str, *, actor: str, key: str | None = None) -> Outcome:
        """Refuse it as the first reviewer proposed."""
        return await self._do(registration_id, a.Refuse(), actor, key)

    async def change(
        self,
        registration_id: str,
        cause: e.Cause,
        reason: str,
        *,
        total_fen: int | None = None,
        technical_fen: int | None = None,
        actor: str,
        key: str | None = None,
    ) -> Outcome:
        """变更: take the contract's newest version, or supplement the amount of a royalty."""
        file = await self.files.file(registration_id, newest=cause is e.Cause.CONTRACT_CHANGED)
        if file is None:
            return NotDone(Refusal.NO_SUCH_REGISTRATION)
        supplement = cause is e.Cause.AMOUNT_SUPPLEMENTED
        amount = file.draft.amount
        act = a.Change(
            cause=cause, reason=reason,
            contract_version=file.registration.contract_version if supplement else file.contract.version,
            total_fen=total_fen if supplement and total_fen is not None else amount.total_fen,
            technical_fen=technical_fen if supplement and technical_fen is not None else amount.technical_fen,
            check=secrets.token_hex(CHECK_BYTES),
        )  # fmt: skip
        at_us = self._now_us()
        asked = Asked(at_us=at_us, actor=actor, key=key)
        return await self.shelf.act(registration_id, act, asked, Documents(package=self.files.packager(file, at_us)))

    async def cancel(
        self, registration_id: str, cause: e.Cause, reason: str, *, actor: str, key: str | None = None
    ) -> Outcome:
        """注销."""
        return await self._do(registration_id, a.Cancel(cause=cause, reason=reason), actor, key)

    async def revoke(
        self, registration_id: str, ground: str, reason: str, *, actor: str, key: str | None = None
    ) -> Outcome:
        """撤销."""
        return await self._do(registration_id, a.Revoke(ground=ground, reason=reason), actor, key)

    async def object(self, registration_id: str, by: str, text: str, *, actor: str, key: str | None = None) -> Outcome:
        """异议."""
        return await self._do(registration_id, a.Raise(by=by, text=text), actor, key)

    async def decide_objection(
        self, registration_id: str, reason: str, *, upheld: bool, actor: str, key: str | None = None
    ) -> Outcome:
        """Decide an objection; a refusal that is reviewed again has a new clock."""
        due_at_us, certain, version = self._clock(self._now_us(), experts=False)
        act = a.DecideObjection(upheld=upheld, reason=reason, due_at_us=due_at_us, certain=certain, calendar=version)
        return await self._do(registration_id, act, actor, key)

    async def archive(self, registration_id: str, *, actor: str, key: str | None = None) -> Outcome:
        """Close the file."""
        return await self._do(registration_id, a.Archive(), actor, key)

    async def take_outside(
        self, registration_id: str, act: a.TakeOutside, certificate: bytes, *, on: Connection
    ) -> Outcome:
        """Write down an outside system's answer, in the transaction that records the answer itself (feed/answers.py)."""
        registration = await self.shelf.read(registration_id, on)
        if registration is None:
            return NotDone(Refusal.NO_SUCH_REGISTRATION)
        at_us = self._now_us()
        due_at_us, certain, version = self._clock(acceptance_of(registration, at_us), experts=False)
        check = secrets.token_hex(CHECK_BYTES) if act.answer is e.OutsideAnswer.REGISTERED else ""
        act = replace(act, due_at_us=due_at_us, certain=certain, calendar=version, check=check)
        asked = Asked(at_us=at_us, actor=f"outside:{act.system}")
        return await self.shelf.act(registration_id, act, asked, Documents(certificate=certificate), on)

    # Clocks

    async def recount(self) -> int:
        """Count clocks again that ran past the holiday table; return how many changed."""
        changed = 0
        for row in await self._pool.fetch(QUERIES["to_recount"], A_TURN):
            registration = await self.shelf.read(row["id"])
            if registration is None or not registration.clock_runs:
                continue
            experts = registration.expert_review and registration.state is not e.RegistrationState.FIRST_REVIEW
            due_at_us, certain, version = self._clock(registration.accepted_at_us, experts=experts)
            if version == registration.calendar:
                continue
            act = a.Recount(due_at_us=due_at_us, certain=certain, calendar=version)
            changed += not isinstance(await self._do(registration.id, act, MARKET, None), NotDone)
        return changed

    async def run(self, pause_s: float = 600.0) -> None:
        """Count again for ever, in case the market started with a newer holiday table."""
        while True:
            try:
                await self.recount()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                log.warning("registrations_not_recounted", exc_info=True)
            await asyncio.sleep(pause_s)

    def _clock(self, from_us: int, *, experts: bool) -> tuple[int, bool, str]:
        rules = registration_rules()
        days = (rules.expert_review_working_days if experts else rules.review_working_days).value
        calendar = self._calendar()
        end = period_end(calendar, InstantUs(from_us), working_days=days)
        return end.ends_at_us, end.certain, calendar.version

    # Reading

    async def read(self, registration_id: str) -> Registration | None:
        """Return a registration."""
        return await self.shelf.read(registration_id)

    async def of_deal(self, deal: str) -> Registration | None:
        """Return the registration of a deal."""
        return await self.shelf.find("of_deal", deal)

    async def of_number(self, number: str) -> Registration | None:
        """Return the registration with a number."""
        return await self.shelf.find("of_number", number)

    async def of_applicant(self, party_id: str, after: str = "", limit: int = 50) -> list[Registration]:
        """Return a page of a party's registrations, by id."""
        rows = await self._pool.fetch(QUERIES["of_applicant"], party_id, after, max(1, min(limit, PAGE_MAX)))
        return [registration_of(row) for row in rows]

    async def queue(
        self, name: str, after: tuple[int, str] = (0, ""), limit: int = 50, prefecture: str = ""
    ) -> list[Waiting]:
        """Return a page of a queue of `QUEUES` or `done`, longest waiting first."""
        rows = await self._pool.fetch(
            QUERIES["queue"], name, self._now_us(), prefecture[:4], *after, max(1, min(limit, PAGE_MAX))
        )
        return [Waiting(registration_of(row), row["state_since_us"]) for row in rows]

    async def figures(self) -> Figures:
        """Count what waits."""
        row = await self._pool.fetchrow(QUERIES["counts"], self._now_us())
        return Figures() if row is None else Figures(**dict(row))

    async def history(self, registration_id: str, after_seq: int = 0, limit: int = 200) -> list[HistoryLine]:
        """Return a page of the events of a registration, oldest first."""
        lines = await registry.history(self._pool, stream_of(registration_id), after_seq, limit)
        return [
            HistoryLine(line.seq, line.at_us, line.actor, e.decode_event(line.type, line.body), line.digest)
            for line in lines
        ]

    async def _next_number(self) -> str:
        year = civil_of(day_of(InstantUs(self._now_us())))[0]
        prefix = f"{year}{self._prefix}"
        serial = await self._pool.fetchval(QUERIES["next_serial"], prefix)
        return f"{prefix}{serial:06d}"

    async def _do(self, registration_id: str, act: a.Act, actor: str, key: str | None) -> Outcome:
        return await self.shelf.act(registration_id, act, Asked(at_us=self._now_us(), actor=actor, key=key))
