"""Whatever order callbacks and statements come in, however often and however much at once: the same ledger."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest
from msgspec.structs import replace

from settlement.bank.port import Credit
from tests.settlement.bank.conftest import Desk
from tests.settlement.conftest import OTHER, PRICE, House

WAITING = {"already_paid": 1, "part_payment": 1, "overpaid": 1, "wrong_payer": 1, "unknown_account": 1}
ORDERS = 40
"""Orders tried; each is drawn by its own seed, so a failure names the order."""


async def credits_of(desk: Desk, tag: str) -> list[Credit]:
    """Payments that fit and do not fit two deposits: twice, wrong sums, wrong payer, nobody's."""
    one, two = f"dep-{tag}-1", f"dep-{tag}-2"
    await desk.house.require(one, subject=f"listing/{tag}")
    await desk.house.require(two, OTHER, PRICE + 7, subject=f"listing/{tag}")
    fits = await desk.credit(one, f"{tag}-fits")
    return [
        fits,
        replace(fits, bank_ref=f"{tag}-again"),
        await desk.credit(two, f"{tag}-other"),
        replace(fits, bank_ref=f"{tag}-part", amount_fen=PRICE - 1),
        replace(fits, bank_ref=f"{tag}-over", amount_fen=PRICE + 1),
        replace(fits, bank_ref=f"{tag}-payer", payer_name="陌生人"),
        replace(fits, bank_ref=f"{tag}-nobody", virtual_account="990001999999999", amount_fen=11),
    ]


async def ledger_of(desk: Desk, tag: str) -> dict[tuple[str, str], int]:
    rows = await desk.pool.fetch(
        "SELECT account, deposit, sum(amount_fen)::bigint AS fen FROM ledger_line JOIN ledger_entry ON number = entry"
        " WHERE entry_key LIKE '%' || $1 || '-%' AND account <> 'bank' GROUP BY account, deposit HAVING sum(amount_fen) <> 0",
        tag,
    )
    return {(row["account"], row["deposit"].replace(tag, "")): row["fen"] for row in rows}


@pytest.fixture
async def many(house: House) -> Desk:
    return Desk(house)


async def test_any_order_of_callbacks_and_statements_ends_in_the_same_ledger(many: Desk):
    expected = {
        ("deposit_received", "dep--1"): -PRICE,
        ("deposit_received", "dep--2"): -PRICE - 7,
        ("suspense", ""): -(PRICE + PRICE - 1 + PRICE + 1 + PRICE + 11),
    }
    for seed in range(ORDERS):
        tag, draw = f"t{seed:02d}", random.Random(seed)
        credits = await credits_of(many, tag)
        steps = [*credits * draw.randint(1, 2)]
        draw.shuffle(steps)
        # A statement of a part of them, of all of them, before, between or after the callbacks; some callbacks are lost.
        cut = draw.randrange(len(steps))
        part = draw.sample(credits, draw.randint(1, len(credits)))
        lost = set(draw.sample([credit.bank_ref for credit in credits], 2))
        calls = [credit for credit in steps if credit.bank_ref not in lost]
        await together(many, calls[:cut], draw)
        await many.statement(*part, 日期="2026-03-02")
        await together(many, calls[cut:], draw)
        await many.statement(*credits, 日期="2026-03-02")
        await many.statement(*part, 日期="2026-03-02")
        assert await ledger_of(many, tag) == expected, seed
        reasons = await many.pool.fetch(
            "SELECT outcome, count(*) AS rows FROM bank_exception x JOIN bank_event e ON e.id = x.event"
            " WHERE bank_ref LIKE $1 || '-%' GROUP BY outcome", tag,
        )  # fmt: skip
        assert {row["outcome"]: row["rows"] for row in reasons} == WAITING, seed
    await many.balances()


async def together(desk: Desk, calls: list[Credit], draw: random.Random) -> None:
    """Send calls in groups, each group at once."""
    waiting = iter(calls)
    while group := list(itertools.islice(waiting, draw.randint(1, 4))):
        await asyncio.gather(*(desk.call(credit) for credit in group))
