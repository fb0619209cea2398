"""P6: what is secret reaches nobody who may not see it: not in frames, pages, answers, metrics, logs or public chains."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid

import pytest
from websockets.asyncio.client import connect

from engine.journal.codec import request_digest
from engine.rules.auction.commands import AdmitBidder, Command, PlaceBid
from engine.rules.auction.terms import Reserve
from engine.values import Amount, LotId, PartyId
from gateway.accounts.model import Role
from tests.gateway.conftest import Town

RESERVE = 777_123_457
MAXIMUM = 555_444_333
"""Below the reserve: a maximum that reaches it would lift the price to it, and so show it, by rule."""
RIVALS = 31_300_00
SECRETS = (str(RESERVE), str(MAXIMUM), "7,771,234", "5,554,443.33")


async def say(town: Town, lot: LotId, command: Command, actor: str) -> None:
    await town.services.engine.ask(
        lot,
        command,
        command_id=uuid.uuid4().bytes,
        request_digest=request_digest(command),
        actor=actor,
        arrived_at_us=None,
    )


async def test_a_maximum_and_a_secret_reserve_reach_nobody_else(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    rich, rival, watcher = await town.person(Role.BIDDER), await town.person(Role.BIDDER), await town.person(None)
    operator = await town.person(Role.OPERATOR)
    lot = await town.lot(
        "quiet",
        proxy=True,
        reserve=Reserve(Amount(RESERVE), public=False),
        show_reserve_met=False,
        start_price=Amount(100),
    )
    assert rich.account is not None and rival.account is not None
    for account in (rich.account, rival.account):
        await say(town, lot, AdmitBidder(bidder_id=account.id), "op")
    heard: list[str] = []
    config = town.services.config
    base = f"http://127.0.0.1:{config.http_port}"
    sockets = [
        await connect(
            f"ws://127.0.0.1:{config.live_port}/live",
            additional_headers=person.headers if person is rival else None,
            compression=None,
        )
        for person in (watcher, rival)
    ]
    for socket in sockets:
        await socket.send('{"t":"join","lot":"quiet"}')
        await socket.send('{"t":"hall"}')
        while '"snapshot"' not in heard[-1:][0] if heard else True:
            heard.append(str(await socket.recv()))
    await say(town, lot, PlaceBid(bidder_id=rich.account.id, maximum=Amount(MAXIMUM)), rich.account.id)
    await say(town, lot, PlaceBid(bidder_id=rival.account.id, amount=Amount(RIVALS)), rival.account.id)
    await say(town, lot, PlaceBid(bidder_id=rich.account.id, maximum=Amount(MAXIMUM + 1)), rich.account.id)
    state = town.services.engine.state(LotId(lot))
    assert state is not None
    head = state.seq
    for socket in sockets:
        heard.append("{}")
        async with asyncio.timeout(60):
            while (frame := json.loads(heard[-1])).get("t") != "change" or frame["seq"] < head:
                heard.append(str(await socket.recv()))
        await socket.close()
    for path in (
        "/", "/lots/quiet", "/lots/quiet/room", "/api/v1/lots", "/api/v1/lots/quiet", "/api/v1/lots/quiet/events",
        "/api/v1/lots/quiet/chain", "/api/openapi.json", "/api/v1/me/bids",
    ):  # fmt: skip
        async with town.http.get(base + path, headers={"Cookie": ""}) as answer:
            heard.append(await answer.text())
        async with town.http.get(base + path, headers=rival.headers) as answer:
            heard.append(await answer.text())
    async with town.http.get(base + "/desk/lots/quiet", headers=operator.headers) as answer:
        desk = await answer.text()
    async with town.http.get(base + "/metrics", headers=operator.headers) as answer:
        heard.append(await answer.text())
    everything = "\n".join([*heard, caplog.text])
    for secret in SECRETS:
        place = everything.find(secret)
        assert place < 0, everything[max(0, place - 300) : place + 50]
    for private in (rich.account.id, rich.account.login, rich.account.display_name):
        assert private not in everything, private
    assert str(MAXIMUM) not in desk
    assert "5,554,443.33" not in desk, "not even the operator sees a maximum"
    assert PartyId(rich.account.id) in town.services.engine.state(lot).codes  # type: ignore[union-attr]
