"""Statements: every layout read, every fault named with its line, imported whole or not at all, every fen of a day named."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.bank.layouts import GENERIC, Column, LayoutsUnusable, plain, read_layouts
from settlement.bank.matching import Outcome
from settlement.bank.parsing import parse, read_amount, read_day
from settlement.bank.port import PayoutState
from tests.settlement.bank.conftest import OPERATOR, Desk, debit_cells
from tests.settlement.conftest import DAY_US, PRICE

TWO_COLUMNS = "交易日期,收入金额,支出金额,账户余额,对方户名,对方账号,摘要,交易流水号\n"
DAY = date(2026, 3, 2)


def text(*lines: str, head: str = TWO_COLUMNS) -> bytes:
    return (head + "\n".join(lines)).encode()


# Reading.


@pytest.mark.parametrize(
    ("data", "moves"),
    [
        (text("2026-03-02,5.00,,5.00,甲,1,保证金,R1"), [500]),
        (text("2026-03-02,,5.00,-5.00,甲,1,保证金,R1"), [-500]),
        # Signed amounts, and one column with the direction in words.
        (text("20260302,-3.5,甲", "20260302,\"1,234.50\",甲", head="交易日期,交易金额,对方户名\n"), [-350, 123450]),
        (text("2026/3/2,3.5,贷", "2026/3/2,1,借", head="记账日期,发生额,借贷标志\n"), [350, -100]),
        (text("2026年3月2日 10:00:00,￥3.5,收", head="交易时间,金额(元),收/支\n"), [350]),
        # Tabs, quotes of spreadsheets, totals at the end, empty rows, newest first.
        (text("2026-03-02\t2.00\t\t3.00\t甲\t=\"0012\"", "2026-03-01\t1.00\t\t1.00\t乙\t'7", "\t\t", "合计\t3.00",
              head="交易日期\t收入金额\t支出金额\t账户余额\t对方户名\t对方账号\n"), [200, 100]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_layouts_and_encodings(data: bytes, moves: list[int], encoding: str):
    parsed = parse(data.decode().encode(encoding), [GENERIC])
    assert parsed.problems == () and [line.income_fen - line.expense_fen for line in parsed.lines] == moves
    assert all(line.other_account in ("", "1", "0012", "7") for line in parsed.lines)


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b"", "empty", 0),
        (b"x" * 2_000_001, "too_large", 0),
        (b"\xff\xfe\x00\x00", "encoding", 0),
        (b"a,b\n1,2", "no_header", 0),
        (TWO_COLUMNS.encode(), "no_day", 0),
        (text("2026-02-30,5,,,甲,1,,R"), "day", 2),
        (text("2026-03-02,5,5,,甲,1,,R"), "amount", 2),
        (text("2026-03-02,,,,甲,1,,R"), "amount", 2),
        (text("2026-03-02,1.005,,,甲,1,,R"), "amount", 2),
        (text("2026-03-02,NaN,,,甲,1,,R"), "amount", 2),
        (text("2026-03-02,5,,x,甲,1,,R"), "balance", 2),
        (text("2026-03-02,5,,5,甲,1,,R", "2026-03-02,5,,11,甲,1,,S"), "balance_run", 3),
        (text("2026-03-02,5,,,甲,1,,R", "2026-03-02,5,,,甲,1,,R"), "double_reference", 3),
        (text("2026-03-02,5,,,甲,1,," + "R" * 65), "text", 2),
        (text("期末余额,9", "2026-03-02,5,,5,甲,1,,R"), "balance", 0),
        (text("日期,2026-03-03", "2026-03-02,5,,5,甲,1,,R"), "days", 0),
    ],
)
def test_every_fault_is_named_with_its_line(data: bytes, code: str, line: int):
    parsed = parse(data, [GENERIC])
    assert (parsed.problems[0].code, parsed.problems[0].line) == (code, line)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=400), st.text(max_size=300).map(lambda part: text("2026-03-02," + part))))
def test_no_file_makes_a_fault_of_ours(data: bytes):
    parsed = parse(data, [GENERIC])
    assert parsed.problems or parsed.first_day is not None


@given(st.integers(-(10**14), 10**14))
def test_amounts_are_read_exactly(fen: int):
    sign, whole = "-" if fen < 0 else "", abs(fen)
    assert read_amount(f"{sign}{whole // 100:,}.{whole % 100:02d}") == fen


def test_a_day_without_a_time_counts_to_its_end():
    found = read_day("2026-03-02")
    assert found is not None and found[0] == DAY and not found[2]
    timed = read_day("2026-03-02", "23:59:59")
    assert timed is not None and timed[1] < found[1] < timed[1] + 1_000_000


def test_own_layouts_come_from_a_file_and_go_first(tmp_path: Path):
    path = tmp_path / "layouts.json"
    own = {"name": "own", "columns": {"day": ["D"], "amount": ["A"], "other_name": ["N"]}}
    path.write_text(json.dumps([own]), encoding="utf-8")
    layouts = read_layouts(path)
    assert [layout.name for layout in layouts] == ["own", "generic"]
    assert parse(b"D,A,N\n2026-03-02,5,x", layouts).layout == "own"
    for broken in ("{", "[{}]", '[{"name":"x","columns":{"day":["D"]}}]', '[{"name":"x","columns":{"x":["D"]}}]'):
        path.write_text(broken, encoding="utf-8")
        with pytest.raises(LayoutsUnusable):
            read_layouts(path)


def test_headers_of_the_generic_layout_are_unambiguous():
    for column in (Column.INCOME, Column.EXPENSE, Column.BALANCE, Column.BANK_REF):
        others = {plain(name) for other, names in GENERIC.columns.items() if other is not column for name in names}
        assert not others & {plain(name) for name in GENERIC.columns[column]}, column


# Importing.


async def test_a_dry_run_tells_what_would_happen_and_changes_nothing(desk: Desk):
    known = await desk.credit()
    await desk.call(known)
    stranger = await desk.credit(payer_name="陌生人", virtual_account="")
    data = desk.file(known, stranger)
    before = await desk.pool.fetchval("SELECT count(*) FROM bank_sighting")
    report = await desk.statements.check(data, "day.csv")
    assert [(line.state, line.outcome) for line in report.lines] == [("told", None), ("new", Outcome.UNIDENTIFIED)]
    assert not report.imported and report.parsed.closing_fen == 2 * PRICE
    assert await desk.pool.fetchval("SELECT count(*) FROM bank_sighting") == before
    assert await desk.pool.fetchval("SELECT count(*) FROM bank_statement") == 0


async def test_a_file_with_one_fault_imports_nothing(desk: Desk):
    data = desk.file(await desk.credit()) + b"2026-03-02,,,x\n"
    report = await desk.statements.take(data, "day.csv", OPERATOR)
    assert report.parsed.problems and not report.imported
    assert await desk.pool.fetchval("SELECT count(*) FROM bank_event") == 0


async def test_gaps_and_openings_that_do_not_follow_are_named(desk: Desk):
    await desk.statement(await desk.credit())
    desk.house.clock.pass_us(3 * DAY_US)
    report = await desk.statement(await desk.credit("d1", booked_at_us=desk.house.clock.now_us), opening_fen=7)
    assert set(report.warnings) == {"gap", "opening"}


async def test_a_payment_by_the_statement_settles_its_order_by_id_or_by_what_fits(desk: Desk):
    await desk.house.held("d2", subject="listing/b")
    await desk.house.deposits.schedule_release("d2", desk.house.clock.now_us, "lost")
    desk.house.bank.faults = ["accept"]
    await desk.house.clocks.release_due()
    await desk.house.payouts.send_due()
    order = next(iter(desk.house.bank.orders.values()))
    cells = debit_cells(PRICE, desk.house.clock.now_us, 对方账号=order.payee_account, 交易流水号="OUT1")
    await desk.statement(cells, opening_fen=PRICE)
    settled = await desk.house.payouts.read(order.order_id)
    assert settled is not None and settled.state == PayoutState.SETTLED
    await desk.call_result(order.order_id, PayoutState.SETTLED, bank_ref="OUT1")
    assert await desk.reasons() == [] and await desk.house.balances() == {}


# Reconciling.


async def test_a_day_agrees_when_statement_books_and_ledger_say_the_same(desk: Desk):
    credit = await desk.credit()
    await desk.call(credit)
    before = await desk.reconciling.day(DAY)
    assert before.statement_fen is None and not before.agrees and before.books_fen == PRICE
    await desk.statement(credit)
    found = await desk.reconciling.day(DAY)
    assert found.agrees and (found.statement_fen, found.books_fen, found.ledger_fen) == (PRICE, PRICE, PRICE)


async def test_every_fen_between_statement_and_books_has_a_name(desk: Desk):
    told_only, both = await desk.credit(), await desk.credit(payer_name="陌生人")
    await desk.call(told_only)
    await desk.call(both)
    fee = debit_cells(12_34, desk.house.clock.now_us, 对方户名="银行", 摘要="手续费", 交易流水号="FEE")
    await desk.statement(both, fee, opening_fen=1_000_00)
    found = await desk.reconciling.day(DAY)
    named = {one.why.value: one.amount_fen for one in found.differences}
    assert named == {"before_market": 1_000_00, "not_on_statement": -PRICE, "not_in_books": -12_34}
    assert found.unexplained_fen == 0 and not found.agrees
    assert Outcome.UNKNOWN_DEBIT in [item.outcome for item in await desk.queue()]


async def test_days_without_a_statement_are_named(desk: Desk):
    await desk.statement(日期="2026-03-02")
    await desk.statement(日期="2026-03-05")
    found = await desk.reconciling.day(date(2026, 3, 7))
    assert found.gaps == ((date(2026, 3, 3), date(2026, 3, 4)), (date(2026, 3, 6), date(2026, 3, 7)))
