"""The operator's hand: all sessions or one, each act with its reason, asked twice where it cannot be taken back, read by everybody."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest

from engine.rules.auction import terms as t
from engine.rules.auction.commands import PauseKind
from engine.rules.auction.state import LotState
from engine.values import DurationUs, InstantUs, LotId
from gateway.accounts import audit
from gateway.accounts.model import Role
from tests.gateway.conftest import MINUTE_US, Person, Town, wish
from tests.gateway.test_deposits import html
from tests.gateway.test_formats_api import SEALED, Round


def state_of(town: Town, lot: str) -> LotState:
    state = town.services.engine.state(LotId(lot))
    assert state is not None
    return state


async def form(person: Person, path: str, **fields: str) -> tuple[int, str]:
    assert person.login is not None
    status, text = await html(person, path, {"csrf": person.login.caller.csrf, **fields})
    return status, text


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of the confirming form."""
    place = page.index('name="confirmed"')
    sent = page[page.rindex("<form", 0, place) : page.index("</form>", place)]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', sent))


@pytest.fixture
async def operator(town: Town) -> Person:
    return await town.person(Role.OPERATOR)


async def test_pause_all_halts_every_running_session_once_and_resume_all_lets_them_go_on(
    town: Town, operator: Person
) -> None:
    lots = [await town.lot(name) for name in ("a1", "a2", "a3")]
    assert (await operator.post("/api/v1/lots/a3/pause", wish(reason="a complaint")))[0] == 200
    sent = wish(reason="雷暴断电", kind="operator")
    status, answer = await operator.post("/api/v1/desk/pauses", sent)
    assert status == 200 and {one["lot"] for one in answer["sessions"]} == {"a1", "a2"}, "what stands is left as it is"
    assert all(one["outcome"] == "accepted" and one["seq"] for one in answer["sessions"])
    assert all(state_of(town, lot).phase == "paused" for lot in lots)
    assert state_of(town, "a1").halted_reason == "雷暴断电" and state_of(town, "a3").halted_reason == "a complaint"
    seqs = {lot: state_of(town, lot).seq for lot in lots}
    assert (await operator.post("/api/v1/desk/pauses", sent))[1] == answer, "sent again: the same answer"
    assert {lot: state_of(town, lot).seq for lot in lots} == seqs, "and nothing more in any journal"
    status, told = await operator.post("/api/v1/desk/resumptions", wish(reason="电力恢复", lots=["a1", "a2"]))
    assert status == 200 and [one["outcome"] for one in told["sessions"]] == ["accepted", "accepted"]
    assert (await operator.post("/api/v1/desk/pauses", sent))[1] == answer
    assert state_of(town, "a1").phase == "open", "an old act sent late halts nothing that went on since"
    assert state_of(town, "a3").phase == "paused"
    acts = [entry.act for entry in await audit.read_page(town.services.pool)]
    assert "lot.pause_all" in acts and "lot.resume_all" in acts
    records = await town.services.reader.lot_of_types(LotId("a1"), ("lot.paused", "lot.resumed"), 10)
    assert operator.account is not None
    assert [record.actor for record in records] == [operator.account.party] * 2, "who: in the journal of each"


async def test_after_a_fault_all_go_on_at_an_instant_with_notice_or_are_named(town: Town, operator: Person) -> None:
    await town.lot("a1", resume_notice_us=DurationUs(10 * MINUTE_US))
    await town.lot("a2", resume_notice_us=DurationUs(0))
    assert (await operator.post("/api/v1/desk/pauses", wish(reason="fault", kind="fault")))[0] == 200
    assert state_of(town, "a1").halted_kind is PauseKind.FAULT
    at_us = town.services.now_us + 2 * MINUTE_US
    told = (await operator.post("/api/v1/desk/resumptions", wish(reason="repaired", resumes_at_us=at_us)))[1][
        "sessions"
    ]
    by_lot = {one["lot"]: one for one in told}
    assert by_lot["a1"]["outcome"] == "notice_too_short" and by_lot["a1"]["earliest_us"] > at_us
    assert by_lot["a2"]["outcome"] == "accepted" and state_of(town, "a2").resumes_at_us == at_us
    assert state_of(town, "a1").resumes_at_us is None


async def test_the_desk_asks_twice_before_it_halts_many(town: Town, operator: Person) -> None:
    for name in ("a1", "a2"):
        await town.lot(name)
    page = (await html(operator, "/desk/halting"))[1]
    assert page.count('name="lot"') == 2
    status, page = await form(operator, "/desk/halting", act="pause", scope="all", reason="")
    assert status == 422 and state_of(town, "a1").phase == "open"
    status, page = await form(operator, "/desk/halting", act="pause", scope="ticked", reason="x")
    assert status == 422
    status, page = await form(operator, "/desk/halting", act="pause", scope="ticked", lot="a2", reason="线路检修")
    assert status == 200 and state_of(town, "a2").phase == "open", "asked first"
    status, page = await form(operator, "/desk/halting", **hidden(page))
    assert status == 200 and state_of(town, "a2").phase == "paused" and state_of(town, "a1").phase == "open"
    status, page = await form(
        operator, "/desk/halting", act="resume", scope="all", reason="完成", resumes_at="2001-01-01T10:00"
    )
    assert status == 422, "not in the past"
    page = (
        await form(operator, "/desk/halting", act="resume", scope="all", reason="完成", resumes_at="2090-01-01T10:00")
    )[1]
    status, page = await form(operator, "/desk/halting", **hidden(page))
    assert status == 200 and state_of(town, "a2").resumes_at_us is not None
    watcher = await town.person(None)
    public = (await html(watcher, "/lots/a2"))[1]
    incidents = public[public.index("incidents") :]
    assert "线路检修" in incidents and "完成" in incidents and "2090-01-01 10:00" in incidents


