"""Amounts, lot ids, shards: exact, bounded, never a float."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.values import (
    AMOUNT_MAX,
    CNY,
    Amount,
    Currency,
    LotId,
    ceil_div,
    format_amount,
    is_lot_id,
    parse_amount,
    parse_digits,
    shard_of,
)

ETH = Currency("ETH", 18)


@pytest.mark.parametrize(
    "text, currency, amount",
    [
        ("0", CNY, 0),
        ("1234.5", CNY, 123450),
        ("1234.50", CNY, 123450),
        ("0.01", CNY, 1),
        ("0.001", CNY, None),
        ("1.000", CNY, 100),
        ("-1", CNY, None),
        ("1e3", CNY, None),
        (" 1", CNY, None),
        ("\uff11", CNY, None),
        ("", CNY, None),
        (".5", CNY, None),
        ("0.122", ETH, 122 * 10**15),
        ("1" + "0" * 30, CNY, None),
    ],
)
def test_reading_a_decimal(text: str, currency: Currency, amount: int | None) -> None:
    assert parse_amount(text, currency) == amount


@given(st.integers(0, 10**28), st.sampled_from([CNY, ETH, Currency("JPY", 0)]))
def test_writing_and_reading_is_exact(amount: int, currency: Currency) -> None:
    assert parse_amount(format_amount(Amount(amount), currency), currency) == amount


@pytest.mark.parametrize("text", ["01", "+1", "1.0", "", "1_0", "9" * 32, "٣", "1 "])
def test_digits_on_the_wire_are_plain(text: str) -> None:
    assert parse_digits(text) is None


def test_the_greatest_amount() -> None:
    assert parse_digits(str(AMOUNT_MAX)) == AMOUNT_MAX
    assert parse_digits(str(AMOUNT_MAX + 1)) is None


@given(st.integers(0, 10**20), st.integers(1, 10**6))
def test_division_rounds_up(dividend: int, divisor: int) -> None:
    quotient = ceil_div(dividend, divisor)
    assert (quotient - 1) * divisor < dividend <= quotient * divisor


@pytest.mark.parametrize(
    "text, good",
    [("a1", True), ("sale.3", True), ("A1", False), ("a/b", False), ("", False), ("a" * 41, False), ("a.12345", False)],
)
def test_lot_ids(text: str, good: bool) -> None:
    assert is_lot_id(text) is good


def test_lots_of_one_group_share_a_shard() -> None:
    assert len({shard_of(LotId(f"sale.{number}")) for number in range(50)}) == 1
    assert len({shard_of(LotId(f"lot{number}")) for number in range(2_000)}) == 64


def test_no_float_and_no_true_division_where_money_is_decided() -> None:
    root = Path(__file__).parents[2] / "engine" / "rules"
    similarity = root / "matching.py"  # weighs words against words; no amount goes in or comes out
    for path in {*root.rglob("*.py"), root.parent / "values.py"} - {similarity}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.Div), f"{path.name}: a true division"
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"{path.name}: a float"
            assert not (isinstance(node, ast.Name) and node.id in ("float", "Decimal")), f"{path.name}: {node.id}"
