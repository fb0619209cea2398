"""The books of the sandbox bank in one SQLite file: every change is one transaction with its callback, so a restart loses nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from engine.values import InstantUs
from gateway.sandbox_bank.faults import COUNTS, Faults
from settlement.bank.port import Credit, Payout, PayoutResult, PayoutState

SHANGHAI: Final = timezone(timedelta(hours=8))
DAY_US: Final = 86_400_000_000
AMOUNT_MAX: Final = 10**15
"""Ten thousand milliards of yuan: more is a typing error."""
MARKET: Final = "6200000000000000001"
"""The market's account; sandbox numbers begin with 62000000000 and belong to nobody."""
OUTSIDE: Final = "6200000000000000000"
"""Other banks: where opening balances come from and payouts to accounts elsewhere go."""
LIST_MAX: Final = 200
_SCHEMA: Final = Path(__file__).parent / "schema.sql"
_JSON: Final = msgspec.json.Encoder()


class BankRefuses(Exception):
    """The bank refuses; the text is a code."""


class Line(Struct, frozen=True, kw_only=True):
    """One line of the market's statement. One of the two amounts is 0."""

    bank_ref: str
    at_us: int
    income_fen: int
    expense_fen: int
    balance_fen: int
    other_name: str
    other_account: str
    virtual_account: str
    purpose: str
    order_id: str


class Statement(Struct, frozen=True, kw_only=True):
    """The market's statement of one day in China."""

    account: str
    day: str
    opening_fen: int
    closing_fen: int
    lines: list[Line]


class Waiting(Struct, frozen=True):
    """A callback to send now."""

    id: int
    subject: str
    body: bytes
    copies: int
    attempts: int


