"""Random histories against real PostgreSQL: after every step the money is explained, each deposit is in one state, nothing is paid twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from settlement.bank.port import Credit, PayoutResult, PayoutState
from settlement.deposits.deposits import Received
from settlement.deposits.events import FINAL
from settlement.deposits.events import DepositState as S
from settlement.deposits.terms import DepositTerms, ForfeitBy, SurplusPolicy
from settlement.verification import verify_money
from tests.settlement.conftest import ACCOUNTS, BUYER, DAY_US, HOUR_US, OTHER, Clock, House

EXAMPLES, STEPS = 56, 50
"""Together more than 2,000 steps."""
IDS = [f"d{number}" for number in range(4)]
which = st.sampled_from(IDS)
fen = st.sampled_from([1_000, 400, 600, 1, 1_001, 2_500])


def machine(make_database: Callable[[], str], steps: list[str], reached: set[S]) -> type[RuleBasedStateMachine]:
    class Life(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.loop = asyncio.new_event_loop()
            self.pool = self.run(asyncpg.create_pool(make_database(), min_size=1, max_size=4, loop=self.loop))
            self.house = House(self.pool, Clock())
            self.arrived_fen = 0
            self.credits: list[tuple[str, Credit]] = []
            self.after: dict[str, S] = {}

        def run(self, work: Any) -> Any:
            async def awaited() -> Any:
                return await work

            return self.loop.run_until_complete(awaited())

        def teardown(self) -> None:
            self.run(self.pool.close())
            self.loop.close()

        @initialize(
            by=st.sampled_from(ForfeitBy), policy=st.sampled_from(SurplusPolicy), wait=st.sampled_from([0, HOUR_US])
        )
        def begin(self, by: ForfeitBy, policy: SurplusPolicy, wait: int) -> None:
            terms = DepositTerms(seller_id="seller", forfeit_by=by, surplus_policy=policy, release_wait_us=wait)
            for number, one in enumerate(IDS):
                party = (BUYER, OTHER)[number % 2]
                self.run(self.house.require(one, party, 1_000, terms=terms))
                if number < 3:  # one begins held, one released, one about to be lost, one unpaid
                    self.take(one, self.house.credit(1_000, ACCOUNTS[party]))
                    self.run(self.house.deposits.hold(one))
            self.run(self.house.deposits.schedule_release("d1", self.house.clock.now_us, "not_chosen"))
            self.run(self.house.deposits.propose_forfeit("d2", "default", self.house.clock.now_us + DAY_US))

        @rule(one=which, amount=fen, stranger=st.booleans())
        def pay(self, one: str, amount: int, stranger: bool) -> None:
            steps.append("pay")
            party = (BUYER, OTHER)[int(one[1:]) % 2]
            credit = self.house.credit(amount, ("陌生人", "1") if stranger else ACCOUNTS[party])
            self.take(one, credit)

        @precondition(lambda self: self.credits)
        @rule(data=st.data(), other=which)
        def pay_again(self, data: st.DataObject, other: str) -> None:
            """The bank tells the same twice, perhaps matched to something else."""
            steps.append("pay_again")
            one, credit = data.draw(st.sampled_from(self.credits))
            before = self.run(self.house.balances())
            again = self.run(self.house.receive(one, credit))
            assert isinstance(again, Received) and again.repeated
            if other != one:
                assert not isinstance(self.run(self.house.receive(other, credit)), Received)
            assert self.run(self.house.balances()) == before

        def take(self, one: str, credit: Credit) -> None:
            done = self.run(self.house.receive(one, credit))
            if isinstance(done, Received):
                self.arrived_fen += credit.amount_fen
                self.credits.append((one, credit))
                assert done.taken_fen + done.surplus_fen == credit.amount_fen

        @rule(one=which)
        def hold(self, one: str) -> None:
            steps.append("hold")
            self.run(self.house.deposits.hold(one))

        @rule(hours=st.sampled_from([0, 1, 30, 100]))
        def time_passes(self, hours: int) -> None:
            steps.append("time")
            self.house.clock.pass_us(hours * HOUR_US + 1)

        @rule(hours=st.sampled_from([0, 30]))
        def clocks(self, hours: int) -> None:
            steps.append("clocks")
            self.house.clock.pass_us(hours * HOUR_US)
            self.run(self.house.clocks.tick())

        @rule(one=which)
        def release(self, one: str) -> None:
            steps.append("release")
            self.run(self.house.deposits.schedule_release(one, self.house.clock.now_us, "not_chosen"))

        @rule(one=which, on=st.booleans())
        def block(self, one: str, on: bool) -> None:
            steps.append("block")
            if on:
                self.run(self.house.deposits.block(one, "b", "objection"))
            else:
                self.run(self.house.deposits.unblock(one, "b"))

        @rule(one=which, undo=st.booleans())
        def convert(self, one: str, undo: bool) -> None:
            steps.append("convert")
            if undo:
                self.run(self.house.deposits.undo_conversion(one, "deal undone"))
            else:
                self.run(self.house.deposits.convert(one, f"deal-{one}"))

        @rule(one=which)
        def propose(self, one: str) -> None:
            steps.append("propose")
            self.run(self.house.deposits.propose_forfeit(one, "default", self.house.clock.now_us + DAY_US))

        @rule(one=which, decide=st.sampled_from(["appeal", "uphold", "dismiss", "lift"]))
        def appeal(self, one: str, decide: str) -> None:
            steps.append(decide)
            deposits = self.house.deposits
            if decide == "appeal":
                party = (BUYER, OTHER)[int(one[1:]) % 2]
                self.run(deposits.appeal(one, party, "no", actor=party))
            elif decide == "lift":
                self.run(deposits.lift_forfeit(one, "mistake", actor="op"))
            else:
                self.run(deposits.decide_appeal(one, upheld=decide == "uphold", reason="r", actor="op"))

        @rule(one=which, second=st.sampled_from([9_000, 9_600, 10_000]), costs=st.sampled_from([0, 100, 5_000]))
        def deduct(self, one: str, second: int, costs: int) -> None:
            steps.append("deduct")
            self.run(
                self.house.deposits.deduct(
                    one, first_price_fen=10_000, second_price_fen=second, costs_fen=costs, actor="op"
                )
            )

        @rule(faults=st.lists(st.sampled_from(["", "lost", "no_answer", "accept"]), max_size=3), closed=st.booleans())
        def bank(self, faults: list[str], closed: bool) -> None:
            steps.append("bank")
            self.house.bank.faults = faults
            self.house.bank.failing_accounts = {ACCOUNTS[BUYER][1]} if closed else set()
            self.run(self.house.payouts.send_due())
            self.house.bank.faults = []

        @rule(fails=st.booleans())
        def callback(self, fails: bool) -> None:
            """The bank tells what became of accepted orders; what it told before it does not change."""
            steps.append("callback")
            for order_id, result in list(self.house.bank.results.items()):
                if result.state is PayoutState.ACCEPTED:
                    failed = PayoutResult(order_id=order_id, state=PayoutState.FAILED, reason="account_closed")
                    self.house.bank.results[order_id] = failed if fails else self.house.bank.settled(order_id)
                told = self.house.bank.results[order_id]

                async def settle(told: PayoutResult = told) -> None:
                    async with self.pool.acquire() as connection, connection.transaction():
                        assert (await self.house.payouts.settle(connection, told)).refused is None

                self.run(settle())

        @rule()
        def reissue(self) -> None:
            steps.append("reissue")
            for order in self.run(self.house.payouts.failing()):
                self.run(self.house.payouts.reissue(order.order_id, "x", "6222000000000009"))

        @invariant()
        def the_money_is_explained(self) -> None:
            verdict = self.run(verify_money(self.pool))
            assert verdict.findings == []
            balances = self.run(self.house.balances())
            assert balances.get("bank", 0) == self.arrived_fen - self.run(self._settled())
            assert all(balance <= 0 for account, balance in balances.items() if account != "bank"), balances

        async def _settled(self) -> int:
            found: int = await self.pool.fetchval(
                "SELECT coalesce(sum(amount_fen), 0)::bigint FROM payout WHERE state = 'settled'"
            )
            return found

        @invariant()
        def nothing_leaves_twice_and_the_end_is_the_end(self) -> None:
            assert self.house.bank.paid_fen <= self.arrived_fen
            for one in IDS:
                deposit = self.run(self.house.deposits.read(one))
                if deposit is None:
                    continue
                if self.after.get(one) in FINAL:
                    assert deposit.state is self.after[one]
                self.after[one] = deposit.state
                reached.add(deposit.state)

    return Life


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_random_histories_keep_every_fen(make_database: Callable[[], str]) -> None:
    steps: list[str] = []
    reached: set[S] = set()
    run_state_machine_as_test(
        machine(make_database, steps, reached),
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    assert len(steps) >= 2_000, len(steps)
    assert set(steps) >= {"pay", "pay_again", "bank", "callback", "reissue", "deduct", "uphold", "convert"}
    assert reached == set(S), set(S) - reached
