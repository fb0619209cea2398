"""Listed trade for tests of the gateway: an institution with a published achievement, buyers, deposits that arrive, statutory days."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

from engine.catalogue.parties.party import BankAccount, PartyKind, Registration
from engine.rules.achievement.record import Mode
from engine.rules.achievement.states import Act, Actor
from engine.rules.listing.state import IntentPhase, ListingPhase, ListingState
from engine.rules.real_name import RealNameAct
from engine.values import InstantUs, ListingId, PartyId
from gateway.accounts.model import Account, Role
from gateway.parties.names import names_of
from gateway.services import Services
from settlement.bank.port import Credit
from settlement.deposits.events import DepositState
from settlement.deposits.evolving import Deposit
from tests.engine.rules.achievement.test_checking import WHOLE
from tests.gateway.conftest import Person, Town
from tests.time_travel import travel

_resident_ids = (f"1501011990010{number:05}" for number in itertools.count(10_000))
LISTINGS = "/api/v1/listings"
PRICE = 100_000_000
HOUR_US = 3_600_000_000


def wish(**more: Any) -> dict[str, Any]:
    """Return a command's body with an id of its own."""
    return {"id": str(uuid4()), **more}


def disclosed_terms(**more: Any) -> dict[str, Any]:
    """Terms of a transfer disclosed for ten working days, a deposit of a tenth, bidding in cycles when several come."""
    return {
        "mode": "TRANSFER",
        "way": "disclosed",
        "list_price": str(PRICE),
        "disclosure_working_days": 10,
        "deposit": {"share_bps": 1_000, "release": "hours_24"},
        "session": {
            "increment": {"kind": "fixed", "step": "100000"},
            "free_period_us": HOUR_US,
            "limited_cycle_us": 120_000_000,
        },
        **more,
    }


async def register_verified(services: Services, account: Account, bank_account: str) -> str:
    """Register who is behind an account, as checked and with a bank account; return the name."""
    parties = services.parties
    said = Registration(kind=PartyKind.PERSON, name_zh=f"买方{account.login}", number=next(_resident_ids))
    await parties.register(said, account.id, party_id=account.party)
    for act in (RealNameAct.SUBMIT, RealNameAct.VERIFY):
        await parties.act(account.party, act, account.id)
    bank = BankAccount(holder=said.name_zh, number=bank_account, bank="示范银行")
    await parties.set_bank_account(account.party, bank, account.id)
    return said.name_zh


async def release_achievement(services: Services, account: Account, *modes: Mode, **changes: Any) -> str:
    """Publish a whole record of the account's party, to be offered in these modes."""
    store = services.achievements
    caller = (await services.accounts.by_ids([account.id]))[account.id]
    one = await store.create(caller.party, account.id, replace(WHOLE, modes=modes or WHOLE.modes, **changes))
    for act, actors in (
        (Act.SUBMIT, frozenset({Actor.APPLICANT, Actor.APPROVER})),
        (Act.RELEASE, frozenset({Actor.APPLICANT, Actor.APPROVER})),
        (Act.PUBLISH, frozenset({Actor.OPERATOR})),
    ):
        assert await store.act(one, act, actors=actors, account=account.id, party=caller.party) is not None
    return one


