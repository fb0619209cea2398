"""Sessions of other formats over REST: the falling price, a sealed round opened by two officers, who may do what, who sees what."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from engine.envelopes import context_of, open_box, private_key, public_text, read_envelope, seal
from engine.rules.auction.clearing.descending import Clock, runs_us
from engine.values import Amount, DurationUs, LotId
from gateway.accounts.model import Role
from tests.gateway.conftest import Person, Town, wish
from tests.time_travel import travel

MINUTE_US = 60_000_000
CLOCK = Clock(start=Amount(100_000), step=Amount(10_000), step_us=DurationUs(10 * MINUTE_US), floor=Amount(50_000))
CLOCK_RUNS_US = runs_us(CLOCK)


class Round:
    """A market with people for sessions of other formats."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.lot = f"s{uuid4().hex[:8]}"
        self.keys: dict[str, EllipticCurvePrivateKey] = {}

    async def open(self, *buyers: str) -> Round:
        town = self.town
        self.operator, self.seller = await town.person(Role.OPERATOR), await town.person(Role.SELLER)
        self.officers = [await town.person(role) for role in (Role.OPERATOR, Role.SUPERVISOR, Role.SUPERVISOR)]
        self.buyers = [await town.person(Role.BIDDER) for _ in range(2)]
        for officer in self.officers:
            assert officer.account is not None
            key = self.keys[officer.account.id] = private_key(os.urandom)
            status, answer = await officer.send("PUT", "/api/v1/me/officer-key", {"key": public_text(key)})
            assert status == 200 and answer["key"]["key"] == public_text(key), answer
        return self

    async def publish(
        self, play: dict[str, Any], *, sealed: bool, runs_us: int = CLOCK_RUNS_US, **more: Any
    ) -> tuple[int, dict[str, Any]]:
        now_us = self.town.services.now_us
        closes_at_us = now_us + (60 * MINUTE_US if sealed else runs_us)
        assert self.seller.account is not None
        body = wish(
            lot=self.lot,
            seller=self.seller.account.id,
            subject={"title_zh": "标的", "title_en": "A lot"},
            terms={
                "closing": {"opens_at_us": now_us, "closes_at_us": closes_at_us},
                "increment": {"kind": "fixed", "step": "100"},
                "start_price": "0",
                "admission": "open",
            },
            play=play,
            **more,
        )
        if sealed:
            first, second, recovery = (officer.account.id for officer in self.officers if officer.account)
            body |= {"officers": [first, second], "recovery": recovery}
        status, answer = await self.operator.post("/api/v1/sessions", body)
        if status == 200:
            await self.until("open")
            for buyer in self.buyers:
                assert (await self.act(buyer, "admission"))[0] == 200
        return status, answer

    async def act(self, person: Person, act: str, **more: Any) -> tuple[int, dict[str, Any]]:
        return await person.post(f"/api/v1/lots/{self.lot}/{act}", wish(**more))

    async def read(self, person: Person) -> dict[str, Any]:
        status, answer = await person.get(f"/api/v1/lots/{self.lot}")
        assert status == 200
        return answer

    async def envelope(self, buyer: Person, amount: int) -> str:
        seen = await self.read(buyer)
        plain = json.dumps({"amount": str(amount)}).encode()
        return seal(plain, seen["rules"]["officer_keys"], context_of(self.lot, seen["you"]["code"]), os.urandom)

    async def open_as(self, officer: Person) -> tuple[int, dict[str, Any]]:
        assert officer.account is not None
        status, found = await officer.get(f"/api/v1/lots/{self.lot}/boxes")
        assert status == 200, found
        shares = {}
        for box in found["boxes"]:
            context = context_of(self.lot, box["code"])
            share = open_box(read_envelope(box["envelope"]), found["place"], self.keys[officer.account.id], context)
            assert share is not None
            shares[box["code"]] = share.hex()
        return await self.act(officer, "shares", shares=shares)

    async def until(self, phase: str) -> None:
        """Wait for a phase that the engine reaches by itself."""
        engine = self.town.services.engine
        async with asyncio.timeout(30):
            while (state := engine.state(LotId(self.lot))) is None or state.phase.value != phase:
                await asyncio.sleep(0.01)

    async def closes(self) -> None:
        services = self.town.services
        state = services.engine.state(LotId(self.lot))
        assert state is not None and state.closes_at_us is not None
        await travel(services.engine, state.closes_at_us)


@pytest.fixture
async def sale(town: Town) -> Round:
    return await Round(town).open()


FALLING = {
    "format": {
        "format": "falling",
        "clock": {"start": "100000", "step": "10000", "step_us": 10 * MINUTE_US, "floor": "50000"},
    }
}
SEALED = {"format": {"format": "sealed", "pricing": "first"}}


async def test_the_first_to_accept_the_falling_price_wins_and_the_second_is_late(sale: Round) -> None:
    assert (await sale.publish(FALLING, sealed=False))[0] == 200
    early, slow = sale.buyers
    clock = (await sale.read(early))["live"]["play"]["clock"]
    assert clock["start"] == "100000" and clock["floor"] == "50000"
    status, answer = await sale.act(early, "takes", shown="90000")
    assert (status, answer["code"], answer["data"]["price"]) == (409, "price_not_reached", "100000")
    status, answer = await sale.act(early, "takes", shown="100000")
    assert status == 200 and answer["price"] == "100000"
    assert (await sale.act(slow, "takes", shown="100000"))[1]["code"] in ("late", "sold_out")


