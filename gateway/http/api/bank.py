"""The bank desk over REST, for operators' programs: queue, acts, statements, days, payments. Finance data: staff only."""

from __future__ import annotations

from datetime import date
from typing import Final

from msgspec import Struct
from pydantic import Field

from engine.rules.rejections import Reject
from gateway.errors import Code, Refused
from gateway.http.api.calls import Call, Endpoint
from gateway.http.api.wishes import Query, Wish
from gateway.http.uploads import Upload
from settlement.bank.exceptions import Act, Item, Problem, Refusal, State
from settlement.bank.exceptions import Wish as ActAsked
from settlement.bank.parsing import FILE_MAX
from settlement.bank.reconciling import Day
from settlement.bank.statements import Report

ID_LENGTH_MAX: Final = 18
PROBLEMS: Final[dict[Problem, Code | Reject]] = {
    Problem.NO_SUCH_ROW: Code.NOT_FOUND,
    Problem.CHANGED: Code.CONFLICT,
    Problem.REASON_REQUIRED: Reject.REASON_REQUIRED,
}


class BankActWish(Wish):
    """One act on a row of the queue. `version` is the one that was seen: somebody faster makes it `conflict`."""

    version: int = Field(ge=1, le=2**31 - 1)
    act: str = Field(pattern=r"^(assign|return|wait|close)$")
    reason: str = Field(min_length=1, max_length=500)
    deposit_id: str = Field("", max_length=64)
    payee_name: str = Field("", max_length=200, description="For a return, where the bank gave no sender.")
    payee_account: str = Field("", max_length=64)


class BankQueueQuery(Query):
    """Which part of the queue, oldest first."""

    state: str = Field("open", pattern=r"^(open|waiting|closed)$")
    after_us: int = Field(0, ge=0, le=2**62)
    after_id: int = Field(0, ge=0, le=2**62)
    limit: int = Field(50, ge=1, le=100)


class PageQuery(Query):
    """Which part of a list."""

    before: int = Field(2**62, ge=1, le=2**62)
    limit: int = Field(50, ge=1, le=100)


class PaymentsQuery(Query):
    """Which part of the payments, oldest first."""

    after_us: int = Field(0, ge=0, le=2**62)
    after_id: str = Field("", max_length=64)
    limit: int = Field(50, ge=1, le=200)


class ItemView(Struct, frozen=True, kw_only=True):
    """A row of the queue. Amounts are strings of digits, fen; null where the row is about no booking."""

    id: int
    version: int
    state: str
    outcome: str
    reasons: list[str]
    candidates: list[str]
    note: str
    acts: list[str]
    opened_at_us: int
    place: str
    deposit_id: str
    amount_fen: str | None
    booked_at_us: int | None
    bank_ref: str | None
    other_name: str | None
    other_account: str | None
    virtual_account: str | None
    purpose: str | None


class BankQueueView(Struct, frozen=True):
    """A page of the queue. Pass the last row's `opened_at_us` and `id` as `after_us` and `after_id`."""

    rows: list[ItemView]


class LineView(Struct, frozen=True, kw_only=True):
    """A line of a statement and what it is to the market: known, told or new."""

    line: int
    day: str
    amount_fen: str
    state: str
    outcome: str | None
    deposit_id: str


class ProblemView(Struct, frozen=True):
    """A fault of the file; line 0: the file as a whole."""

    line: int
    code: str
    cell: str


class StatementReportView(Struct, frozen=True, kw_only=True):
    """What a statement holds and what importing it does, or did."""

    imported: bool
    layout: str
    first_day: str | None
    last_day: str | None
    opening_fen: str | None
    closing_fen: str | None
    lines: list[LineView]
    warnings: list[str]
    problems: list[ProblemView]


class StatementView(Struct, frozen=True, kw_only=True):
    """A statement on record."""

    id: int
    file_name: str
    first_day: str
    last_day: str
    opening_fen: str | None
    closing_fen: str | None
    lines: int
    imported_at_us: int


class StatementsView(Struct, frozen=True):
    """A page of statements, newest first; pass the last `id` as `before`."""

    statements: list[StatementView]


class DifferenceView(Struct, frozen=True, kw_only=True):
    """What the statement has more than the books."""

    why: str
    amount_fen: str
    day: str | None
    reference: str


class DayView(Struct, frozen=True, kw_only=True):
    """The reconciliation of a day."""

    day: str
    agrees: bool
    statement_fen: str | None
    books_fen: str
    ledger_fen: str
    unposted_fen: str
    unexplained_fen: str
    differences: list[DifferenceView]
    gaps: list[tuple[str, str]]