async def test_more_time_and_exclusion_go_by_page_with_what_follows_in_words(town: Town, operator: Person) -> None:
    now_us = town.services.now_us
    closing = t.Closing(opens_at_us=InstantUs(now_us), closes_at_us=InstantUs(now_us + 30 * MINUTE_US))
    lot = await town.lot("a1", closing=closing)
    buyers = [await town.person(Role.BIDDER) for _ in range(2)]
    for buyer, amount in zip(buyers, ("1000", "1100"), strict=True):
        assert (await buyer.post(f"/api/v1/lots/{lot}/admission", wish()))[0] == 200
        assert (await buyer.post(f"/api/v1/lots/{lot}/bids", wish(amount=amount)))[0] == 200
    before = state_of(town, lot)
    assert before.leader is not None and before.closes_at_us is not None
    code = before.codes[before.leader]
    path = f"/desk/lots/{lot}/acts"
    assert (await form(operator, path, act="extend", minutes="ten", reason="x"))[0] == 422
    status, page = await form(operator, path, act="extend", minutes="20", reason="资料补充")
    assert status == 200 and state_of(town, lot).seq == before.seq, "asked first"
    assert (await form(operator, path, **hidden(page), minutes="20", reason="资料补充"))[0] == 303
    after = state_of(town, lot)
    assert after.closes_at_us == before.closes_at_us + 20 * MINUTE_US
    status, page = await form(operator, path, act="exclude", code=code, reason="提供虚假资料")
    assert "仍是须被超过的价格" in page, "the fate of a leading bid under the terms is said before"
    assert (await form(operator, path, **hidden(page), code=code, reason="提供虚假资料"))[0] == 303
    state = state_of(town, lot)
    assert before.leader in state.excluded and state.price == 1100 and state.leader == before.leader
    status, page = await form(operator, path, act="exclude", code=code, reason="again", confirmed="1")
    assert status == 409
    for person in (await town.person(None), buyers[0]):
        public = (await html(person, f"/lots/{lot}"))[1]
        assert "提供虚假资料" in public and "资料补充" in public
    desk = (await html(operator, f"/desk/lots/{lot}"))[1]
    assert operator.account is not None and operator.account.display_name in desk[desk.index("异常处置记录") :]
    for role in (Role.BIDDER, Role.SUPERVISOR):
        assert (await form(await town.person(role), path, act="extend", minutes="1", reason="x"))[0] == 403


async def test_a_procurement_bid_is_refused_unopened_by_page(town: Town, operator: Person) -> None:
    sale = await Round(town).open()
    lowest: dict[str, Any] = {**SEALED, "format": {"format": "sealed", "pricing": "lowest", "ceiling": "1000000"}}
    assert (await sale.publish(lowest, sealed=True))[0] == 200
    buyer = sale.buyers[0]
    assert (await sale.act(buyer, "envelopes", envelope=await sale.envelope(buyer, 777)))[0] == 200
    path, staff = f"/desk/lots/{sale.lot}/acts", sale.operator
    assert "operator.refuse" not in (await html(staff, f"/desk/lots/{sale.lot}"))[1]
    await sale.closes()
    await sale.until("closed")
    (code,) = (await sale.read(staff))["live"]["play"]["opening"]["codes"]
    desk = (await html(staff, f"/desk/lots/{sale.lot}"))[1]
    assert 'value="refuse"' in desk
    page = (await form(staff, path, act="refuse", code=code, reason="未附资质证明"))[1]
    assert (await form(staff, path, **hidden(page), code=code, reason="未附资质证明"))[0] == 303
    assert (await sale.read(staff))["live"]["play"]["opening"]["refused"] == {code: "未附资质证明"}
    public = (await html(await town.person(None), f"/lots/{sale.lot}"))[1]
    assert "未附资质证明" in public[public.index("incidents") :]


async def test_a_session_without_bids_is_annulled_with_a_ground(town: Town, operator: Person) -> None:
    lot = await town.lot("a1")
    path = f"/desk/lots/{lot}"
    assert (await form(operator, path, act="void", reason="x"))[0] == 400, "by page never without a ground"
    assert (await form(operator, path, act="void", reason="专利已失效", ground="false_description"))[0] == 303
    state = state_of(town, lot)
    assert state.phase == "voided" and "第三十一条第1项" in state.end_reason and "专利已失效" in state.end_reason
    lot = await town.lot("a2")
    body = wish(reason="数据错误", ground="system_failure")
    assert (await operator.post(f"/api/v1/lots/{lot}/void", body))[0] == 200
    assert "第三十一条第2项" in state_of(town, lot).end_reason
    assert (await operator.post(f"/api/v1/lots/{lot}/void", {**body, "id": str(uuid4())}))[1]["code"] == "wrong_phase"
