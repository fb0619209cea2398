"""Replays in memory: ends to the millisecond, every way of closing, and the counts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from engine.journal.log import Taken
from engine.journal.records import Record
from engine.replay.driver import Replay
from engine.runtime.book import Book
from engine.runtime.rulebook import LOT_RULES
from engine.values import SHARDS
from tests.engine.replay.recordings import Line, bid, lot, only, read, replayed, short
from tests.engine.rules.oracle import Offer, Oracle

MINUTE = 60_000


def test_sold_passed_and_open_in_the_order_of_the_lots() -> None:
    results = replayed(
        lot("never", first_bid_clock_ms=MINUTE),
        lot("unsold", closes_at=100),
        lot("low", closes_at=100, reserve="50"),
        lot("sold", closes_at=100),
        bid(1, "x", "12", name="sold"),
        bid(1, "x", "12", name="low"),
        bid(2, "y", "13.5", name="sold"),
    )
    assert [f"{result.lot} {short(result)}" for result in results] == [
        "never open, 0 held",
        "unsold passed at 100, 0 held",
        "low passed at 100, 1 held",
        "sold sold y 13.5 at 100, 2 held",
    ]


@pytest.mark.parametrize(
    "fields, times, outcome",
    [
        # The very millisecond of the end is in time, the next one late.
        ({"closes_at": 100}, [100], "sold b0 10 at 100, 1 held"),
        ({"closes_at": 100}, [50, 101], "sold b0 10 at 100, 1 held, late 1"),
        ({"closes_at": 100, "hard_end": 110, "extension_ms": 50}, [90, 110], "sold b1 11 at 110, 2 held"),
        ({"closes_at": 100, "hard_end": 110, "extension_ms": 50}, [90, 111], "sold b0 10 at 110, 1 held, late 1"),
        # Not before the opening.
        ({"opens_at": 50, "closes_at": 100}, [49, 50], "sold b1 11 at 100, 1 held, not_started 1"),
        # The first accepted bid starts the clock; a refused one does not.
        ({"first_bid_clock_ms": 100}, [7, 107], "sold b1 11 at 107, 2 held"),
        ({"first_bid_clock_ms": 100}, [7, 108], "sold b0 10 at 107, 1 held, late 1"),
        # The edge of the window belongs to it; a millisecond earlier does not.
        ({"closes_at": 100, "extension_ms": 20, "extension_window_ms": 30}, [70], "sold b0 10 at 100, 1 held"),
        ({"closes_at": 100, "extension_ms": 40, "extension_window_ms": 30}, [70], "sold b0 10 at 110, 1 held"),
        ({"closes_at": 100, "extension_ms": 40, "extension_window_ms": 30}, [69], "sold b0 10 at 100, 1 held"),
        ({"closes_at": 100, "extension_ms": 30}, [70, 71, 101], "sold b2 12 at 131, 3 held"),
        ({"closes_at": 100, "extension_ms": 30}, [71, 101, 132], "sold b1 11 at 131, 2 held, late 1"),
        # Counted from the end in force.
        ({"closes_at": 100, "extension_ms": 30, "extension_from": "end"}, [70, 100], "sold b1 11 at 160, 2 held"),
        ({"closes_at": 100, "extension_ms": 30, "extension_from": "end"}, [70, 99], "sold b1 11 at 130, 2 held"),
        ({"closes_at": 100, "extension_ms": 30, "extensions_max": 1}, [100, 130, 131], "sold b1 11 at 130, 2 held, late 1"),
        ({"closes_at": 100, "extension_ms": 30, "extensions_max": 0}, [100, 101], "sold b0 10 at 100, 1 held, late 1"),
        # Free period, then cycles; the millisecond of each end belongs to what ends.
        ({"free_period_ms": 100, "limited_cycle_ms": 20}, [], "passed at 120, 0 held"),
        ({"free_period_ms": 100, "limited_cycle_ms": 20}, [99], "sold b0 10 at 120, 1 held"),
        ({"free_period_ms": 100, "limited_cycle_ms": 20}, [100, 120], "sold b1 11 at 140, 2 held"),
        ({"free_period_ms": 100, "limited_cycle_ms": 20}, [101, 121], "sold b1 11 at 141, 2 held"),
        ({"free_period_ms": 100, "limited_cycle_ms": 20}, [101, 122], "sold b0 10 at 121, 1 held, late 1"),
        ({"free_period_ms": 100, "limited_cycle_ms": 20, "extension_from": "end"}, [101, 119], "sold b1 11 at 140, 2 held"),
        ({"free_period_ms": 100, "limited_cycle_ms": 20, "extension_from": "end"}, [120, 121], "sold b1 11 at 160, 2 held"),
        ({"free_period_ms": 100, "limited_cycle_ms": 20, "hard_end": 130}, [115, 131], "sold b0 10 at 130, 1 held, late 1"),
    ],
)  # fmt: skip
def test_ends_to_the_millisecond(fields: Line, times: list[int], outcome: str) -> None:
    bids = [bid(at, f"b{number}", str(10 + number)) for number, at in enumerate(times)]
    assert short(only(lot(**fields), *bids)) == outcome


@pytest.mark.parametrize("extension_from", ["bid", "end"])
@pytest.mark.parametrize("way", ["closes_at", "limited"])
def test_thousands_of_extensions_leave_the_end_on_its_millisecond(extension_from: str, way: str) -> None:
    closing: Line = {"closes_at": 100, "extension_ms": 10, "extension_window_ms": 5}
    if way == "limited":
        closing = {"free_period_ms": 90, "limited_cycle_ms": 10}
    lines, end = [lot(extension_from=extension_from, **closing)], 100
    for number in range(3_000):
        lines.append(bid(end, f"b{number % 7}", str(10 + number)))
        end += 10
    assert short(only(*lines, bid(end + 1, "late", "9999"))) == f"sold b{2_999 % 7} 3009 at {end}, 3000 held, late 1"


def test_the_numeric_example_of_the_inner_mongolia_notice() -> None:
    free_end, second = 1_800_000_000_000, 1_000
    terms = lot(
        opens_at=free_end - 3_600_000, free_period_ms=3_600_000, limited_cycle_ms=120 * second, start="7487968", increment={"fixed": "50000"}
    )  # fmt: skip
    result = only(
        terms,
        bid(free_end - 5 * second, "x", "7537968"),
        bid(free_end + 100 * second, "y", "7587968"),
        bid(free_end + 219_900, "x", "7637968"),
        bid(free_end + 339_950, "y", "7687968"),
    )
    assert short(result) == f"sold x 7637968 at {free_end + 339_900}, 3 held, late 1"


def test_a_maximum_bids_for_its_bidder() -> None:
    result = only(
        lot(closes_at=100, proxy=True),
        bid(1, "x", maximum="50"),
        bid(2, "y", "20"),
        bid(3, "y", maximum="30"),
        bid(4, "z", maximum="31"),
        bid(5, "z", maximum="31.5"),
    )
    assert short(result) == "sold x 31 at 100, 3 held, bid_below_minimum 2"


def test_without_proxy_a_maximum_is_refused() -> None:
    assert short(only(lot(closes_at=100), bid(1, "x", maximum="50"))) == "passed at 100, 0 held, proxy_not_allowed 1"


def test_a_leader_may_bid_over_his_own_bid() -> None:
    result = only(lot(closes_at=100), bid(1, "x", "10"), bid(2, "x", "10.5"), bid(3, "x", "11"))
    assert short(result) == "sold x 11 at 100, 2 held, bid_below_minimum 1"


def test_a_reserve_is_public_or_secret() -> None:
    public = lot(closes_at=100, reserve="50", reserve_public=True)
    assert short(only(public, bid(1, "x", "49"), bid(2, "x", "50"))) == "sold x 50 at 100, 1 held, bid_below_minimum 1"
    secret = lot(closes_at=100, reserve="50")
    assert short(only(secret, bid(1, "x", "49"), bid(2, "x", "50"))) == "sold x 50 at 100, 2 held"


def test_a_bidder_who_comes_after_the_end_is_late() -> None:
    assert (
        short(only(lot(closes_at=100), bid(1, "x", "10"), bid(200, "new", "20"))) == "sold x 10 at 100, 1 held, late 1"
    )


def test_nobody_is_mistaken_for_the_seller() -> None:
    assert only(lot(closes_at=100), bid(1, "seller", "10")).winner == "seller"


def test_prices_keep_the_precision_of_the_currency() -> None:
    result = only(
        {"kind": "currency", "code": "ETH", "exponent": 18},
        lot(closes_at=100, start="0", increment={"percent": "10"}),
        bid(1, "x", "0.000000000000000011"),
        bid(2, "y", "0.000000000000000012"),
        bid(3, "y", "0.000000000000000013"),
    )
    assert short(result) == "sold y 0.000000000000000013 at 100, 2 held, bid_below_minimum 1"


def test_virtual_time_is_one_clock_over_all_lots() -> None:
    records: list[Record] = []

    async def append(batch: Sequence[Record]) -> None:
        records.extend(batch)

    lots = [lot(f"l{number}", opens_at=number * 10, closes_at=1_000 - number * 100) for number in range(9)]
    bids = [bid(at, f"b{at % 3}", str(10 + at), name=f"l{at % 9}") for at in range(0, 1_000, 7)]
    taken = [Taken(shard, 1, 0, b"", None) for shard in range(SHARDS)]
    asyncio.run(Replay(read([*lots, *reversed(bids)]), Book(LOT_RULES, taken), append).run())
    instants = [record.at_us for record in records]
    assert instants == sorted(instants)
    ends = [record.at_us for record in records if record.type in ("lot.sold", "lot.passed")]
    assert ends == [(1_000 - number * 100) * 1_000 + 1 for number in reversed(range(9))]
    opened = [record.at_us for record in records if record.type == "lot.opened"]
    assert opened == [number * 10_000 for number in range(9)]


def drawn_lot(draw: random.Random, name: str) -> Line:
    fields: Line = (
        {"reserve": str(draw.randint(5, 40)), "reserve_public": draw.random() < 0.5} if draw.random() < 0.5 else {}
    )
    match draw.randrange(3):
        case 0:
            fields |= {"closes_at": draw.randint(20, 60)}
        case 1:
            fields |= {"first_bid_clock_ms": draw.randint(5, 40)}
        case _:
            fields |= {"free_period_ms": draw.randint(5, 30), "limited_cycle_ms": draw.randint(3, 12)}
    if "limited_cycle_ms" not in fields and draw.random() < 0.7:
        fields |= {"extension_ms": draw.randint(1, 12)}
    if draw.random() < 0.3:
        fields |= {"hard_end": draw.randint(61, 90)}
    increment = draw.choice([{"fixed": "2"}, {"percent": "12.5"}, {"ladder": [["0", "1"], ["20", "3"]]}])
    return lot(
        name, increment=increment, proxy=draw.random() < 0.5, extension_from=draw.choice(["bid", "end"]), **fields
    )


@pytest.mark.parametrize("seed", range(60))
def test_random_recordings_end_as_the_oracle_says(seed: int) -> None:
    draw = random.Random(seed)
    lots = [drawn_lot(draw, f"l{number}") for number in range(5)]
    bids = []
    for _ in range(80):
        at, bidder, name = draw.randint(0, 100), f"b{draw.randrange(4)}", f"l{draw.randrange(5)}"
        amount = str(draw.randint(8, 12) + at // 2)
        maximum = str(int(amount) + draw.randint(0, 15)) if draw.random() < 0.4 else None
        bids.append(bid(at, bidder, amount if maximum is None or draw.random() < 0.5 else None, maximum, name))
    recording = read([*lots, *bids])
    oracles = [Oracle(found.terms, {f"b{number}" for number in range(4)}) for found in recording.lots]
    held: dict[int, int] = {}
    for placed in recording.bids:
        offer = Offer(placed.at_us, placed.bidder, placed.amount, placed.maximum)
        held[placed.place] = held.get(placed.place, 0) + (oracles[placed.place].judge(offer) == "accepted")
    for place, result in enumerate(replayed(*lots, *bids)):
        ended = oracles[place].ended_by(10**15)
        assert result.accepted == held.get(place, 0)
        if ended is None:
            assert result.state == "open"
        else:
            price = None if result.price is None else round(float(result.price) * 100)
            assert (result.winner, price, result.closed_at) == (ended.winner, ended.price, ended.at // 1_000)
