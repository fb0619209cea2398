"""Statements as files. The CSV looks as counters of Chinese banks give it: a block about the account, then the lines."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Final

from engine.values import CNY, Amount, format_amount
from gateway.sandbox_bank.books import SHANGHAI, Statement

COLUMNS: Final = (
    "交易日期", "交易时间", "收入金额", "支出金额", "账户余额", "对方户名", "对方账号", "子账号", "摘要", "交易流水号", "客户订单号",
)  # fmt: skip


def as_csv(statement: Statement) -> str:
    """Return a statement as CSV text."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n")
    write.writerow(["说明", "沙箱银行，并非真实银行，也没有真实资金 / sandbox, no real bank and no real money"])
    write.writerow(["账号", statement.account])
    write.writerow(["日期", statement.day])
    write.writerow(["期初余额", _yuan(statement.opening_fen)])
    write.writerow(["期末余额", _yuan(statement.closing_fen)])
    write.writerow(COLUMNS)
    for line in statement.lines:
        moment = datetime.fromtimestamp(line.at_us / 1_000_000, SHANGHAI)
        write.writerow(
            [
                moment.strftime("%Y-%m-%d"),
                moment.strftime("%H:%M:%S"),
                _yuan(line.income_fen) if line.income_fen else "",
                _yuan(line.expense_fen) if line.expense_fen else "",
                _yuan(line.balance_fen),
                line.other_name,
                line.other_account,
                line.virtual_account,
                line.purpose,
                line.bank_ref,
                line.order_id,
            ]
        )
    return out.getvalue()


def _yuan(fen: int) -> str:
    sign, whole = ("-" if fen < 0 else ""), format_amount(Amount(abs(fen)), CNY)
    before, dot, after = whole.partition(".")
    return f"{sign}{before}.{after.ljust(2, '0') if dot else '00'}"
