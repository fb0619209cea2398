"""SuperRare asks and offers (2018-2019): `python -m loadtests.converters.superrare DIR > superrare.jsonl`, or `--check`.

Every change of owner begins a new listing of the work; a sale pays the offers that stand back, so none is carried over. The reasons
for what the rules refuse are read off the record alone. See SOURCE.md beside the data.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from loadtests.converters.checking import ROOT
from loadtests.converters.recordings import ETH_DECIMALS

FILES: Final = {
    "ERC721Transfer": "transfer",
    "SuperRareSalePriceSet": "ask",
    "SuperRareBid": "offer",
    "SuperRareCancelBid": "withdraw",
    "SuperRareAcceptBid": "accept",
    "SuperRareSold": "take",
}
SAYS: Final = {
    "take": "sold at the ask",
    "accept": "accepted = standing offer",
    "withdraw": "offers withdrawn",
    "offer": "offers made, each higher than the standing one",
    "ask": "ask changes",
}


@dataclass(frozen=True, order=True)
class Entry:
    """One event of the record, in the order of the chain."""

    block: int
    log: int
    work: int
    kind: str
    party: str
    wei: int
    at_s: int


@dataclass(frozen=True)
class Line:
    """One line of the replay and the entry it came from."""

    text: dict[str, Any]
    entry: Entry


def read_entries(directory: Path) -> list[Entry]:
    """Read the whole record in the order of the chain."""
    with (directory / "EventDetails.csv").open(encoding="utf-8", newline="") as file:
        places = {row["id"]: row for row in csv.DictReader(file)}
    found = []
    for name, kind in FILES.items():
        with (directory / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                place = places[row["id"]]
                moment = datetime.fromisoformat(place["blockTimestamp"]).replace(tzinfo=UTC)
                party = row.get("buyer") or row.get("bidder") or row.get("to") or ""
                wei = int(Decimal(row.get("amount", "0")))
                where = (int(place["blockNumber"]), int(place["logIndex"]))
                found.append(Entry(*where, int(row["tokenId"]), kind, party, wei, int(moment.timestamp())))
    return sorted(found)


def lines_of(entries: Sequence[Entry]) -> Iterator[Line]:
    """Return the lines of the replay format, in order of time.

    A transfer that belongs to a sale is the sale's own doing (it is logged just before it): the new listing follows the sale.
    """
    sales = {(entry.work, entry.block, entry.party) for entry in entries if entry.kind in ("accept", "take")}
    listings: Counter[int] = Counter()
    owners: dict[int, str] = {}
    latest_ms = 0
    for entry in entries:
        # Seconds of one block differ by one here and there; the order of the chain counts.
        latest_ms = max(latest_ms, entry.at_s * 1_000)
        name = f"{entry.work}-{listings[entry.work]}"
        act = {"kind": entry.kind, "listing": name, "at": latest_ms}
        if entry.kind == "transfer":
            if (entry.work, entry.block, entry.party) not in sales:
                if listings[entry.work]:
                    yield Line({**act, "kind": "end"}, entry)
                yield _new_listing(entry, latest_ms, listings, owners)
        elif entry.kind == "ask":
            yield Line({**act, "amount": _eth(entry.wei) if entry.wei else None}, entry)
        else:
            yield Line({**act, "buyer": entry.party, "amount": _eth(entry.wei)}, entry)
            if entry.kind in ("accept", "take") and owners.get(entry.work) != entry.party:
                yield _new_listing(entry, latest_ms, listings, owners)


def _new_listing(entry: Entry, at_ms: int, listings: Counter[int], owners: dict[int, str]) -> Line:
    listings[entry.work] += 1
    owners[entry.work] = entry.party
    name = f"{entry.work}-{listings[entry.work]}"
    return Line({"kind": "listing", "listing": name, "at": at_ms, "seller": entry.party, "ask": None}, entry)


def reason_for(entry: Entry, entries: Sequence[Entry]) -> str:
    """Return, in words and read off the record alone, why the rules cannot take an entry."""
    before = [other for other in entries if other.work == entry.work and other < entry]
    same = [o for o in before if (o.kind, o.party, o.wei) == (entry.kind, entry.party, entry.wei)]
    if same and all(o.kind == "transfer" for o in before if o > same[-1]):
        apart = entry.at_s - same[-1].at_s
        if entry.block == same[-1].block:
            return "on file twice: the same event stands earlier in the same block"
        return f"the same event stands {apart} s earlier with nothing between: what undid it is not on file"
    if entry.kind == "ask":
        return "the ask was the same already"
    if entry.kind == "offer":
        return "a higher offer stands on file: what ended it is not"
    offers = [o for o in before if (o.kind, o.party, o.wei) == ("offer", entry.party, entry.wei)]
    if not offers:
        return "no such offer is on file"
    if any(o.kind == "transfer" and o > offers[-1] for o in before if o.block < entry.block):
        return "offered to an earlier owner: with the change of owner that listing and its offers ended"
    return "its offer was not higher than one on file, whose end is not"


def check(directory: Path) -> int:
    """Replay, name every recorded event that the rules refuse with its reason, print the totals; 0 if all is explained."""
    entries = read_entries(directory)
    lines = list(lines_of(entries))
    results = replay(lines)
    refused = {row["line"]: row for result in results for row in result["refused"]}
    # The currency line is the first, so the n-th line of ours has number n + 2.
    of_record = [(number, line) for number, line in enumerate(lines, start=2) if line.text["kind"] in SAYS]
    for number, line in of_record:
        if number in refused and line.text["kind"] != "ask":
            print(f"refused  {line.entry.kind} of {line.text['amount']} ETH on work {line.entry.work}"
                  f" ({_when(line.entry)}): {refused[number]['code']}; {reason_for(line.entry, entries)}")  # fmt: skip
    totals = Counter(line.text["kind"] for _, line in of_record)
    held = Counter(line.text["kind"] for number, line in of_record if number not in refused)
    for kind, says in SAYS.items():
        print(f"{says}: {held[kind]} of {totals[kind]}")
    agreeing, works = owners_agree(entries, results)
    print(f"owner after the last event: {agreeing} of {works} works")
    return 0 if agreeing == works else 1


def owners_agree(entries: Sequence[Entry], results: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Return for how many works the replay ends with the recorded owner, and how many works there are."""
    recorded = {entry.work: entry.party for entry in entries if entry.kind == "transfer"}
    replayed = {int(result["listing"].partition("-")[0]): result["owner"] for result in results}
    return sum(replayed.get(work) == owner for work, owner in recorded.items()), len(recorded)


