"""The verdict from outside. It knows what clients wrote down and what the market's public interface says afterwards, and nothing of
how the market works: no table, no process, no package of it.

Five questions, each with the answer 0 when a promise was kept: acknowledged bids **lost**, **duplicated**, **reordered**, accepted
**late** (or refused as late too early), and prices seen that were **unfounded** (shown and never committed).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple, TypeVar

from loadtests.faults.journals import Answered, Journal, Saw, Sent

KINDS: Final = ("lost", "duplicated", "reordered", "late", "unfounded")
ENDS: Final = frozenset({"sold", "passed"})
LATE_CODES: Final = frozenset({"late", "ended"})
Row = Mapping[str, Any]
Entry = TypeVar("Entry", Sent, Answered, Saw)


class Fate(NamedTuple):
    """What the market says afterwards about a command: `GET /api/v1/lots/{lot}/commands/{id}`."""

    accepted: bool
    seq: int
    at_us: int
    digest: str


class Record(NamedTuple):
    """What the market's public interface says about a lot after the run."""

    rows: Sequence[Row]
    """`GET /api/v1/lots/{lot}/events`, all pages."""
    ended_at_us: int | None
    """Of `GET /api/v1/lots/{lot}`."""
    fates: Mapping[str, Fate | None]
    """By command id, of every bid that was sent; None: the market knows nothing of it."""


class Finding(NamedTuple):
    """A promise that was broken."""

    kind: str
    text: str


class Verdict(NamedTuple):
    """What the checker found."""

    sent: int
    acknowledged: int
    refused: int
    views: int
    findings: list[Finding]

    def counts(self) -> dict[str, int]:
        """Return how often each promise was broken."""
        found = Counter(finding.kind for finding in self.findings)
        return {kind: found[kind] for kind in KINDS}

    def text(self) -> str:
        """Say it in one line, and each finding in one more."""
        counts = ", ".join(f"{kind} {count}" for kind, count in self.counts().items())
        head = f"{self.sent} bids sent, {self.acknowledged} acknowledged, {self.refused} refused, {self.views} views: {counts}"
        return "\n".join([head, *(f"  {finding.kind}: {finding.text}" for finding in self.findings[:20])])


def check(journals: Sequence[Journal], records: Mapping[str, Record]) -> Verdict:
    """Hold what clients wrote down against what the market says now."""
    sent = _by_lot([entry for journal in journals for entry in journal.sent])
    answered = _by_lot([entry for journal in journals for entry in journal.answered])
    saw = _by_lot([entry for journal in journals for entry in journal.saw])
    findings: list[Finding] = []
    for lot, record in records.items():
        of_lot = _Lot(record, sent[lot], answered[lot], saw[lot], _codes(journals, lot))
        findings += [Finding(kind, f"{lot}: {text}") for kind, text in of_lot.findings()]
    findings += list(_rows_shown(journals, records))
    first = {entry.command_id: entry for entries in answered.values() for entry in entries}
    return Verdict(
        len({entry.command_id for entries in sent.values() for entry in entries}),
        sum(entry.accepted for entry in first.values()),
        sum(not entry.accepted for entry in first.values()),
        sum(map(len, saw.values())),
        findings,
    )