class Books:
    """Accounts, entries, payouts and callbacks to come."""

    def __init__(self, path: Path, now_us: Callable[[], int]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA.read_text(encoding="utf-8"))
        self._now_us = now_us
        with self._transaction():
            self._add(OUTSIDE, "其他银行 / other banks", "outside")
            self._add(MARKET, "技术交易市场保证金专户 / market deposit account", "market")

    @property
    def now_us(self) -> int:
        """The time now on the bank's clock."""
        return self._now_us()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # Accounts.

    def open_account(self, number: str, name: str, balance_fen: int = 0) -> None:
        """Open a customer's account once; the opening balance comes from outside."""
        with self._transaction():
            if self._add(number, name, "customer") and balance_fen:
                self._book(self._now_us(), {OUTSIDE: -balance_fen, number: balance_fen}, purpose="开户入金")

    def close_account(self, number: str) -> None:
        """Close an account: payouts to it fail from now on."""
        with self._transaction():
            self._db.execute("UPDATE account SET closed = 1 WHERE number = ? AND kind = 'customer'", (number,))

    def name_virtual(self, number: str, label: str) -> None:
        """Register a sub-account number of the market's account; the page offers it."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO virtual VALUES (?, ?) ON CONFLICT (number) DO UPDATE SET label = excluded.label",
                (number, label),
            )

    def _add(self, number: str, name: str, kind: str) -> bool:
        added = self._db.execute(
            "INSERT INTO account (number, name, kind) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (number, name, kind)
        )
        return added.rowcount == 1

    def accounts(self) -> list[dict[str, Any]]:
        """Return the accounts with their balances."""
        rows = self._db.execute(
            "SELECT number, name, kind, closed, coalesce((SELECT sum(amount_fen) FROM leg WHERE account = number), 0)"
            " AS balance_fen FROM account ORDER BY number LIMIT ?",
            (LIST_MAX,),
        )
        return [dict(row) for row in rows]

    def virtuals(self) -> list[dict[str, Any]]:
        """Return the sub-accounts registered last."""
        rows = self._db.execute("SELECT number, label FROM virtual ORDER BY rowid DESC LIMIT ?", (LIST_MAX,))
        return [dict(row) for row in rows]

    def balance(self, number: str) -> int:
        """Return the balance of an account, fen."""
        row = self._db.execute("SELECT coalesce(sum(amount_fen), 0) FROM leg WHERE account = ?", (number,)).fetchone()
        return int(row[0])

    def imbalance(self) -> int:
        """Return the sum over everything, 0 unless the books are broken."""
        broken = self._db.execute("SELECT 1 FROM leg GROUP BY entry HAVING sum(amount_fen) <> 0 LIMIT 1").fetchone()
        total = self._db.execute("SELECT coalesce(sum(amount_fen), 0) FROM leg").fetchone()[0]
        return int(total) or (1 if broken else 0)

    # Money in.

    def transfer_in(
        self,
        payer: str,
        amount_fen: int,
        *,
        virtual_account: str = "",
        purpose: str = "",
        booked_at_us: int | None = None,
    ) -> Credit:
        """Book a customer's transfer to the market and plan the callback.

        Raises:
            BankRefuses: no such account, not enough on it, or no amount.
        """
        with self._transaction():
            row = self._db.execute(
                "SELECT name FROM account WHERE number = ? AND kind = 'customer' AND closed = 0", (payer,)
            ).fetchone()
            if row is None:
                raise BankRefuses("NO_SUCH_ACCOUNT")
            if not 0 < amount_fen <= AMOUNT_MAX:
                raise BankRefuses("AMOUNT_INVALID")
            if self.balance(payer) < amount_fen:
                raise BankRefuses("INSUFFICIENT_FUNDS")
            at_us = self._now_us() if booked_at_us is None else booked_at_us
            ref = self._book(at_us, {payer: -amount_fen, MARKET: amount_fen}, purpose, virtual=virtual_account)
            credit = Credit(
                bank_ref=ref,
                booked_at_us=InstantUs(at_us),
                amount_fen=amount_fen,
                payer_name=row["name"],
                payer_account=payer,
                virtual_account=virtual_account,
                purpose=purpose,
            )
            told = msgspec.structs.replace(credit, amount_fen=amount_fen + self._use_wrong_amount())
            self._plan_callback(ref, credit_body(told))
            return credit

    # Money out.

    def pay(self, payout: Payout) -> PayoutResult:
        """Take a payment order; the same order again is answered with what became of the first.

        Raises:
            BankRefuses: the order id was used for another payment.
        """
        wish = _JSON.encode(payout)
        digest = sha256(wish).digest()
        with self._transaction():
            row = self._db.execute("SELECT * FROM payout WHERE order_id = ?", (payout.order_id,)).fetchone()
            if row is not None:
                if row["digest"] != digest:
                    raise BankRefuses("ORDER_ID_REUSED")
                return _result(row)
            self._db.execute(
                "INSERT INTO payout (order_id, digest, wish, state) VALUES (?, ?, ?, 'accepted')",
                (payout.order_id, digest, wish.decode()),
            )
            if self._use("refuse_payouts"):
                return self._fail(payout, self.faults().refuse_reason, tell=False)
            if self.faults().keep_payouts:
                return PayoutResult(order_id=payout.order_id, state=PayoutState.ACCEPTED)
            if self._use("fail_after_accepting"):
                self._fail(payout, self.faults().refuse_reason, tell=True)
                return PayoutResult(order_id=payout.order_id, state=PayoutState.ACCEPTED)
            return self._settle(payout)

    def finish(self, order_id: str, failing: str = "") -> PayoutResult:
        """Book, or fail with a reason, a payment that was kept waiting.

        Raises:
            BankRefuses: nothing of this id waits.
        """
        with self._transaction():
            row = self._db.execute(
                "SELECT * FROM payout WHERE order_id = ? AND state = 'accepted'", (order_id,)
            ).fetchone()
            if row is None:
                raise BankRefuses("NO_SUCH_ORDER")
            payout = msgspec.json.decode(row["wish"], type=Payout)
            return self._fail(payout, failing, tell=True) if failing else self._settle(payout, tell_failure=True)

    def look_up(self, order_id: str) -> PayoutResult | None:
        """Return what became of an order."""
        row = self._db.execute("SELECT * FROM payout WHERE order_id = ?", (order_id,)).fetchone()
        return None if row is None else _result(row)

    def payouts(self) -> list[dict[str, Any]]:
        """Return the newest orders."""
        rows = self._db.execute(
            "SELECT order_id, wish, state, reason, bank_ref, booked_at_us FROM payout ORDER BY rowid DESC LIMIT ?",
            (LIST_MAX,),
        )
        return [{**dict(row), "wish": msgspec.json.decode(row["wish"])} for row in rows]

    def _settle(self, payout: Payout, *, tell_failure: bool = False) -> PayoutResult:
        row = self._db.execute("SELECT * FROM account WHERE number = ?", (payout.payee_account,)).fetchone()
        if row is not None and row["closed"]:
            return self._fail(payout, "ACCOUNT_CLOSED", tell=tell_failure)
        if row is not None and row["kind"] == "customer" and row["name"] != payout.payee_name:
            return self._fail(payout, "NAME_MISMATCH", tell=tell_failure)
        if self.balance(MARKET) < payout.amount_fen:
            return self._fail(payout, "INSUFFICIENT_FUNDS", tell=tell_failure)
        at_us, payee = self._now_us(), payout.payee_account if row is not None else OUTSIDE
        legs = {MARKET: -payout.amount_fen, payee: payout.amount_fen}
        ref = self._book(at_us, legs, payout.purpose, order_id=payout.order_id)
        return self._end(payout, PayoutState.SETTLED, "", ref, at_us, tell=True)

    def _fail(self, payout: Payout, reason: str, *, tell: bool) -> PayoutResult:
        return self._end(payout, PayoutState.FAILED, reason, "", self._now_us(), tell=tell)

    def _end(
        self, payout: Payout, state: PayoutState, reason: str, ref: str, at_us: int, *, tell: bool
    ) -> PayoutResult:
        result = PayoutResult(
            order_id=payout.order_id, state=state, reason=reason, bank_ref=ref, booked_at_us=InstantUs(at_us)
        )
        self._db.execute(
            "UPDATE payout SET state = ?, reason = ?, bank_ref = ?, booked_at_us = ? WHERE order_id = ?",
            (state.value, reason, ref, at_us, payout.order_id),
        )
        if tell:
            self._plan_callback(payout.order_id, payout_body(result))
        return result

    def _book(self, at_us: int, legs: dict[str, int], purpose: str, *, virtual: str = "", order_id: str = "") -> str:
        assert sum(legs.values()) == 0
        number = self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM entry").fetchone()[0]
        ref = f"SB{day_of(at_us).replace('-', '')}{number:08d}"
        self._db.execute(
            "INSERT INTO entry (id, bank_ref, at_us, virtual, purpose, order_id) VALUES (?, ?, ?, ?, ?, ?)",
            (number, ref, at_us, virtual, purpose, order_id),
        )
        self._db.executemany("INSERT INTO leg VALUES (?, ?, ?)", [(number, a, amount) for a, amount in legs.items()])
        return ref

    # Statement.

    def statement(self, day: str) -> Statement:
        """Return the market's statement of a day, `2026-11-24`, in the order of booking.

        Raises:
            ValueError: no such day.
        """
        begin = int(datetime.fromisoformat(f"{day}T00:00:00+08:00").timestamp()) * 1_000_000
        opening = int(
            self._db.execute(
                "SELECT coalesce(sum(amount_fen), 0) FROM leg JOIN entry ON entry = id WHERE account = ? AND at_us < ?",
                (MARKET, begin),
            ).fetchone()[0]
        )
        rows = self._db.execute(
            "SELECT e.*, m.amount_fen, a.name, a.number, p.wish FROM entry e JOIN leg m ON m.entry = e.id AND m.account = ?"
            " JOIN leg o ON o.entry = e.id AND o.account <> m.account JOIN account a ON a.number = o.account"
            " LEFT JOIN payout p ON p.order_id = e.order_id WHERE at_us >= ? AND at_us < ? ORDER BY at_us, id",
            (MARKET, begin, begin + DAY_US),
        )
        lines, balance = [], opening
        for row in rows:
            balance += row["amount_fen"]
            lines.append(_line(row, balance))
        return Statement(account=MARKET, day=day, opening_fen=opening, closing_fen=balance, lines=lines)

    # Callbacks.

    def faults(self) -> Faults:
        """Return what goes wrong now."""
        row = self._db.execute("SELECT value FROM setting WHERE name = 'faults'").fetchone()
        return Faults() if row is None else msgspec.json.decode(row[0], type=Faults)

    def set_faults(self, faults: Faults) -> None:
        """Change what goes wrong from now on."""
        self._db.execute(
            "INSERT INTO setting VALUES ('faults', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (_JSON.encode(faults).decode(),),
        )

    def take(self, count: str) -> bool:
        """Use one of a count of faults, outside of a booking; False if none is left."""
        with self._transaction():
            return self._use(count)

    def _use(self, count: str) -> bool:
        assert count in COUNTS
        faults = self.faults()
        left: int = getattr(faults, count)
        if left > 0:
            self.set_faults(msgspec.structs.replace(faults, **{count: left - 1}))
        return left > 0

    def _use_wrong_amount(self) -> int:
        faults = self.faults()
        if faults.wrong_amount_fen:
            self.set_faults(msgspec.structs.replace(faults, wrong_amount_fen=0))
        return faults.wrong_amount_fen

    def _plan_callback(self, subject: str, body: bytes) -> None:
        faults = self.faults()
        state = "lost" if self._use("lose_callbacks") else "held" if faults.hold_callbacks else "waiting"
        self._db.execute(
            "INSERT INTO callback (subject, body, due_us, copies, state) VALUES (?, ?, ?, ?, ?)",
            (subject, body, self._now_us() + faults.callback_delay_ms * 1_000, faults.callback_copies, state),
        )

    def callbacks_due(self, *, all_waiting: bool = False) -> list[Waiting]:
        """Return the callbacks to send now, or all that wait, in their order."""
        until = 2**62 if all_waiting else self._now_us()
        rows = self._db.execute(
            "SELECT id, subject, body, copies, attempts FROM callback WHERE state = 'waiting' AND due_us <= ?"
            " ORDER BY due_us, id LIMIT ?",
            (until, LIST_MAX),
        )
        return [Waiting(**dict(row)) for row in rows]

    def told(self, callback: int, answer: int, again_at_us: int | None) -> None:
        """Note an attempt: the market's HTTP status, 0 for none; `again_at_us` None: no further attempt."""
        taken = 200 <= answer < 300
        state = "delivered" if taken else "given_up" if again_at_us is None else "waiting"
        self._db.execute(
            "UPDATE callback SET attempts = attempts + 1, answer = ?, state = ?, due_us = ? WHERE id = ?",
            (answer, state, again_at_us or 0, callback),
        )

    def release(self, *, reverse: bool) -> int:
        """Let held callbacks go, newest first if `reverse`; return how many."""
        with self._transaction():
            rows = self._db.execute("SELECT id FROM callback WHERE state = 'held' ORDER BY id")
            held = sorted((row["id"] for row in rows), reverse=reverse)
            for place, callback in enumerate(held):
                self._db.execute(
                    "UPDATE callback SET state = 'waiting', due_us = ? WHERE id = ?", (self._now_us() + place, callback)
                )
            return len(held)

    def send_again(self, callback: int) -> bool:
        """Let a callback be sent once more, whatever became of it."""
        done = self._db.execute("UPDATE callback SET state = 'waiting', due_us = 0 WHERE id = ?", (callback,))
        return done.rowcount == 1

    def callbacks(self) -> list[dict[str, Any]]:
        """Return the newest callbacks, without their bodies."""
        rows = self._db.execute(
            "SELECT id, subject, copies, attempts, answer, state FROM callback ORDER BY id DESC LIMIT ?", (LIST_MAX,)
        )
        return [dict(row) for row in rows]


