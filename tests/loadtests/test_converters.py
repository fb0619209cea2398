"""The converters, on an excerpt of the real data (tests/replay_data) and on made-up rows with each quirk of it."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from loadtests.converters import coldhardcash, foundation
from loadtests.converters.checking import check, convert_or_check, difference
from loadtests.converters.recordings import RecordedAuction, RecordedBid, breaches, end_after, eth, replay_lines

FOUNDATION = Path(__file__).parent.parent / "replay_data" / "foundation"
REAL_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
DAY, QUARTER = 86_400, 900


def rows(directory: Path, bids: str, listings: str) -> Path:
    (directory / "bid_data.csv").write_text("token_id,bidder_id,creator,bidding_amt,bid_date\n" + bids)
    (directory / "list_data.csv").write_text("token_id,creator,listing_date,listing_amt\n" + listings)
    return directory


def test_the_excerpt_replays_as_recorded_but_for_raises_that_were_too_small(capsys: pytest.CaptureFixture[str]) -> None:
    assert convert_or_check("Foundation", foundation.read_auctions, [str(FOUNDATION), "--check"]) == 0
    assert capsys.readouterr().out == (
        "differs  152-0xa0000011-1: of 16 recorded bids were refused 1 × bid_below_minimum\n"
        "         in the record: 2021-02-08T03:16:05Z 5 is only 2.88 % above 4.86\n"
        "differs  14676-0xa0000033-1: of 16 recorded bids were refused 1 × bid_below_minimum, 4 × late;"
        " won by 0xa0000032 at 4.2005, on record 0xa0000035 at 7\n"
        "         in the record: 2021-03-31T00:33:24Z 4.5 is only 7.13 % above 4.2005\n"
        "Foundation: 8 of 10 auctions (71 bids) end with the recorded top bidder and amount, no rule breached;"
        " 2 differ, 0 of them unexplained\n"
    )


def test_the_converted_lines_are_those_of_the_design(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows(tmp_path, "8.0,x,c,0.55,1613000000\n", "8.0,c,1612000000,0.5\n")
    assert convert_or_check("Foundation", foundation.read_auctions, [str(tmp_path)]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"kind": "currency", "code": "ETH", "exponent": 18},
        {"kind": "lot", "lot": "8-c-1", "format": "english", "start": "0", "opens_at": 0, "closes_at": None, "reserve": "0.5",
         "reserve_public": True, "first_bid_clock_ms": 86400000, "extension_ms": 900000, "extension_window_ms": 900000,
         "increment": {"percent": "10"}, "proxy": False, "tie": "earliest"},
        {"kind": "bid", "lot": "8-c-1", "at": 1613000000000, "bidder": "x", "amount": "0.55", "maximum": None},
    ]  # fmt: skip


def test_rows_out_of_order_and_bids_of_one_second(tmp_path: Path) -> None:
    rows(tmp_path, "8.0,z,c,3,200\n8.0,y,c,2,100\n8.0,x,c,1,100\n", "8.0,c,50,1\n")
    (auction,) = foundation.read_auctions(tmp_path)
    assert [bid.bidder for bid in auction.bids] == ["x", "y", "z"]
    assert (auction.top_bidder, auction.top_amount) == ("z", 3)


def test_a_token_listed_again_gives_a_further_auction(tmp_path: Path) -> None:
    again = 100 + DAY + 500
    bids = f"8.0,x,c,1,100\n8.0,y,c,2,{again}\n"
    rows(tmp_path, bids, f"8.0,c,50,1\n8.0,x,{again - 1},2\n")
    assert [auction.name for auction in foundation.read_auctions(tmp_path)] == ["8-c-1", "8-c-2"]
    rows(tmp_path, bids, "8.0,c,50,1\n")
    (late,) = foundation.read_auctions(tmp_path)
    assert breaches(late) == ["1970-01-02T00:10:00Z 2 came after the end"]


@pytest.mark.parametrize("asked, first, reserve", [("0.5", "0.55", "0.5"), ("0.5", "0.4", "0.4"), (None, "0.4", "0.4")])
def test_the_reserve_is_the_last_price_asked_unless_it_was_cut(
    tmp_path: Path, asked: str | None, first: str, reserve: str
) -> None:
    later = "8.0,c,999,0.1\n"
    listings = f"8.0,c,40,9\n8.0,c,50,{asked}\n{later}" if asked else later
    (auction,) = foundation.read_auctions(rows(tmp_path, f"8.0,x,c,{first},100\n", listings))
    assert auction.reserve == Decimal(reserve)


def test_amounts_are_exact_to_the_smallest_unit() -> None:
    assert eth("0.026724734404329435") == Decimal("0.026724734404329435")
    assert eth("1e-17") == Decimal("0.00000000000000001")
    assert eth("123456789012345678.1234567890123456784") == Decimal("123456789012345678.123456789012345678")


def bids(*placed: tuple[int, str]) -> tuple[RecordedBid, ...]:
    return tuple(RecordedBid(at, Decimal(amount), f"b{number}") for number, (at, amount) in enumerate(placed))


def test_the_end_is_read_off_the_record() -> None:
    assert end_after(bids((100, "1"))) == 100 + DAY
    assert end_after(bids((100, "1"), (100 + DAY - QUARTER - 1, "2"))) == 100 + DAY
    assert end_after(bids((100, "1"), (100 + DAY - QUARTER, "2"))) == 100 + DAY
    assert end_after(bids((100, "1"), (100 + DAY, "2"))) == 100 + DAY + QUARTER


def test_breaches_are_read_off_the_record() -> None:
    auction = RecordedAuction("a", Decimal(2), bids((0, "1"), (1, "1.1"), (2, "1.2"), (DAY + 9, "5")), "b3", Decimal(5))
    assert breaches(auction) == [
        "the first bid 1 is below the reserve 2",
        "1970-01-01T00:00:02Z 1.2 is only 9.09 % above 1.1",
        "1970-01-02T00:00:09Z 5 came after the end",
    ]


def test_a_difference_that_the_record_does_not_explain_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    auction = RecordedAuction("a", Decimal(1), bids((100, "1"), (200, "2")), "b1", Decimal(2))
    assert check("Test", [auction]) == 0
    assert check("Test", [replace(auction, top_bidder="somebody else")]) == 1
    assert "nothing in the record explains this" in capsys.readouterr().out


def test_differences_in_words() -> None:
    auction = RecordedAuction("a", Decimal(1), bids((100, "1"), (200, "2")), "b1", Decimal(2))
    sold = {"state": "sold", "winner": "b1", "price": "2", "rejected": {}}
    assert difference(auction, sold) is None
    assert difference(auction, {**sold, "price": "2.000000000000000001"}) == (
        "won by b1 at 2.000000000000000001, on record b1 at 2"
    )
    assert difference(auction, {**sold, "rejected": {"late": 1}}) == "of 2 recorded bids were refused 1 × late"
    assert difference(auction, {**sold, "state": "open", "winner": None, "price": None}) == "ended open"


def test_cold_hard_cash_with_addresses_in_two_spellings(tmp_path: Path) -> None:
    (tmp_path / "allAuctions.js").write_text(
        'const ALL_AUCTIONS = [{"auctionId": 7, "reservePrice": 0.026724734404329435, "bidAmount": 0.1, "highestBidderAddr": "0xAb"}]'
    )
    (tmp_path / "bidsMade.js").write_text(
        'const ALL_BIDS_MADE = [{"bidder": "0xaB", "amount": 0.1, "auctionId": 7, "timestamp": 200},'
        ' {"bidder": "0xCD", "amount": 0.05, "auctionId": 7, "timestamp": 100}]'
    )
    (auction,) = coldhardcash.read_auctions(tmp_path)
    assert auction.name == "cash-7"
    assert auction.reserve == Decimal("0.026724734404329435")
    assert [bid.bidder for bid in auction.bids] == ["0xcd", "0xab"]
    assert check("Cash", [auction]) == 0
    assert [line["kind"] for line in replay_lines([auction])] == ["currency", "lot", "bid", "bid"]


def test_a_directory_without_the_data_is_a_wrong_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert_or_check("Foundation", foundation.read_auctions, [str(tmp_path)]) == 2
    assert "does not hold the recorded data" in capsys.readouterr().err


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the recorded data is not beside this checkout")
@pytest.mark.parametrize(
    "title, read, folder, total",
    [
        ("Foundation", foundation.read_auctions, "foundation_reserve_auctions", "3920 of 3925 auctions (9581 bids)"),
        ("Cold Hard Cash", coldhardcash.read_auctions, "coldhardcash_auctions", "16 of 16 auctions (175 bids)"),
    ],
)
def test_the_whole_record_where_it_is_at_hand(
    title: str, read, folder: str, total: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert_or_check(title, read, [str(REAL_DATA / folder), "--check"]) == 0
    assert f"{title}: {total} end with the recorded top bidder and amount" in capsys.readouterr().out