class _Lot:
    """All that is known about one lot."""

    def __init__(
        self,
        record: Record,
        sent: Sequence[Sent],
        answered: Sequence[Answered],
        saw: Sequence[Saw],
        codes: Mapping[str, str],
    ) -> None:
        self._record, self._answered, self._saw, self._codes = record, answered, saw, codes
        self._sent = sorted(sent)
        self._first_sent: dict[str, Sent] = {}
        for entry in self._sent:
            self._first_sent.setdefault(entry.command_id, entry)
        self._bids = {row["seq"]: row for row in record.rows if row["kind"] == "bid"}
        self._ends = [row for row in record.rows if row["kind"] in ENDS]

    def findings(self) -> Iterator[tuple[str, str]]:
        """Yield every broken promise: (kind, text)."""
        yield from self._lost()
        yield from self._duplicated()
        yield from self._reordered()
        yield from self._late()
        yield from self._unfounded()

    def _lost(self) -> Iterator[tuple[str, str]]:
        for told in self._answered:
            fate, name = self._record.fates.get(told.command_id), f"{told.command_id} (seq {told.seq})"
            if fate is None:
                yield "lost", f"{name} was acknowledged and the market knows nothing of it"
            elif fate != (told.accepted, told.seq, told.at_us, told.digest):
                yield "lost", f"{name} was answered as {told[3:7]} and stands as {tuple(fate)}"
            elif told.accepted and told.seq not in self._bids:
                yield "lost", f"{name} was accepted and is not in the public record"
            elif told.accepted and told.price is not None and int(self._bids[told.seq]["price"]) != told.price:
                yield "lost", f"{name} was accepted at {told.price}, on record is {self._bids[told.seq]['price']}"

    def _duplicated(self) -> Iterator[tuple[str, str]]:
        answers: dict[str, tuple[Any, ...]] = {}
        for told in self._answered:
            if answers.setdefault(told.command_id, told[3:]) != told[3:]:
                yield "duplicated", f"{told.command_id} was answered in two ways"
        places: dict[int, str] = {}
        for command_id, fate in self._record.fates.items():
            if fate is not None and places.setdefault(fate.seq, command_id) != command_id:
                yield "duplicated", f"{command_id} and {places[fate.seq]} stand at the same place, seq {fate.seq}"
        accepted = {fate.seq for fate in self._record.fates.values() if fate is not None and fate.accepted}
        for seq, row in self._bids.items():
            if seq not in accepted and not row.get("automatic"):
                yield "duplicated", f"the record holds a bid at seq {seq} that nobody sent, or holds one twice"

    def _reordered(self) -> Iterator[tuple[str, str]]:
        for before, after in pairwise(self._record.rows):
            if after["seq"] <= before["seq"] or after["at_us"] < before["at_us"]:
                yield "reordered", f"the record runs back at seq {after['seq']}"
        price = -1
        for row in self._bids.values():
            if int(row["price"]) <= price:
                yield "reordered", f"the price does not rise at seq {row['seq']}"
            price = int(row["price"])
        # What was acknowledged before another bid was sent for the first time stands before it.
        answers = sorted(self._answered)
        at, newest = 0, 0
        for sent in sorted(self._first_sent.values()):
            while at < len(answers) and answers[at].at_s < sent.at_s:
                newest = max(newest, answers[at].seq)
                at += 1
            fate = self._record.fates.get(sent.command_id)
            if fate is not None and fate.seq < newest:
                yield (
                    "reordered",
                    f"{sent.command_id} stands at seq {fate.seq}; seq {newest} was acknowledged before it was sent",
                )

    def _late(self) -> Iterator[tuple[str, str]]:
        halted = False
        for row in self._record.rows:
            halted = row["kind"] in ("interrupted", "paused") or (halted and row["kind"] != "resumed")
            if row["kind"] in ENDS and halted:
                yield "late", f"{row['kind']} at seq {row['seq']} while the session was interrupted"
        if len(self._ends) > 1:
            yield "late", f"it ended {len(self._ends)} times"
        ended_at_us = self._record.ended_at_us
        if not self._ends or ended_at_us is None:
            return
        end_seq = self._ends[0]["seq"]
        for row in self._bids.values():
            if row["seq"] > end_seq or row["at_us"] >= ended_at_us:
                yield "late", f"seq {row['seq']} was accepted {row['at_us'] - ended_at_us} µs after the end"
        for told in self._answered:
            if told.code in LATE_CODES and told.at_us < ended_at_us:
                yield "late", f"seq {told.seq} was refused as late {ended_at_us - told.at_us} µs before the end"
        ended_s = min((saw.at_s for saw in self._saw if saw.final), default=None)
        for command_id, sent in self._first_sent.items():
            fate = self._record.fates.get(command_id)
            if ended_s is not None and sent.at_s > ended_s and fate is not None and fate.accepted:
                yield "late", f"{command_id} was sent after the end had been shown, and accepted"

    def _unfounded(self) -> Iterator[tuple[str, str]]:
        prices: dict[int, int | None] = {}
        price: int | None = None
        for row in self._record.rows:
            if row["kind"] == "bid":
                price = int(row["price"])
            prices[row["seq"]] = price
        seqs = sorted(prices)
        for saw in sorted(set(self._saw), key=lambda entry: entry.seq):
            founded = _last_at_most(seqs, saw.seq)
            if saw.price != (None if founded is None else prices[founded]):
                yield "unfounded", f"price {saw.price} was shown at seq {saw.seq}, where no such price was committed"
        for told in self._answered:
            code = self._codes.get(told.command_id)
            theirs = self._bids.get(told.seq, {}).get("code", code)
            if told.accepted and code is not None and theirs != code:
                yield "unfounded", f"seq {told.seq} is on record for {theirs}; {code} was told it is his"


def _last_at_most(seqs: Sequence[int], seq: int) -> int | None:
    low, high = 0, len(seqs)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if seqs[middle] <= seq else (low, middle)
    return seqs[low - 1] if low else None


def _rows_shown(journals: Sequence[Journal], records: Mapping[str, Record]) -> Iterator[Finding]:
    rows = {(lot, row["seq"]): row for lot, record in records.items() for row in record.rows}
    for journal in journals:
        yield from (Finding("unfounded", text) for text in journal.conflicts)
        for place, row in journal.rows.items():
            if place[0] in records and rows.get(place) != row:
                yield Finding(
                    "unfounded", f"{place[0]}: {journal.name} was shown row {place[1]}, which is not on record so"
                )


def _codes(journals: Sequence[Journal], lot: str) -> dict[str, str]:
    """Return, by command id, the code of the client that sent it."""
    return {
        entry.command_id: journal.code[lot]
        for journal in journals
        if lot in journal.code
        for entry in journal.sent
        if entry.lot == lot
    }


def _by_lot(entries: Sequence[Entry]) -> Mapping[str, list[Entry]]:
    by_lot: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_lot[entry.lot].append(entry)
    return by_lot
