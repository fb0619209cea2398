"""Deals carried to their registration and numbers back: each step once, whoever dies in between."""

from __future__ import annotations

from settlement.contracts.life import Contract, ContractState, DraftContract
from settlement.contracts.store import Contracts
from settlement.deals import acts as d
from settlement.deals.deals import Deals
from settlement.deals.phases import Phase
from settlement.registration.carrying import Carrying
from settlement.registration.events import Outcome
from settlement.registration.registrations import Registrations
from tests.settlement.deals.conftest import PRICE_FEN, DealHouse, house  # noqa: F401  # a fixture
from tests.settlement.registration.case import ANSWERS, facts, unsigned
from tests.settlement.registration.conftest import done

DEAL, CONTRACT, REGISTRATION = "DA-a1", "C-DA-a1", "R-DA-a1"


class Desk:
    """The registrar's side of a house of deals."""

    def __init__(self, deals: Deals, clock: object) -> None:
        self.contracts = Contracts(deals.pool, deals.now_us)
        self.registrations = Registrations(deals.pool, self.contracts, calendar=deals.calendar, now_us=deals.now_us)
        self.carrying = Carrying(deals, self.contracts, self.registrations)

    async def drafted(self) -> None:
        given = facts(deal=DEAL, contract_id=CONTRACT)
        assert isinstance(await self.contracts.act(CONTRACT, DraftContract(facts=unsigned(given)), actor="m"), Contract)
        for side in (given.seller, given.buyer):
            await self.contracts.keep_profile(side.party_id, side.profile, actor="x")

    async def registered(self) -> None:
        desk = self.registrations
        done(await desk.save(REGISTRATION, ANSWERS, {}, actor="s"))
        done(await desk.submit(REGISTRATION, actor="s"))
        for step in (desk.start_pre_check, desk.accept, desk.start_review):
            done(await step(REGISTRATION, actor="r1"))
        done(await desk.give_opinion(REGISTRATION, Outcome.REGISTER, PRICE_FEN, actor="r1"))
        done(await desk.register(REGISTRATION, "2026150201000001", actor="r2"))


async def test_a_signed_deal_opens_its_registration_and_gets_its_number_back(house: DealHouse) -> None:  # noqa: F811
    desk = Desk(house.deals, house.clock)
    await house.opened()
    await house.work()
    await desk.drafted()
    assert await desk.carrying.turn() == 0, "nobody has signed"
    await house.sign()
    await house.work()
    assert await desk.carrying.turn() == 2, "the contract is signed, the registration opened"
    assert await desk.carrying.turn() == 0, "each once"
    contract = await desk.contracts.read(CONTRACT)
    assert contract is not None and (contract.state, contract.signed_on) == (ContractState.SIGNED, "2026-03-02")
    await desk.registered()
    assert await desk.carrying.turn() == 0, "the deal does not wait for it yet: it is being paid"
    await house.pay(PRICE_FEN)
    await house.delivered()
    await house.payouts.send_due()
    assert (await house.deal()).phase is Phase.REGISTERING
    assert await desk.carrying.turn() == 1
    process = await house.deal()
    assert (process.phase, process.registration_no) == (Phase.DISTRIBUTING, "2026150201000001")
    assert await desk.carrying.turn() == 0
    await house.sound()


async def test_a_deal_that_is_undone_ends_its_contract(house: DealHouse) -> None:  # noqa: F811
    desk = Desk(house.deals, house.clock)
    await house.opened()
    await house.work()
    await desk.drafted()
    await house.sign()
    await house.work()
    await desk.carrying.turn()
    await house.do(d.RescindDeal(reason="共有人异议"))
    await house.work()
    assert (await house.deal()).phase is Phase.RESCINDED
    assert await desk.carrying.turn() == 1
    contract = await desk.contracts.read(CONTRACT)
    assert contract is not None and (contract.state, contract.reason) == (ContractState.RESCINDED, "共有人异议")
