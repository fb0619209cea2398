"""Deadlines of a deal, by the official calendar: the first day does not count, a period ends at 24:00 (民法典 arts. 201-203). Pure."""

from __future__ import annotations

from msgspec.structs import replace

from engine.calendar import Calendar, Day, civil_of, day_from_civil, day_of, end_of, period_end
from engine.values import InstantUs
from settlement.deals.deal import Deal
from settlement.deals.payment import Line, LineKind, Trigger, royalty_of
from settlement.deals.phases import EARNING, FINAL, WAITS, Phase
from settlement.deals.process import Process
from settlement.deals.rules_data import HOUR_US


def working(calendar: Calendar, at_us: int, days: int) -> int:
    """Return the end of the `days`-th working day after an instant."""
    return period_end(calendar, InstantUs(at_us), working_days=days).ends_at_us


def natural(calendar: Calendar, at_us: int, days: int) -> int:
    """Return the end of the `days`-th day after an instant; on a day off, of the next working day."""
    return period_end(calendar, InstantUs(at_us), days=max(1, days)).ends_at_us


def deadline_for(deal: Deal, phase: Phase, at_us: int, calendar: Calendar, lines: tuple[Line, ...] = ()) -> int:
    """Return by when a phase that begins now is to be over; 0 for a phase where nothing is awaited."""
    if phase in FINAL:
        return 0
    length = WAITS[phase].length
    if length == "hour":
        return at_us + HOUR_US
    if length == "sign_by":
        # Never less than a working day, however late the market itself was.
        return max(deal.sign_by_us, working(calendar, at_us, 1))
    if length == "line":
        dues = [line.due_at_us for line in lines if line.due_at_us > at_us]
        return min(dues) if dues else working(calendar, at_us, deal.rules.operator_working_days)
    days: int = getattr(deal.rules, length)
    return working(calendar, at_us, days) if length.endswith("working_days") else natural(calendar, at_us, days)


def due_after_signing(lines: tuple[Line, ...], at_us: int, calendar: Calendar) -> tuple[Line, ...]:
    """Return the schedule with the due days of what runs from the contract's effect, and from when interest runs."""
    return tuple(
        replace(
            line,
            due_at_us=_due(line, at_us, calendar) if line.after is Trigger.SIGNING else 0,
            interest_from_us=at_us if line.interest_daily_ppm and line.kind is LineKind.PRICE and line.no > 1 else 0,
        )
        for line in lines
    )


def due_after_delivery(process: Process, at_us: int, calendar: Calendar) -> tuple[Line, ...]:
    """Return the schedule with the due days of what runs from the delivery; royalty periods begin on that day."""
    royalty = None if process.payment is None else royalty_of(process.payment)
    return tuple(
        replace(line, due_at_us=_due(line, at_us, calendar))
        if line.after is Trigger.DELIVERY
        else replace(
            line,
            due_at_us=report_due(at_us, royalty.months * line.period, process.deal.rules.report_working_days, calendar),
        )
        if line.after is Trigger.REPORT and royalty is not None
        else line
        for line in process.lines
    )


def report_due(from_us: int, months: int, working_days: int, calendar: Calendar) -> int:
    """Return by when the period that ends `months` after an instant is reported."""
    ends = months_after(day_of(InstantUs(from_us)), months)
    return working(calendar, end_of(ends) - 1, working_days)


def months_after(day: Day, months: int) -> Day:
    """Return the same day of a later month, its last day where it has none (民法典 art. 202 reads months by the calendar)."""
    year, month, number = civil_of(day)
    total = year * 12 + month - 1 + months
    year, month = divmod(total, 12)
    first = day_from_civil(year, month + 1, 1)
    next_first = day_from_civil(*((year, month + 2, 1) if month < 11 else (year + 1, 1, 1)))
    return Day(min(first + number - 1, next_first - 1))


def remind_at(process: Process) -> int:
    """Return when whoever has to act is reminded: some hours before the deadline, half way where the wait is shorter."""
    half = process.since_us + (process.deadline_us - process.since_us) // 2
    return max(process.deadline_us - process.deal.rules.reminder_us, half)


def wake_at(process: Process) -> int | None:
    """Return when a clock has to look at a deal next; None at the end."""
    if process.phase in FINAL:
        return None
    at = process.deadline_us if process.reminded else min(remind_at(process), process.deadline_us)
    late = overdue(process, 2**62)
    return min([at, *(line.due_at_us for line in late)])


def overdue(process: Process, at_us: int) -> list[Line]:
    """Return the lines that are past their day, not paid (or not reported), and not marked late yet."""
    if process.phase is not Phase.PAYING and process.phase not in EARNING:
        return []
    return [
        line
        for line, paid in zip(process.lines, process.paid, strict=True)
        if line.due_at_us
        and line.due_at_us <= at_us
        and (line.amount_fen is None or paid < line.amount_fen)
        and line.no not in process.late
    ]


def _due(line: Line, at_us: int, calendar: Calendar) -> int:
    if line.working_days:
        return working(calendar, at_us, line.working_days)
    return natural(calendar, at_us, line.days)