class Fair:
    """A market with an institution and its listing."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.services: Services = town.services
        self.name = ListingId(f"fair-{uuid4().hex[:6]}")
        self.seller: Person
        self.operator: Person

    async def open(self) -> Fair:
        """Register the institution and the operator, publish an achievement."""
        self.seller, self.operator = await self.verified(Role.SELLER), await self.town.person(Role.OPERATOR)
        self.achievement = await self.publish_achievement()
        return self

    async def verified(self, role: Role) -> Person:
        """Return somebody whose identity was checked and whose bank account is on file."""
        person = await self.town.person(role)
        assert person.account is not None
        await register_verified(self.services, person.account, "6210998877665544")
        return person

    async def publish_achievement(self) -> str:
        """Publish a whole record of the seller's."""
        assert self.seller.account is not None
        return await release_achievement(self.services, self.seller.account)

    async def submit(self, **terms: Any) -> tuple[int, dict[str, Any]]:
        """Hand the listing in."""
        body = wish(listing=self.name, achievement=self.achievement, terms=disclosed_terms(**terms))
        return await self.seller.post(LISTINGS, body)

    async def published(self, **terms: Any) -> Fair:
        """Hand the listing in and publish it."""
        status, answer = await self.submit(**terms)
        assert status == 200, answer
        status, answer = await self.act(self.operator, "publish")
        assert status == 200, answer
        return self

    async def act(self, person: Person, act: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """Do something with the listing."""
        return await person.post(f"{LISTINGS}/{self.name}/{act}", wish(**more))

    async def qualify(self, buyer: Person, **more: Any) -> int:
        """Let a buyer apply and qualify; return the number of the application."""
        status, answer = await self.act(buyer, "intents", **more)
        assert status == 200, answer
        no = int(answer["no"])
        status, answer = await self.act(self.operator, f"intents/{no}/review", verdict="pass")
        assert status == 200, answer
        status, answer = await self.act(self.seller, f"intents/{no}/answer", agrees=True)
        assert status == 200, answer
        return no

    async def pay(self, no: int, amount_fen: int | None = None) -> None:
        """Let the deposit of an application arrive from the buyer's own account."""
        deposit = await self.deposit(no, lambda one: one is not None)
        assert deposit is not None
        credit = Credit(
            bank_ref=f"in-{uuid4().hex}", booked_at_us=InstantUs(self.services.now_us),
            amount_fen=amount_fen or deposit.amount_fen, payer_name=await self._name_of(deposit.party_id), payer_account="6210998877665544",
            virtual_account=deposit.virtual_account, purpose="",
        )  # fmt: skip
        deposits = self.services.settling.deposits
        async with self.services.pool.acquire() as connection, connection.transaction():
            await deposits.receive(connection, deposit.id, credit)
        await deposits.hold(deposit.id, actor="test")

    async def _name_of(self, party_id: str) -> str:
        return (await names_of(self.services, [party_id]))[PartyId(party_id)]

    async def admit(self, buyer: Person, **more: Any) -> int:
        """Let a buyer qualify, pay and be admitted."""
        no = await self.qualify(buyer, **more)
        await self.pay(no)
        await self.until(lambda state: state.intents[no - 1].phase is IntentPhase.ADMITTED)
        return no

    async def deposit(self, no: int, met: Callable[[Deposit | None], bool] = lambda one: True) -> Deposit | None:
        """Return a deposit once it is as wished; the consumer of the log runs by itself."""
        async with asyncio.timeout(60):
            while not met(deposit := await self.services.settling.deposits.read(f"{self.name}.{no}")):
                await asyncio.sleep(0.02)
        return deposit

    async def deposit_in(self, no: int, *states: DepositState) -> Deposit:
        """Return a deposit once it stands in one of these states: some are left again at once."""
        deposit = await self.deposit(no, lambda one: one is not None and one.state in states)
        assert deposit is not None
        return deposit

    async def until(self, met: Callable[[ListingState], bool]) -> ListingState:
        """Return the listing once it is as wished."""
        async with asyncio.timeout(60):
            while (state := self.services.engine.listings.state(self.name)) is None or not met(state):
                await asyncio.sleep(0.02)
        return state

    async def in_phase(self, phase: ListingPhase) -> ListingState:
        """Return the listing once it stands in this phase."""
        return await self.until(lambda state: state.phase is phase)

    async def disclosure_ends(self) -> None:
        """Let the days of disclosure pass."""
        state = await self.in_phase(ListingPhase.LISTED)
        assert state.discloses_until_us is not None
        await travel(self.services.engine, state.discloses_until_us)

    async def session_opens(self) -> str:
        """Wait for the session and let its opening come; return the lot."""
        state = await self.in_phase(ListingPhase.BIDDING)
        assert state.lot_id is not None
        admitted = sum(intent.phase is IntentPhase.ADMITTED for intent in state.intents)
        engine, lot_id = self.services.engine, state.lot_id
        async with asyncio.timeout(60):
            while (lot := engine.state(lot_id)) is None or len(lot.codes) < admitted:
                await asyncio.sleep(0.02)
        await travel(engine, lot.opens_at_us)
        async with asyncio.timeout(60):
            while (lot := engine.state(lot_id)) is None or not lot.phase.is_bidding:
                await asyncio.sleep(0.02)
        return str(lot_id)

    async def session_ends(self) -> None:
        """Let the session come to its end."""
        state = await self.in_phase(ListingPhase.BIDDING)
        assert state.lot_id is not None
        engine = self.services.engine
        while (lot := engine.state(state.lot_id)) is not None and not lot.phase.is_final:
            due_us = lot.closes_at_us or lot.free_ends_at_us
            assert due_us is not None
            await travel(engine, due_us)
