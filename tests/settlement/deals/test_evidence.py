"""What settlement gives into an evidence file: who gets which records, and that one changed byte in them is named."""

from __future__ import annotations

from settlement.deals import acts as a
from settlement.evidence import (
    Found,
    Kind,
    Reader,
    documents,
    find,
    histories,
    history_problem,
    ledger_entries,
    ledger_problem,
)
from tests.settlement.conftest import BUYER, OTHER
from tests.settlement.deals.conftest import PRICE_FEN, SELLER, DealHouse

STREAMS = ["lot/a1"]
STAFF, AS_SELLER, AS_BUYER = Reader(), Reader(SELLER, sells=True), Reader(BUYER)


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


async def whole_deal(house: DealHouse) -> None:
    await house.sell_lot()
    await house.following.catch_up()
    await house.work()
    await house.sign()
    await house.work()
    await house.pay(PRICE_FEN)
    await house.delivered()
    await house.payouts.send_due()
    await house.do(a.NoteRegistered(number="2026150100000001"))


async def test_each_reader_gets_his_part_and_every_change_is_named(house: DealHouse) -> None:
    await whole_deal(house)
    seen: dict[str, Found] = {}
    for name, reader in (("staff", STAFF), ("seller", AS_SELLER), ("buyer", AS_BUYER), ("other", Reader(OTHER))):
        seen[name] = await find(house.pool, STREAMS, reader)
    assert [[(kind, opened) for kind, _, _, opened in found.heads] for found in seen.values()] == [
        [(Kind.DEAL, True)], [(Kind.DEAL, False)], [(Kind.DEAL, True)], [],
    ]  # fmt: skip
    (course,) = await histories(house.pool, seen["staff"])
    assert course.lines is not None and history_problem(Kind.DEAL, course.lines.splitlines(keepends=True)) is None
    assert [step.type for step in course.steps][:2] == ["deal.opened", "deal.confirmed"]
    (steps,) = await histories(house.pool, seen["seller"])
    assert steps.lines is None and steps.steps == course.steps, "the steps, not the buyer's bank account"

    lines = course.lines.splitlines(keepends=True)
    for number, line in enumerate(lines):
        for place in range(0, len(line), max(1, len(line) // 12)):
            changed = [*lines[:number], flipped(line, place), *lines[number + 1 :]]
            assert (history_problem(Kind.DEAL, changed) or "").startswith(f"line {number + 1}:"), (number, place)
    assert history_problem(Kind.DEAL, lines[1:]) is not None
    assert history_problem(Kind.DEPOSIT, lines) is not None, "a history of another kind"

    papers = await documents(house.pool, seen["seller"])
    assert {"confirmation", "contract"} <= {paper.kind for paper in papers} and all(paper.body for paper in papers)

    entries = await ledger_entries(house.pool, STREAMS, seen["staff"], STAFF)
    assert [entry.fact for entry in entries] == ["price_paid", "price_released", "payout_ordered", "payout_settled"]
    assert ledger_problem(entry.line for entry in entries) is None
    line = entries[0].line
    forged = line.replace(b'"300000000"', b'"300000001"', 1)
    assert forged != line and (ledger_problem([forged]) or "").startswith("line 1:")
    for found, reader in ((seen["buyer"], AS_BUYER), (seen["seller"], AS_SELLER)):
        own = await ledger_entries(house.pool, STREAMS, found, reader)
        assert all(entry.parties <= {reader.party} for entry in own) and len(own) < len(entries)
