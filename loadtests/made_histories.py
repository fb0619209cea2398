"""Histories of deals and registrations as the market would write them, made from a seed; and their figures, computed another way."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import msgspec

from engine.calendar import civil_of, day_from_civil, day_of, start_of
from engine.values import InstantUs
from settlement.deals import events as de
from settlement.deals.deal import Deal, DealSide, Source, Way
from settlement.deals.fees import fee_terms
from settlement.deals.rules_data import deal_rules
from settlement.registration import events as re

FIELDS = ("electronics", "materials", "energy", "agriculture")
REGIONS = ("150102", "150202", "150781", "152501", "150900", "110000", "")
KINDS = ("ZR2", "XK1", "XK3", "KF2", "FW1")
Row = tuple[str, int, str, int, bytes]
"""Stream, sequence number, type, instant, body."""


def histories(seed: int, deals: int) -> list[Row]:
    """Return the events of so many deals over six years; some end by default, most are registered, some of those change or end."""
    draw, rows = random.Random(seed), list[Row]()
    begins, ends = (int(start_of(day_from_civil(year, 1, 1))) for year in (2021, 2027))
    for number in range(deals):
        at_us = draw.randrange(begins, ends)
        deal = _deal(draw, number, at_us)
        rows += deal
        if draw.random() < 0.8:
            rows += _registration(draw, deal[0][0].partition("/")[2], number, at_us + draw.randrange(10**12))
    return rows


def _deal(draw: random.Random, number: int, at_us: int) -> list[Row]:
    way = draw.choice((Way.AUCTION, Way.LISTING, Way.NOTICE))
    name = f"{'DA' if way is Way.AUCTION else 'DL' if way is Way.LISTING else 'DN'}-m{number}"
    deal = Deal(
        id=name, way=way, source=Source(stream=f"lot/m{number}", stream_seq=1, event_digest="0" * 64), struck_at_us=at_us,
        price_fen=draw.randrange(1, 2 * 10**10), field=draw.choice(FIELDS), region=draw.choice(REGIONS),
        mode=draw.choice(("TRANSFER", "EXCLUSIVE", "PLAIN", "")), demonstration=draw.random() < 0.05,
        seller_id=f"p{draw.randrange(9):016x}",
        buyers=("p00000000000000aa",), title_zh="成果", struck_by="hammer", rule_version="english/1", calendar_version="made",
        sign_by_us=at_us, rules=deal_rules(), fees=fee_terms("waived"),
    )  # fmt: skip
    happened: list[Any] = [de.DealOpened(deal=deal, virtual_account="9", deadline_us=1)]
    if draw.random() < 0.1:
        happened.append(de.DefaultRecorded(side=DealSide.BUYER, reason="x", empty=True, deadline_us=1))
    else:
        share = draw.randrange(deal.price_fen + 1)
        for part in (share, deal.price_fen - share):
            happened.append(
                de.MoneyReleased(pots=(), price_fen=part, buyer_fee_fen=0, seller_fen=part, market_fen=0, broker_fen=0)
            )
    return [
        (f"deal/{name}", seq, *de.encode_event(event)[:1], at_us + seq * 10**9, de.encode_event(event)[1])
        for seq, event in enumerate(happened, 1)
    ]


def _registration(draw: random.Random, deal: str, number: int, at_us: int) -> list[Row]:
    total = draw.randrange(1, 10**10)
    case = re.CaseOpened(
        deal=deal, contract_id="c", contract_version=1, applicant=f"p{draw.randrange(9):016x}", kind=draw.choice(KINDS),
        project="x", region=draw.choice(REGIONS), seller="s", buyer="b", total_fen=total, technical_fen=total,
        demonstration=draw.random() < 0.05,
    )  # fmt: skip
    technical = draw.randrange(total + 1)
    happened: list[Any] = [
        case, re.Submitted(revision=1, package="", again=False),
        re.Registered(number="1", reviewer="r", technical_fen=technical, check="", outside="", certificate=""),
    ]  # fmt: skip
    if draw.random() < 0.2:
        more = total + draw.randrange(10**9)
        happened.append(
            re.Changed(
                cause=re.Cause.AMOUNT_SUPPLEMENTED, reason="x", contract_version=1, total_fen=more, technical_fen=technical, check="",
                revision=2,
            )
        )  # fmt: skip
    if draw.random() < 0.1:
        happened.append(re.Cancelled(cause=re.Cause.RESCINDED, reason="x", revision=3))
    return [
        (f"registration/R-m{number}", seq, *re.encode_event(event)[:1], at_us + seq * 10**11, re.encode_event(event)[1])
        for seq, event in enumerate(happened, 1)
    ]


def independent(rows: list[Row], measure: str, year: int, as_of_us: int, by: str) -> dict[str, tuple[int, int]]:
    """Return (how many, fen) by way, kind or month, from the final state of each history at an instant: no running sums of differences.

    Two words with `,` between them: by both.
    """
    latest: dict[str, list[Row]] = {}
    for row in rows:
        if row[3] <= as_of_us:
            latest.setdefault(row[0], []).append(row)
    counts: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for stream, lines in latest.items():
        wanted = "deal" if stream.startswith("deal/") else "registration"
        found = _state(lines, year) if wanted == measure else None
        if found is not None:
            code = ",".join(found[name] for name in by.split(","))
            counts[code] += 1
            sums[code] += found["fen"]
    return {code: (count, sums[code]) for code, count in counts.items()}


def independent_days(rows: list[Row], year: int) -> tuple[int, int]:
    """Return (sum, how many) of the days from deal to registration of a year, from the final state of each history."""
    struck = {
        row[0][5:]: msgspec.json.decode(row[4])["deal"]["struck_at_us"]
        for row in rows
        if row[0][:5] == "deal/" and row[1] == 1
    }
    total = many = 0
    for stream in {row[0] for row in rows if row[0].startswith("registration/")}:
        lines = sorted((row for row in rows if row[0] == stream), key=lambda row: row[1])
        if _state(lines, year) is not None:
            at_us = next(row[3] for row in lines if row[2] == "registration.registered")
            deal = msgspec.json.decode(lines[0][4])["deal"]
            total += day_of(InstantUs(at_us)) - day_of(InstantUs(int(struck[deal])))
            many += 1
    return total, many


def _state(lines: list[Row], year: int) -> dict[str, Any] | None:
    lines = sorted(lines, key=lambda row: row[1])
    bodies = {row[2]: msgspec.json.decode(row[4]) for row in lines}
    first = bodies[lines[0][2]]
    if lines[0][0].startswith("deal/"):
        deal = first["deal"]
        at_us, alive = deal["struck_at_us"], "deal.default_recorded" not in bodies
        found = {"way": deal["way"], "kind": "", "fen": int(deal["price_fen"]), "region": deal["region"]}
        alive = alive and not deal["demonstration"]
    else:
        registered = [row for row in lines if row[2] == "registration.registered"]
        if not registered or first["demonstration"]:
            return None
        at_us, alive = registered[0][3], "registration.cancelled" not in bodies
        total = bodies.get("registration.changed", first)["total_fen"]
        way = {"DA": "auction", "DL": "listing", "DN": "notice"}[first["deal"][:2]]
        found = {"way": way, "kind": first["kind"], "fen": int(total), "region": first["region"]}
    found["month"] = str(civil_of(day_of(InstantUs(at_us)))[1])
    return found if alive and civil_of(day_of(InstantUs(at_us)))[0] == year else None
