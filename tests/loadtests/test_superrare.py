"""Real asks and offers through the rules of listed trade: an excerpt always, the whole record where it is at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.replay.listing_driver import replay_listings
from engine.replay.listing_format import read_listings
from loadtests.converters import superrare
from loadtests.converters.superrare import Entry, lines_of, main, read_entries, reason_for, texts

EXCERPT = Path(__file__).parent.parent / "replay_data" / "superrare"
WHOLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "superrare_listing_offers"


def test_the_excerpt_replays_as_recorded_but_for_what_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(EXCERPT), "--check"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-6:] == [
        "sold at the ask: 8 of 9",
        "accepted = standing offer: 1 of 4",
        "offers withdrawn: 7 of 8",
        "offers made, each higher than the standing one: 11 of 14",
        "ask changes: 13 of 15",
        "owner after the last event: 9 of 9 works",
    ]
    assert (
        "refused  take of 0.2 ETH on work 702 (2019-03-04T17:49:51Z): seller_may_not_buy;"
        " on file twice: the same event stands earlier in the same block\n"
    ) in said
    assert "accept of 0.15 ETH on work 106 (2018-10-04T05:33:55Z): no_such_offer; offered to an earlier owner" in said
    assert "accept of 1.25 ETH on work 2202 (2019-03-07T12:06:22Z): no_such_offer; its offer was not higher" in said


def test_the_whole_record() -> None:
    if not WHOLE.is_dir():
        pytest.skip(f"the whole record is not here: {WHOLE}")
    entries = read_entries(WHOLE)
    lines = list(lines_of(entries))
    results = replay_listings(read_listings(text.encode() for text in texts(lines)))
    refused = [(lines[row.line - 2].entry, row.code) for result in results for row in result.refused]
    counted = {kind: sum(result.held.get(kind, 0) for result in results) for kind in superrare.SAYS}
    assert counted == {"take": 196, "accept": 422, "withdraw": 258, "offer": 974, "ask": 1446}
    assert superrare.owners_agree(entries, [{"listing": r.listing, "owner": r.owner} for r in results]) == (1328, 1328)
    sales = [entry for entry, _ in refused if entry.kind == "take"]
    assert [entry.work for entry in sales] == [1600, 702]
    assert {reason_for(entry, entries) for entry in sales} == {
        "on file twice: the same event stands earlier in the same block"
    }


def entry(log: int, kind: str, party: str, wei: int = 0) -> Entry:
    return Entry(block=log, log=0, work=2, kind=kind, party=party, wei=wei, at_s=1_500_000_000 + log)


def test_every_change_of_owner_begins_a_new_listing() -> None:
    entries = [
        entry(1, "transfer", "maker"), entry(2, "ask", "", 10**18), entry(3, "offer", "b", 5),
        Entry(4, 0, 2, "transfer", "c", 0, 1_500_000_004), Entry(4, 1, 2, "take", "c", 10**18, 1_500_000_004),
        entry(5, "transfer", "friend"),
    ]  # fmt: skip
    lines = [line.text for line in lines_of(entries)]
    assert [(line["kind"], line["listing"]) for line in lines] == [
        ("listing", "2-1"), ("ask", "2-1"), ("offer", "2-1"), ("take", "2-1"), ("listing", "2-2"), ("end", "2-2"),
        ("listing", "2-3"),
    ]  # fmt: skip
    results = replay_listings(read_listings(text.encode() for text in texts(list(lines_of(entries)))))
    assert [(r.state, r.owner, r.way, r.price) for r in results] == [
        ("signed", "c", "posted", "1"), ("withdrawn", "c", None, None), ("listed", "friend", None, None),
    ]  # fmt: skip


def test_a_directory_without_the_data_is_a_wrong_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "does not hold the recorded data" in capsys.readouterr().err


def test_the_lines_are_those_of_the_document() -> None:
    text = (Path(__file__).parents[2] / "docs" / "REPLAY.md").read_text(encoding="utf-8").split("## Listings")[1]
    recording = read_listings(line.encode() for line in text.split("```")[1].strip().splitlines())
    (result,) = replay_listings(recording)
    assert (result.state, result.owner, result.price) == ("signed", "z", "0.46")
    assert result.held == {"ask": 1, "offer": 1, "take": 1, "withdraw": 1}
