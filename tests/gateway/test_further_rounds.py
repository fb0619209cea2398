"""Rounds and the sell-off on the desk: the form is filled in from the round before, the terms of the first hold, rounds link both ways."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from engine.rules.auction.formats import terms as ft
from engine.values import LotId
from gateway.accounts.model import Role
from gateway.formatting import local_value
from tests.gateway.conftest import Town, wish
from tests.gateway.test_deposits import html
from tests.gateway.test_formats_api import FALLING, MINUTE_US, Round
from tests.gateway.test_session_desk import DAY_US, Desk

ROUNDS = {"rounds_max": 2, "cut_max_bps": 2_000, "sell_off": True}


def fields(page: str) -> dict[str, str]:
    """Return what a form holds: inputs, ticked boxes, areas, chosen options."""
    found = dict(re.findall(r'<input id="f-\w+" name="(\w+)" type="[\w-]+" value="([^"]*)"', page))
    found |= dict.fromkeys(re.findall(r'type="checkbox" name="(\w+)" value="1" checked', page), "1")
    found |= dict(re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>([^<]*)</textarea>', page))
    for name, options in re.findall(r'<select[^>]* name="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    found |= dict(re.findall(r'type="hidden" name="(format)" value="([^"]*)"', page))
    return found


@pytest.fixture
async def desk(town: Town) -> Desk:
    return Desk(await Round(town).open())


async def end_without_sale(sale: Round) -> None:
    await sale.closes()
    await sale.until("passed")


async def test_a_second_round_and_the_sell_off_are_put_up_from_the_round_before(desk: Desk) -> None:
    sale, town = desk.sale, desk.town
    assert (await sale.publish({**FALLING, "rounds": ROUNDS}, sealed=False))[0] == 200
    first = sale.lot
    assert "after=" not in (await html(sale.operator, f"/desk/lots/{first}"))[1], "it still runs"
    assert (await html(sale.operator, f"/desk/sessions/new?after={first}"))[0] == 409
    await end_without_sale(sale)
    page = (await html(sale.operator, f"/desk/lots/{first}"))[1]
    assert f"/desk/sessions/new?after={first}" in page and "¥800" in page, "at most a fifth lower than ¥1,000"
    form = fields((await html(sale.operator, f"/desk/sessions/new?after={first}"))[1])
    assert (form["format"], form["round_no"], form["previous_lot"]) == ("falling", "2", first)
    assert (form["clock_start"], form["clock_floor"], form["clock_step"], form["sell_off"]) == (
        "800",
        "500",
        "100",
        "1",
    )
    opens = local_value(town.services.now_us + 2_000_000)
    form |= {
        "lot_id": f"s{uuid4().hex[:8]}",
        "opens_at": opens,
        "summary_zh": "简介",
        "defects_zh": "无",
        "seller_name_zh": "所",
    }
    form |= {"field": "05", "region": "150200"}
    for wrong, field in (
        ({"clock_start": "799.99"}, "rounds_max"),
        ({"rounds_max": "3"}, "rounds_max"),
        ({"sell_off": ""}, "rounds_max"),
    ):
        status, text = await desk.send("preview", {**form, **wrong})
        assert status == 422 and f'href="#f-{field}"' in text, wrong
    play = await desk.published(form)
    assert (play.round_no, play.previous_lot) == (2, first)
    second = sale.lot = form["lot_id"]
    await sale.until("open")
    await end_without_sale(sale)
    # The sell-off: one price, the last start, for the first who takes it.
    page = (await html(sale.operator, f"/desk/lots/{second}"))[1]
    assert "变卖" in page and "¥800" in page
    form = form | fields((await html(sale.operator, f"/desk/sessions/new?after={second}"))[1])
    form |= {
        "lot_id": f"s{uuid4().hex[:8]}",
        "opens_at": local_value(town.services.now_us + DAY_US),
        "summary_zh": "简介",
    }
    assert (form["clock_start"], form["clock_floor"], form["round_no"]) == ("800", "800", "3")
    status, text = await desk.send("preview", {**form, "clock_floor": "700"})
    assert status == 422
    play = await desk.published(form)
    assert ft.is_sell_off(play)
    third = form["lot_id"]
    # Everybody reads the history, in both directions.
    await town.services.hall.follower.catch_up()
    watcher = await town.person(None)
    texts = {lot: (await html(watcher, f"/lots/{lot}"))[1] for lot in (first, second, third)}
    assert f'href="/lots/{second}"' in texts[first]
    assert f'href="/lots/{first}"' in texts[second] and f'href="/lots/{third}"' in texts[second]
    assert f'href="/lots/{second}"' in texts[third] and "变卖" in texts[third]
    assert (await html(sale.operator, f"/desk/sessions/new?after={third}"))[0] == 409


async def test_without_a_word_in_the_terms_there_is_no_sell_off(desk: Desk) -> None:
    sale = desk.sale
    assert (await sale.publish(FALLING, sealed=False))[0] == 200
    await end_without_sale(sale)
    first, clock = sale.lot, {**FALLING["format"]["clock"], "start": "100000", "floor": "100000"}  # type: ignore[dict-item]
    sale.lot = f"s{uuid4().hex[:8]}"
    play = {"format": {"format": "falling", "clock": clock}, "rounds": ROUNDS, "round_no": 3, "previous_lot": first}
    status, answer = await sale.publish(play, sealed=False, runs_us=10 * MINUTE_US)
    assert status == 409 or status == 422, answer
    assert "rounds" in answer["data"]["problems"]


async def test_the_lot_page_shows_the_price_that_stands_and_a_plain_form_takes_it(desk: Desk) -> None:
    sale, town = desk.sale, desk.town
    assert (await sale.publish(FALLING, sealed=False))[0] == 200
    watcher = await town.person(None)
    page = (await html(watcher, f"/lots/{sale.lot}"))[1]
    side = page[page.index("panel--price") :]
    assert "当前价" in side and "¥1,000" in side and "降 ¥100" in side
    early, slow = sale.buyers
    assert early.login is not None and slow.login is not None
    room = (await html(early, f"/lots/{sale.lot}/room"))[1]
    assert f'action="/lots/{sale.lot}/takes"' in room and 'name="shown" value="100000"' in room
    path, command = f"/lots/{sale.lot}/takes", str(uuid4())
    form = {"csrf": early.login.caller.csrf, "command_id": command, "shown": "90000", "quantity": "1"}
    status, text = await html(early, path, form)
    assert status == 200 and "notice--bad" in text and "¥1,000" in text, (
        "a wish before its price is refused with the price"
    )
    form = {**form, "command_id": str(uuid4()), "shown": "100000"}
    for _ in range(2):  # sent twice, it is one
        status, text = await html(early, path, form)
        assert status == 200 and "notice--good" in text and "¥1,000" in text
    assert town.services.engine.state(LotId(sale.lot)).bids == 1  # type: ignore[union-attr]
    form = {"csrf": slow.login.caller.csrf, "command_id": str(uuid4()), "shown": "100000"}
    assert "notice--bad" in (await html(slow, path, form))[1]
    assert (await html(slow, path, {**form, "shown": "ten"}))[0] == 400
    for role in (Role.OPERATOR, Role.SUPERVISOR):
        person = await town.person(role)
        assert person.login is not None
        assert (await html(person, path, {**form, "csrf": person.login.caller.csrf}))[0] == 403


async def test_a_secret_floor_is_not_told_by_the_lot_page(desk: Desk) -> None:
    sale = desk.sale
    kind = {"format": {**FALLING["format"], "secret_floor": True}}
    assert (await sale.publish(kind, sealed=False))[0] == 200
    page = (await html(await desk.town.person(None), f"/lots/{sale.lot}"))[1]
    assert "¥500" not in page
    assert (await sale.operator.post(f"/api/v1/lots/{sale.lot}/pause", wish(reason="x")))[0] == 200
    page = (await html(await desk.town.person(None), f"/lots/{sale.lot}"))[1]
    assert "¥500" not in page