async def test_sealed_bids_are_opened_by_two_officers_and_nobody_reads_them_before(sale: Round) -> None:
    status, answer = await sale.publish(SEALED, sealed=True)
    assert status == 200, answer
    for buyer, amount in zip(sale.buyers, (7_777_777, 8_888_888), strict=True):
        status, answer = await sale.act(buyer, "envelopes", envelope=await sale.envelope(buyer, amount))
        assert status == 200, answer
    again = await sale.act(sale.buyers[0], "envelopes", envelope=await sale.envelope(sale.buyers[0], 1))
    assert again[1]["code"] == "already_submitted"
    assert (await sale.officers[0].get(f"/api/v1/lots/{sale.lot}/boxes"))[1]["code"] == "wrong_phase", (
        "not before the close"
    )
    for person in (*sale.buyers, *sale.officers, sale.operator, await sale.town.person(None)):
        text = json.dumps(await sale.read(person))
        assert (
            "7777777" not in text
            and "8888888" not in text
            and "opening" not in (await sale.read(person))["live"]["play"]
        )
    await sale.closes()
    await sale.until("closed")
    live = (await sale.read(sale.operator))["live"]
    assert live["phase"] == "closed" and len(live["play"]["opening"]["codes"]) == 2
    assert (await sale.buyers[0].get(f"/api/v1/lots/{sale.lot}/boxes"))[1]["code"] == "not_an_officer"
    assert (await sale.open_as(sale.officers[0]))[0] == 200
    assert (await sale.open_as(sale.officers[2]))[1]["code"] == "recovery_not_needed"
    assert (await sale.open_as(sale.officers[1]))[0] == 200
    await sale.until("sold")
    live = (await sale.read(sale.buyers[0]))["live"]
    assert (live["phase"], live["price"]) == ("sold", "8888888")
    assert sorted(bid["amount"] for bid in live["play"]["bids"]) == ["7777777", "8888888"]


async def test_a_session_needs_officers_with_keys_and_a_format_that_exists(sale: Round) -> None:
    status, answer = await sale.publish(SEALED, sealed=False)
    assert (status, answer["code"]) == (422, "terms_invalid") and "opening: officers_needed" in answer["data"][
        "problems"
    ]
    stranger = await sale.town.person(Role.SUPERVISOR)
    assert (
        stranger.account is not None and sale.officers[0].account is not None and sale.officers[1].account is not None
    )
    people: dict[str, Any] = {
        "officers": [sale.officers[0].account.id, stranger.account.id],
        "recovery": sale.officers[1].account.id,
    }
    status, answer = await sale.publish(SEALED, sealed=False, **people)
    assert (status, answer["code"]) == (400, "malformed") and stranger.account.id in answer["data"]["fields"]
    status, answer = await sale.publish({"format": {"format": "candle"}}, sealed=False)
    assert (status, answer["code"]) == (400, "malformed")


async def test_the_operators_hand_is_published_with_its_reason(sale: Round) -> None:
    assert (await sale.publish(FALLING, sealed=False))[0] == 200
    buyer = sale.buyers[0]
    code = (await sale.read(buyer))["you"]["code"]
    status, answer = await sale.act(sale.operator, "exclusions", code=code, reason="资质造假")
    assert status == 200, answer
    assert (await sale.act(buyer, "takes", shown="100000"))[1]["code"] == "excluded"
    status, answer = await sale.act(sale.operator, "extension", by_us=MINUTE_US, reason="more time")
    assert answer["code"] == "wrong_phase", "a falling clock is paused, not lengthened"
    status, events = await buyer.get(f"/api/v1/lots/{sale.lot}/events")
    assert ("excluded", code, "资质造假") in [(row["kind"], row.get("code"), row.get("text")) for row in events["rows"]]


async def test_a_key_is_replaced_and_never_taken_twice(sale: Round) -> None:
    officer = sale.officers[0]
    key = public_text(private_key(os.urandom))
    assert (await officer.send("PUT", "/api/v1/me/officer-key", {"key": key}))[0] == 200
    assert (await officer.get("/api/v1/me/officer-key"))[1]["key"]["key"] == key
    assert officer.account is not None
    old = public_text(sale.keys[officer.account.id])
    assert (await officer.send("PUT", "/api/v1/me/officer-key", {"key": old}))[1]["code"] == "conflict", (
        "retired for good"
    )
    assert (await officer.send("PUT", "/api/v1/me/officer-key", {"key": "AAAA"}))[1]["code"] == "malformed"


async def test_a_further_round_is_held_to_the_one_before(sale: Round) -> None:
    assert (await sale.publish(FALLING, sealed=False))[0] == 200
    first = sale.lot
    clock = FALLING["format"]["clock"]

    async def follow(start: int, number: int = 2, most: int = 2) -> tuple[int, dict[str, Any]]:
        sale.lot = f"s{uuid4().hex[:8]}"
        steps = -(-(start - 50_000) // 10_000)
        kind = {"format": "falling", "clock": {**clock, "start": str(start)}}  # type: ignore[dict-item]
        rounds = {"rounds_max": most, "cut_max_bps": 2_000}
        play = {"format": kind, "previous_lot": first, "round_no": number, "rounds": rounds}
        return await sale.publish(play, sealed=False, runs_us=(steps + 1) * 10 * MINUTE_US)

    assert "previous_not_without_sale" in (await follow(80_000))[1]["data"]["problems"], "it still runs"
    sale.lot = first
    await sale.closes()
    await sale.until("passed")
    assert (await follow(79_999))[1]["data"]["problems"] == "rounds: start_too_low"
    assert (await follow(80_000, 3, 3))[1]["data"]["problems"] == "rounds: not_the_next"
    assert (await follow(80_000, most=3))[1]["data"]["problems"] == "rounds: not_those_of_the_first"
    status, answer = await follow(80_000)
    assert status == 200, answer
