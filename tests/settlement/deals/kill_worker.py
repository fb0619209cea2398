"""Settlement workers that are killed with SIGKILL, each a process of its own, over one database: `python -m ... DSN NOW_US`.

For every event of the course of a deal, one child dies inside the transaction that writes it and the next one right after its commit;
each child begins by asking for everything again. What people do (sign, pay, hand over) is asked for by every child, too, and refused
where it is done already. The last child goes to the end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any, Final

import asyncpg

from engine.values import InstantUs
from settlement.bank.port import Credit
from settlement.deals import acts as a
from settlement.deals import store
from settlement.deals.deal import DealSide
from settlement.deals.events import WIRE_NAMES
from tests.settlement.conftest import ACCOUNTS, BUYER, Clock
from tests.settlement.deals.conftest import PRICE_FEN, SIDES, DealHouse

GOOD, BAD = "DA-good", "DA-bad"
PAID_FEN: Final = 50_000_000
POINTS: Final = {
    GOOD: (
        "opened", "confirmed", "draft_supplied", "side_signed", "signing_concluded", "money_taken", "certificate_issued",
        "handed_over", "delivery_accepted", "payout_settled", "contract_registered", "income_distributed",
    ),
    BAD: ("default_questioned", "default_found", "default_recorded", "resale_recorded", "payout_settled"),
}  # fmt: skip
"""Every transaction of a deal that goes well, and of one whose buyer does not pay the rest. Release and refund are written with their cause."""
MINUTES_US: Final = 120_000_000
"""Between two children: leases have run out."""
GRACE_US: Final = 60 * 86_400_000_000
DYING: Final[list[str]] = []
"""What was written in somebody else's transaction; `committed` is the first thing after it."""


def committed() -> None:
    """Die here if the plan says so."""
    if DYING:
        die()


def die() -> None:
    """End as if the power had failed."""
    os.kill(os.getpid(), signal.SIGKILL)


def plant(deal_id: str, name: str, place: str) -> None:
    """Kill this process at an event of a deal: inside its transaction (`before`), or right after its commit (`after`)."""
    act, inner = store.DealShelf.act, store.DealShelf._act

    def happened(done: Any) -> bool:
        if not isinstance(done, store.Changed) or done.process.id != deal_id:
            return False
        return any(WIRE_NAMES[type(event)] == f"deal.{name}" for event in done.events)

    async def inside(self: Any, *arguments: Any) -> Any:
        done = await inner(self, *arguments)
        if place == "before" and happened(done):
            die()
        return done

    async def outside(self: Any, deal: str, wanted: Any, asked: Any, on: Any = None) -> Any:
        done = await act(self, deal, wanted, asked, on)
        if place == "after" and happened(done):
            if on is None:
                die()
            DYING.append(name)  # the transaction is the log's or the bank's: right after it
        return done

    store.DealShelf._act = inside  # type: ignore[method-assign, assignment]
    store.DealShelf.act = outside  # type: ignore[method-assign, assignment]


async def course(house: DealHouse) -> None:
    """Ask for everything that brings both deals to their end; what is done already is refused, and that is all right."""
    await house.following.catch_up()
    committed()
    await house.work()
    for deal_id in (GOOD, BAD):
        for side in DealSide:
            text = (await house.deal(deal_id)).contract_digest
            await house.deals.do(deal_id, a.SignContract(side=side, party_id=SIDES[side], contract_digest=text))
    await house.work()
    for deal_id, amount in ((GOOD, PRICE_FEN), (BAD, PAID_FEN)):
        await _pay(house, deal_id, amount)
    await house.work()
    await house.deals.do(GOOD, a.HandOver(proof_ref="登记簿副本", proof_digest=""))
    await house.deals.do(GOOD, a.AcceptDelivery(by_operator=True, reason="已核对"))
    await house.payouts.send_due()
    committed()
    await house.deals.do(GOOD, a.NoteRegistered(number="R1"))
    await house.deals.do(GOOD, a.NoteDistributed(ref="P1"))
    for _ in range(3):
        house.clock.pass_us(GRACE_US)
        await house.work()
    await house.deals.do(BAD, a.DecideDefault(side=DealSide.BUYER, reason="逾期不付款"))
    await house.work()
    await house.deals.do(BAD, a.RecordResale(second_price_fen=PRICE_FEN - 20_000_000, costs_fen=0, deposit_fen=0))
    await house.payouts.send_due()
    committed()


async def _pay(house: DealHouse, deal_id: str, amount_fen: int) -> None:
    name, account = ACCOUNTS[BUYER]
    credit = Credit(
        bank_ref=f"in-{deal_id}", booked_at_us=InstantUs(house.clock.now_us), amount_fen=amount_fen, payer_name=name,
        payer_account=account, virtual_account="", purpose="",
    )  # fmt: skip
    stored = await house.pool.fetchval("SELECT min(at_us) FROM deal_event WHERE act_key = $1", f"credit:in-{deal_id}")
    if stored is None:
        async with house.pool.acquire() as connection, connection.transaction():
            await house.deals.receive(connection, deal_id, credit)
        committed()


async def work(dsn: str, now_us: int) -> None:
    """One life of the worker."""
    async with asyncpg.create_pool(dsn, min_size=1, max_size=3) as pool:
        clock = Clock()
        clock.now_us = now_us
        await course(DealHouse(pool, clock))


def live(dsn: str, now_us: int, deal_id: str, name: str, place: str) -> str:
    """Fork a worker, let it live until it is killed or done, and say how it ended."""
    child = os.fork()
    if child == 0:
        try:
            if name:
                plant(deal_id, name, place)
            asyncio.run(work(dsn, now_us))
        except BaseException as error:
            print(f"{deal_id} {name}:{place}: {error!r}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return "killed" if os.WIFSIGNALED(status) else str(os.WEXITSTATUS(status))


def main(arguments: list[str]) -> int:
    """Run every life; print how each ended."""
    dsn, now_us = arguments[0], int(arguments[1])
    for deal_id, names in POINTS.items():
        for name in names:
            for place in ("before", "after"):
                now_us += MINUTES_US
                print(f"{deal_id} {name}:{place} {live(dsn, now_us, deal_id, name, place)}", flush=True)
    print(f"end {live(dsn, now_us + MINUTES_US, '', '', '')}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
