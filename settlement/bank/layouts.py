"""How statements of different banks are laid out: which header means what. Data; a market adds its bank's layout in a JSON file."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct


class Column(StrEnum):
    """What a column holds."""

    DAY = "day"
    TIME = "time"
    INCOME = "income"
    EXPENSE = "expense"
    AMOUNT = "amount"
    """One column for both directions: signed, or with a column `direction`."""
    DIRECTION = "direction"
    BALANCE = "balance"
    OTHER_NAME = "other_name"
    OTHER_ACCOUNT = "other_account"
    VIRTUAL_ACCOUNT = "virtual_account"
    PURPOSE = "purpose"
    BANK_REF = "bank_ref"
    ORDER_ID = "order_id"


class Layout(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One layout. Names are compared without spaces and width; the first one that is found counts."""

    name: str
    columns: dict[Column, tuple[str, ...]]
    income_words: tuple[str, ...] = ("贷", "收", "收入", "来账", "转入", "c", "cr", "credit", "in")
    """Words in the column `direction` for money that came in; on the market's account that is the credit side of the bank's books."""
    expense_words: tuple[str, ...] = ("借", "付", "支", "支出", "往账", "转出", "d", "dr", "debit", "out")
    opening: tuple[str, ...] = ("期初余额", "上期余额", "openingbalance")
    closing: tuple[str, ...] = ("期末余额", "本期余额", "closingbalance")
    first_day: tuple[str, ...] = ("日期", "起始日期", "开始日期", "查询起始日期", "date", "from")
    last_day: tuple[str, ...] = ("日期", "截止日期", "终止日期", "结束日期", "查询截止日期", "date", "to")
    """Labels of the block before the lines; the value stands in the next cell or after a colon."""

    @property
    def can_tell_direction(self) -> bool:
        """There is a way to know what came in and what went out."""
        return {Column.INCOME, Column.EXPENSE} <= self.columns.keys() or Column.AMOUNT in self.columns


class LayoutsUnusable(Exception):
    """The file of layouts cannot be used; the text says why."""


GENERIC: Final = Layout(
    name="generic",
    columns={
        Column.DAY: ("交易日期", "记账日期", "入账日期", "交易时间", "日期", "bookingdate", "date"),
        Column.TIME: ("交易时间", "记账时间", "时间", "time"),
        Column.INCOME: ("收入金额", "贷方发生额", "贷方金额", "转入金额", "收入", "credit"),
        Column.EXPENSE: ("支出金额", "借方发生额", "借方金额", "转出金额", "支出", "debit"),
        Column.AMOUNT: ("交易金额", "发生额", "金额", "amount"),
        Column.DIRECTION: ("借贷标志", "借贷方向", "收支标志", "收/支", "交易方向", "direction"),
        Column.BALANCE: ("账户余额", "余额", "交易后余额", "本次余额", "balance"),
        Column.OTHER_NAME: ("对方户名", "对方名称", "对方账户名称", "对方单位", "交易对手名称", "counterparty"),
        Column.OTHER_ACCOUNT: ("对方账号", "对方账户", "对方卡号", "交易对手账号", "counterpartyaccount"),
        Column.VIRTUAL_ACCOUNT: ("子账号", "虚拟账号", "虚拟子账号", "收款子账号", "subaccount"),
        Column.PURPOSE: ("摘要", "附言", "用途", "备注", "交易摘要", "purpose", "remark"),
        Column.BANK_REF: ("交易流水号", "流水号", "交易序号", "核心流水号", "凭证号", "reference"),
        Column.ORDER_ID: ("客户订单号", "企业流水号", "客户流水号", "业务编号", "orderid"),
    },
)
"""The headers that Chinese banks use for the same things. Which bank uses which is not confirmed: a layout in the file goes first."""


def read_layouts(path: Path | None) -> tuple[Layout, ...]:
    """Return the layouts of a JSON file (an array), then the generic one.

    Raises:
        LayoutsUnusable: the file cannot be read, or a layout lacks a day or an amount.
    """
    if path is None:
        return (GENERIC,)
    try:
        own = msgspec.json.decode(path.read_bytes(), type=tuple[Layout, ...])
    except (OSError, msgspec.MsgspecError) as problem:
        raise LayoutsUnusable(f"{path}: {problem}") from None
    for layout in own:
        if Column.DAY not in layout.columns or not layout.can_tell_direction:
            raise LayoutsUnusable(f"{path}: {layout.name}: a layout needs the day, and income and expense or an amount")
    return (*own, GENERIC)


def place_columns(layout: Layout, header: Sequence[str]) -> dict[Column, int] | None:
    """Return where the columns of a layout stand in a header row, None if it is not one of this layout."""
    cells = [plain(cell) for cell in header]
    found: dict[Column, int] = {}
    for column, names in layout.columns.items():
        places = [cells.index(name) for name in map(plain, names) if name in cells]
        free = [place for place in places if place not in found.values()]
        if free:
            found[column] = free[0]
    both = Column.INCOME in found and Column.EXPENSE in found
    return found if Column.DAY in found and (both or Column.AMOUNT in found) else None


def plain(text: str) -> str:
    """Return a header or label for comparison: no spaces, no colon at the end, no unit in brackets, half width, lower case."""
    text = "".join(unicodedata.normalize("NFKC", text).split()).casefold().strip(":")
    return text.partition("(")[0] or text