class PaymentView(Struct, frozen=True, kw_only=True):
    """A payment that waits for the bank's counter or its statement."""

    order_id: str
    amount_fen: str
    payee_name: str
    payee_account: str
    ordered_at_us: int
    file: int | None


class PaymentsView(Struct, frozen=True):
    """A page of payments, oldest first; pass the last row's `ordered_at_us` and `order_id`."""

    payments: list[PaymentView]


class PaymentFileView(Struct, frozen=True):
    """A new payment file, null if no payment waited for one."""

    number: int | None


class FileWish(Wish):
    """Put the waiting payments into a new file."""


async def exceptions(call: Call, query: BankQueueQuery) -> BankQueueView:
    """The exceptions queue."""
    page = await call.services.banking.exceptions.page(
        (State(query.state),), (query.after_us, query.after_id), query.limit
    )
    return BankQueueView([item_view(item) for item in page])


async def act(call: Call, wish: BankActWish) -> ItemView:
    """Decide a row of the queue."""
    asked = ActAsked(
        item=_number(call.path["id"]), version=wish.version, act=Act(wish.act), reason=wish.reason,
        actor=call.caller.party_id, deposit_id=wish.deposit_id, payee_name=wish.payee_name,
        payee_account=wish.payee_account,
    )  # fmt: skip
    done = await call.services.banking.exceptions.act(asked)
    result = done.problem.value if isinstance(done, Refusal) else "done"
    await call.services.accounts.note(call.caller, call.origin.network, f"bank.{wish.act}", str(asked.item), result)
    if isinstance(done, Refusal):
        code = PROBLEMS.get(done.problem, Code.WRONG_STATE)
        raise Refused(code, problem=done.problem.value, detail=done.detail)
    return item_view(done)


async def statements(call: Call, query: PageQuery) -> StatementsView:
    """Statements on record."""
    newest = await call.services.banking.statements.newest(query.before, query.limit)
    return StatementsView(
        [
            StatementView(
                id=one.id, file_name=one.file_name, first_day=one.first_day.isoformat(),
                last_day=one.last_day.isoformat(), opening_fen=_digits(one.opening_fen),
                closing_fen=_digits(one.closing_fen), lines=one.lines, imported_at_us=one.imported_at_us,
            )
            for one in newest
        ]
    )  # fmt: skip


async def check_statement(call: Call) -> StatementReportView:
    """What importing a statement would do; nothing is changed."""
    name, data = await read_file(await call.upload(FILE_MAX))
    return report_view(await call.services.banking.statements.check(data, name))


async def import_statement(call: Call) -> StatementReportView:
    """Import a statement; a file with faults is not imported, and `problems` says why."""
    name, data = await read_file(await call.upload(FILE_MAX))
    report = await call.services.banking.statements.take(data, name, call.caller.party_id)
    result = "done" if report.imported else "refused"
    await call.services.accounts.note(call.caller, call.origin.network, "bank.statement", name[:80], result)
    return report_view(report)


async def day(call: Call) -> DayView:
    """The reconciliation of a day."""
    try:
        wanted = date.fromisoformat(call.path["day"])
    except ValueError:
        raise Refused(Code.NOT_FOUND) from None
    return day_view(await call.services.banking.reconciling.day(wanted))


async def payments(call: Call, query: PaymentsQuery) -> PaymentsView:
    """Payments that wait for the bank's counter or its statement."""
    by_hand = call.services.banking.by_hand
    waiting = [] if by_hand is None else await by_hand.waiting((query.after_us, query.after_id), query.limit)
    return PaymentsView(
        [
            PaymentView(
                order_id=one.order_id, amount_fen=str(one.amount_fen), payee_name=one.payee_name,
                payee_account=one.payee_account, ordered_at_us=one.ordered_at_us, file=one.file,
            )
            for one in waiting
        ]
    )  # fmt: skip


async def make_file(call: Call, _: FileWish) -> PaymentFileView:
    """Put the waiting payments into a new file for the bank's counter."""
    by_hand = call.services.banking.by_hand
    made = None if by_hand is None else await by_hand.make_file(call.caller.party_id)
    if made is not None:
        await call.services.accounts.note(call.caller, call.origin.network, "bank.payment_file", str(made.number))
    return PaymentFileView(None if made is None else made.number)


