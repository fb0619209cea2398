"""The two-person rule: what has bids is voided by one person's request and another's confirmation, seen, bounded in time, in the audit log."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from engine.values import LotId
from gateway.accounts import audit
from gateway.accounts.model import Role
from gateway.desk.voiding import VALID_US, VoidGround, VoidRequests
from gateway.pages.i18n import catalogue
from tests.gateway.conftest import Person, Town, wish
from tests.gateway.test_deposits import html
from tests.gateway.test_formats_api import SEALED, Round


class Bench:
    """A session with a sealed bid, and two members of staff."""

    def __init__(self, sale: Round) -> None:
        self.sale = sale
        self.town = sale.town
        self.path = f"/api/v1/lots/{sale.lot}"

    async def open(self) -> Bench:
        assert (await self.sale.publish(SEALED, sealed=True))[0] == 200
        buyer = self.sale.buyers[0]
        assert (await self.sale.act(buyer, "envelopes", envelope=await self.sale.envelope(buyer, 777)))[0] == 200
        self.second = await self.town.person(Role.SUPERVISOR)
        return self

    async def ask(self, **more: Any) -> tuple[int, dict[str, Any]]:
        body = wish(**{"ground": "collusion", "reason": "两名竞买人串通", **more})
        return await self.sale.operator.post(f"{self.path}/void-requests", body)

    async def answer(self, person: Person, request: str, confirm: bool) -> tuple[int, dict[str, Any]]:
        return await person.post(f"{self.path}/void-requests/{request}", {"confirm": confirm})

    async def phase(self) -> str:
        return str((await self.sale.read(self.second))["live"]["phase"])


@pytest.fixture
async def bench(town: Town) -> Bench:
    return await Bench(await Round(town).open()).open()


async def test_one_asks_another_confirms_and_everybody_reads_why(bench: Bench) -> None:
    operator = bench.sale.operator
    status, answer = await operator.post(f"{bench.path}/void", wish(reason="alone"))
    assert (status, answer["code"]) == (409, "second_person_needed")
    status, asked = await bench.ask()
    assert status == 200 and asked["outcome"] is None
    status, answer = await bench.answer(operator, asked["id"], True)
    assert (status, answer["code"]) == (409, "second_person_needed"), "who asked does not confirm"
    assert await bench.phase() == "open"
    status, answer = await bench.answer(bench.second, asked["id"], True)
    assert status == 200 and answer["outcome"] == "confirmed", answer
    assert await bench.phase() == "voided"
    status, answer = await bench.answer(bench.second, asked["id"], True)
    assert (status, answer["code"], answer["data"]["state"]) == (409, "wrong_state", "confirmed")
    watcher = await bench.town.person(None)
    text = (await html(watcher, f"/lots/{bench.sale.lot}"))[1]
    incidents = text[text.index("incidents") :]
    assert "恶意串通（第三十一条第3项" in incidents and "两名竞买人串通" in incidents
    acts = [e.act for e in await audit.read_page(bench.town.services.pool) if e.subject == bench.sale.lot]
    assert acts.count("lot.void_asked") == acts.count("lot.void_confirmed") == 1


async def test_a_request_is_one_at_a_time_may_be_refused_and_runs_out(bench: Bench) -> None:
    asked = (await bench.ask())[1]
    assert (await bench.ask(reason="another"))[1]["code"] == "conflict"
    assert (await bench.answer(bench.second, asked["id"], False))[1]["outcome"] == "refused"
    assert await bench.phase() == "open"
    asked = (await bench.ask())[1]
    services = bench.town.services
    later = VoidRequests(services.pool, lambda: services.now_us + VALID_US)
    assert (await later.of_lot(LotId(bench.sale.lot)))[0].outcome == "expired"
    status, answer = await bench.answer(bench.second, asked["id"], True)
    assert (status, answer["data"]["state"]) == (409, "expired") and await bench.phase() == "open"
    seen = (await bench.second.get(f"{bench.path}/void-requests"))[1]["requests"]
    assert [one["outcome"] for one in seen] == ["expired", "refused"]


async def test_a_request_needs_a_ground_a_reason_and_a_bid(bench: Bench) -> None:
    assert (await bench.ask(ground="dislike"))[1]["code"] == "malformed"
    assert (await bench.ask(reason=" "))[1]["code"] == "reason_required"
    assert (await bench.answer(bench.second, str(uuid4()), True))[1]["code"] == "not_found"
    assert (await bench.answer(bench.second, "x", True))[1]["code"] == "not_found"
    other = Round(bench.town)
    other.operator, other.seller, other.officers, other.buyers = (
        bench.sale.operator, bench.sale.seller, bench.sale.officers, [],
    )  # fmt: skip
    assert (await other.publish(SEALED, sealed=True))[0] == 200
    status, answer = await other.act(other.operator, "void-requests", ground="collusion", reason="nobody bid")
    assert (status, answer["code"]) == (409, "wrong_phase")
    assert (await other.act(other.operator, "void", reason="nobody bid"))[0] == 200, (
        "without a bid one person is enough"
    )


async def test_it_goes_by_form_too_and_bidders_see_no_request(bench: Bench) -> None:
    lot, operator, second = bench.sale.lot, bench.sale.operator, bench.second
    assert operator.login is not None and second.login is not None
    page = (await html(operator, f"/desk/lots/{lot}"))[1]
    assert f"/desk/lots/{lot}/void" in page and 'value="void"' not in page
    form = {"csrf": operator.login.caller.csrf, "act": "ask", "ground": "system_failure", "reason": "数据错误"}
    assert (await html(operator, f"/desk/lots/{lot}/void", form))[0] == 303
    assert 'value="confirm"' not in (await html(operator, f"/desk/lots/{lot}"))[1], "who asked cannot confirm"
    page = (await html(second, f"/desk/lots/{lot}"))[1]
    request = page.split('name="request" value="')[1].split('"')[0]
    for person in (bench.sale.buyers[0], bench.sale.seller):
        assert person.login is not None
        assert "数据错误" not in (await html(person, f"/lots/{lot}"))[1]
        form = {"csrf": person.login.caller.csrf, "act": "confirm", "request": request}
        assert (await html(person, f"/desk/lots/{lot}/void", form))[0] == 403
    form = {"csrf": second.login.caller.csrf, "act": "confirm", "request": request}
    assert (await html(second, f"/desk/lots/{lot}/void", form))[0] == 303
    assert await bench.phase() == "voided"


def test_every_ground_has_words() -> None:
    for ground in VoidGround:
        assert f"void.ground.{ground.value}" in catalogue("en")