def replay(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Run `ortoo replay` over the lines and return its results.

    Raises:
        RuntimeError: it failed; the text says why.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.writelines(texts(lines))
        file.flush()
        command = [sys.executable, "-m", "gateway.cli", "replay", file.name]
        done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return [json.loads(line) for line in done.stdout.splitlines()]


def texts(lines: Sequence[Line]) -> Iterator[str]:
    """Return the lines as a file holds them."""
    yield json.dumps({"kind": "currency", "code": "ETH", "exponent": ETH_DECIMALS}) + "\n"
    for line in lines:
        yield json.dumps(line.text) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 done, 1 for an owner who differs, 2 for a wrong call."""
    parser = argparse.ArgumentParser(description="SuperRare: from the recorded data to `ortoo replay` (docs/REPLAY.md)")
    parser.add_argument("directory", type=Path, help="the directory of the recorded data")
    parser.add_argument("--check", action="store_true", help="replay it and compare with the record")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            return check(options.directory)
        sys.stdout.writelines(texts(list(lines_of(read_entries(options.directory)))))
    except (OSError, ValueError, KeyError, ArithmeticError) as problem:
        print(f"{options.directory} does not hold the recorded data: {problem!r}", file=sys.stderr)
        return 2
    return 0


def _when(entry: Entry) -> str:
    return datetime.fromtimestamp(entry.at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _eth(wei: int) -> str:
    whole, fraction = divmod(wei, 10**ETH_DECIMALS)
    return f"{whole}.{fraction:0{ETH_DECIMALS}d}".rstrip("0").rstrip(".") if fraction else str(whole)


if __name__ == "__main__":
    sys.exit(main())