async def read_file(upload: Upload) -> tuple[str, bytes]:
    """Return name and content of an uploaded file.

    Raises:
        Refused: TOO_LARGE, MALFORMED.
    """
    data = bytearray()
    async for chunk in upload.chunks():
        data += chunk
        if len(data) > FILE_MAX:
            raise Refused(Code.TOO_LARGE, limit_bytes=FILE_MAX)
    return upload.name.replace("\\", "/").rpartition("/")[2][:200], bytes(data)


def item_view(item: Item) -> ItemView:
    """Return a row of the queue as it goes out."""
    event = item.event
    return ItemView(
        id=item.id, version=item.version, state=item.state.value, outcome=item.outcome.value,
        reasons=[reason.value for reason in item.reasons], candidates=list(item.candidates), note=item.note,
        acts=[one.value for one in item.acts], opened_at_us=item.opened_at_us, place=item.place,
        deposit_id=item.placed_at, amount_fen=None if event is None else str(event.amount_fen),
        booked_at_us=None if event is None else event.booked_at_us, bank_ref=None if event is None else event.bank_ref,
        other_name=None if event is None else event.other_name,
        other_account=None if event is None else event.other_account,
        virtual_account=None if event is None else event.virtual_account,
        purpose=None if event is None else event.purpose,
    )  # fmt: skip


def report_view(report: Report) -> StatementReportView:
    """Return a report as it goes out."""
    parsed = report.parsed
    return StatementReportView(
        imported=report.imported, layout=parsed.layout, first_day=_iso(parsed.first_day), last_day=_iso(parsed.last_day),
        opening_fen=_digits(parsed.opening_fen), closing_fen=_digits(parsed.closing_fen),
        lines=[
            LineView(
                line=line.number, day=line.day.isoformat(), amount_fen=str(line.amount_fen), state=line.state,
                outcome=None if line.outcome is None else line.outcome.value, deposit_id=line.deposit_id,
            )
            for line in report.lines
        ],
        warnings=list(report.warnings),
        problems=[ProblemView(one.line, one.code, one.cell) for one in parsed.problems],
    )  # fmt: skip


def day_view(day: Day) -> DayView:
    """Return a reconciliation as it goes out."""
    return DayView(
        day=day.day.isoformat(), agrees=day.agrees, statement_fen=_digits(day.statement_fen),
        books_fen=str(day.books_fen), ledger_fen=str(day.ledger_fen), unposted_fen=str(day.unposted_fen),
        unexplained_fen=str(day.unexplained_fen),
        differences=[
            DifferenceView(why=one.why.value, amount_fen=str(one.amount_fen), day=_iso(one.day), reference=one.reference)
            for one in day.differences
        ],
        gaps=[(first.isoformat(), last.isoformat()) for first, last in day.gaps],
    )  # fmt: skip


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= ID_LENGTH_MAX):
        raise Refused(Code.NOT_FOUND)
    return int(text)


def _digits(fen: int | None) -> str | None:
    return None if fen is None else str(fen)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


_DONE: Final = (Code.NOT_FOUND, Code.CONFLICT, Code.WRONG_STATE, Reject.REASON_REQUIRED)
_FILE: Final = (Code.TOO_LARGE, Code.MALFORMED)
BANK_ENDPOINTS: Final = (
    Endpoint(
        "GET", "/api/v1/bank/exceptions", "The bank's exceptions queue", exceptions, BankQueueView, BankQueueQuery
    ),
    Endpoint(
        "POST", "/api/v1/bank/exceptions/{id}/acts", "Decide a row of the queue", act, ItemView, BankActWish, _DONE
    ),
    Endpoint("GET", "/api/v1/bank/statements", "Bank statements on record", statements, StatementsView, PageQuery),
    Endpoint(
        "POST",
        "/api/v1/bank/statements",
        "Import a bank statement",
        import_statement,
        StatementReportView,
        refuses=_FILE,
    ),
    Endpoint(
        "POST",
        "/api/v1/bank/statements/check",
        "What a bank statement holds",
        check_statement,
        StatementReportView,
        refuses=_FILE,
    ),
    Endpoint("GET", "/api/v1/bank/days/{day}", "Reconciliation of a day", day, DayView, refuses=(Code.NOT_FOUND,)),
    Endpoint("GET", "/api/v1/bank/payments", "Payments to carry to the bank", payments, PaymentsView, PaymentsQuery),
    Endpoint("POST", "/api/v1/bank/payment-files", "Make a payment file", make_file, PaymentFileView, FileWish),
)
