"""The ledger: what the database itself refuses, what is found when it was changed behind its back, balances at any instant."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.ledger import postings as p
from settlement.ledger.book import EntryKeyReused, Overdrawn, post
from settlement.ledger.chart import CHART, Account, Side
from settlement.ledger.postings import Entry, Fact, Line, Owner, Sub
from settlement.verification import verify_money
from tests.settlement.conftest import BUYER, PRICE, House

OWNER = Owner("d1", BUYER, "listing/a")
fen = st.integers(1, 10**15)
rest = st.integers(0, 10**15)


@given(st.data())
def test_every_fact_balances(data: st.DataObject) -> None:
    amount, more = data.draw(fen), data.draw(rest)
    source = Sub(Account.DEPOSIT_DUE_BACK, BUYER, "d1")
    facts = [
        p.deposit_paid("k", OWNER, amount, 0, "r"),
        p.deposit_held("k", OWNER, amount),
        p.deposit_released("k", OWNER, amount, held=data.draw(st.booleans())),
        p.deposit_converted("k", OWNER, amount, "deal"),
        p.deposit_restored("k", OWNER, amount, "deal"),
        p.payout_ordered("k", source, "", "o", amount),
        p.payout_settled("k", source, "", "o", amount),
        p.payout_failed("k", source, "", "o", amount),
        p.credit_unidentified("k", "r", amount),
    ]
    if amount + more <= p.FEN_MAX:
        facts.append(p.deposit_paid("k", OWNER, amount, more, "r", from_suspense=True))
        facts.append(p.deposit_taken("k", OWNER, amount, more, data.draw(st.sampled_from([None, "seller"]))))
    for entry in facts:
        assert sum(line.amount_fen for line in entry.lines) == 0
        assert [line.sub for line in entry.lines] == sorted(line.sub for line in entry.lines)


def test_a_life_of_entries_leaves_nothing_behind() -> None:
    due = Sub(Account.DEPOSIT_DUE_BACK, BUYER, "d1")
    life = [
        p.deposit_paid("1", OWNER, PRICE, 500, "in"),
        p.deposit_held("2", OWNER, PRICE),
        p.deposit_released("3", OWNER, PRICE),
        p.payout_ordered("4", due, "", "o1", PRICE + 500),
        p.payout_failed("5", due, "", "o1", PRICE + 500),
        p.payout_ordered("6", due, "", "o2", PRICE + 500),
        p.payout_settled("7", due, "", "o2", PRICE + 500),
    ]
    assert p.balance_of(life) == {}
    assert p.balance_of(life[:2]) == {
        Sub(Account.BANK): PRICE + 500,
        Sub(Account.DEPOSIT_HELD, BUYER, "d1"): -PRICE,
        due: -500,
    }


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [(Account.BANK, 1)],
        [(Account.BANK, 2), (Account.FEE_INCOME, -1)],
        [(Account.BANK, 2), (Account.BANK, -2)],
        [(Account.BANK, 10**15 + 1), (Account.FEE_INCOME, -(10**15) - 1)],
        [(Account.BANK, 0), (Account.FEE_INCOME, 0)],
    ],
)
def test_what_does_not_balance_is_no_entry(lines: list[tuple[Account, int]]) -> None:
    entry = Entry(key="k", fact=Fact.DEPOSIT_PAID, lines=tuple(Line(Sub(account), amount) for account, amount in lines))
    with pytest.raises(p.UnbalancedEntry):
        p.check(entry)


async def test_the_chart_in_the_database_is_the_chart_in_the_code(house: House) -> None:
    rows = await house.pool.fetch("SELECT account, code, side, floored FROM ledger_account")
    stored = {row["account"]: (row["code"], row["side"], row["floored"]) for row in rows}
    assert stored == {
        account.value: (kind.code, 1 if kind.side is Side.DEBIT else -1, kind.floored)
        for account, kind in CHART.items()
    }


async def _post(house: House, entry: Entry, at_us: int = 1) -> bool:
    async with house.pool.acquire() as connection, connection.transaction():
        return await post(connection, entry, at_us)


async def test_an_entry_is_posted_once(house: House) -> None:
    entry = p.credit_unidentified("k", "r1", 500)
    assert [await _post(house, entry) for _ in range(3)] == [True, False, False]
    assert await house.balances() == {"bank": 500, "suspense": -500}
    with pytest.raises(EntryKeyReused):
        await _post(house, p.credit_unidentified("k", "r1", 501))
    concurrent = p.credit_unidentified("k2", "r2", 700)
    assert sum(await asyncio.gather(*(_post(house, concurrent) for _ in range(5)))) == 1


async def test_no_sub_account_goes_below_zero_whoever_comes_first(house: House) -> None:
    await _post(house, p.credit_unidentified("k", "r1", 500))
    source = Sub(Account.SUSPENSE, reference="r1")

    async def take(number: int) -> bool:
        try:
            return await _post(house, p.payout_ordered(f"t{number}", source, "", f"o{number}", 200))
        except Overdrawn:
            return False

    assert sum(await asyncio.gather(*(take(number) for number in range(6)))) == 2
    assert await house.ledger.balance(Account.SUSPENSE) == -100


async def test_balances_are_known_as_of_any_instant(house: House) -> None:
    await _post(house, p.credit_unidentified("1", "r1", 500), at_us=100)
    await _post(house, p.credit_unidentified("2", "r2", 300), at_us=200)
    at = [await house.ledger.balance(Account.BANK, at_us=instant) for instant in (99, 100, 199, 200)]
    assert at == [0, 500, 500, 800]
    assert {t.account: t.balance_fen for t in await house.ledger.trial_balance(150)}["bank"] == 500


async def test_a_statement_goes_on_from_page_to_page(house: House) -> None:
    await house.held()
    whole = await house.ledger.statement(party=BUYER)
    first = await house.ledger.statement(party=BUYER, limit=2)
    rest = await house.ledger.statement(party=BUYER, after=first[-1].position)
    assert first + rest == whole and len(whole) == 3
    assert [(line.account, line.running_fen) for line in whole] == [
        ("deposit_received", -PRICE),
        ("deposit_held", -PRICE),
        ("deposit_received", 0),
    ]
    assert await house.ledger.statement() == []


@pytest.mark.parametrize("table", ["ledger_entry", "ledger_line", "ledger_account", "deposit_event"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET {} = {}"])
async def test_history_cannot_be_changed(house: House, table: str, statement: str) -> None:
    await house.held()
    column = {"ledger_account": "code", "deposit_event": "actor"}.get(
        table, "entry" if table == "ledger_line" else "note"
    )
    with pytest.raises(asyncpg.PostgresError, match=r"append-only|never removed|follow from the lines"):
        await house.pool.execute(statement.format(table, column, column))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE ledger_balance SET balance_fen = balance_fen + 1", "follow from the lines"),
        ("DELETE FROM ledger_balance", "follow from the lines"),
        ("INSERT INTO ledger_balance VALUES ('suspense', '', '', '', 'x', 5)", "follow from the lines"),
        (
            "INSERT INTO ledger_entry (entry_key, fact, at_us, subject, lines, digest) VALUES ('x', 'f', 1, '', 2, sha256('x'))",
            "0 of 2 lines",
        ),
        ("INSERT INTO ledger_line VALUES (1, 3, 'bank', '', '', '', '', 5)", "3 of 2 lines"),
        ("UPDATE deposit SET amount_fen = 1", "never change"),
        ("UPDATE deposit SET party = 'me'", "never change"),
        ("DELETE FROM deposit", "never removed"),
    ],
)
async def test_the_database_refuses_what_the_program_would_not_do(house: House, statement: str, said: str) -> None:
    await house.held()
    with pytest.raises(asyncpg.PostgresError, match=said):
        await house.pool.execute(statement)


async def test_a_role_that_may_only_write_may_not_rewrite(house: House) -> None:
    await house.held()
    async with house.pool.acquire() as connection:
        await connection.execute("SET ROLE ortoo_writer")
        try:
            for statement in (
                "UPDATE ledger_line SET amount_fen = 1",
                "DELETE FROM ledger_entry",
                "UPDATE ledger_balance SET balance_fen = 0",
                "DELETE FROM deposit_event",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
            async with connection.transaction():
                assert await post(connection, p.credit_unidentified("w", "r9", 5), 1)
        finally:
            await connection.execute("RESET ROLE")


@pytest.mark.parametrize(
    ("table", "tampering", "found"),
    [
        (
            "ledger_line",
            "UPDATE ledger_line SET amount_fen = amount_fen * 2 WHERE entry = 1",
            "not those that were posted",
        ),
        ("ledger_line", "UPDATE ledger_line SET amount_fen = amount_fen + 1 WHERE entry = 1 AND line = 1", "sum 1 fen"),
        ("ledger_line", "DELETE FROM ledger_line WHERE entry = 1", "0 of 2 lines"),
        (
            "ledger_balance",
            "UPDATE ledger_balance SET balance_fen = balance_fen + 1 WHERE account = 'deposit_held'",
            "kept",
        ),
        ("deposit", "UPDATE deposit SET state = 'released'", "not what its history says"),
        (
            "deposit",
            "UPDATE deposit SET body = convert_to(replace(convert_from(body, 'utf8'), 'held', 'paid'), 'utf8')",
            "",
        ),
        ("deposit_event", "UPDATE deposit_event SET at_us = at_us + 1 WHERE seq = 2", "event 2 was changed"),
        ("deposit_event", "UPDATE deposit_event SET body = body || ' ' WHERE seq = 1", "event 1 was changed"),
        ("deposit_event", "DELETE FROM deposit_event WHERE seq = 2", "event 2 was changed or is missing"),
        ("deposit_event", "DELETE FROM deposit_event WHERE seq = 3", "not what its history says"),
    ],
)
async def test_what_was_changed_behind_its_back_is_found(house: House, table: str, tampering: str, found: str) -> None:
    await house.held()
    assert (await verify_money(house.pool)).findings == []
    await house.pool.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    await house.pool.execute(tampering)
    findings = (await verify_money(house.pool)).findings
    assert any(found in finding.problem for finding in findings), findings