def credit_body(credit: Credit) -> bytes:
    """Return the callback of a credit. Amounts are strings of digits."""
    return _JSON.encode({"kind": "credit", **_texts(credit)})


def payout_body(result: PayoutResult) -> bytes:
    """Return the callback of a payout's end."""
    return _JSON.encode({"kind": "payout", **_texts(result)})


def day_of(at_us: int) -> str:
    """Return the day in China of an instant."""
    return datetime.fromtimestamp(at_us / 1_000_000, SHANGHAI).date().isoformat()


def _texts(value: Struct) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(value)
    return {name: str(field) if name == "amount_fen" else field for name, field in fields.items()}


def _result(row: sqlite3.Row) -> PayoutResult:
    return PayoutResult(
        order_id=row["order_id"],
        state=PayoutState(row["state"]),
        reason=row["reason"],
        bank_ref=row["bank_ref"],
        booked_at_us=InstantUs(row["booked_at_us"]),
    )


def _line(row: sqlite3.Row, balance: int) -> Line:
    wish = None if row["wish"] is None else msgspec.json.decode(row["wish"], type=Payout)
    return Line(
        bank_ref=row["bank_ref"],
        at_us=row["at_us"],
        income_fen=max(0, row["amount_fen"]),
        expense_fen=max(0, -row["amount_fen"]),
        balance_fen=balance,
        other_name=row["name"] if wish is None else wish.payee_name,
        other_account=row["number"] if wish is None else wish.payee_account,
        virtual_account=row["virtual"],
        purpose=row["purpose"],
        order_id=row["order_id"],
    )
