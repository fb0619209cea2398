"""The operator's hand in a real browser: stop all and let go on, more time, exclude; what follows is read before, and by everybody after."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from engine.rules.auction.commands import PlaceBid
from engine.values import Amount, LotId
from gateway.accounts.model import Role
from tests.browser.conftest import LiveMarket

pytestmark = pytest.mark.browser
Visit = Callable[..., Any]
PHONE = (390, 844)


def test_one_session_is_stopped_among_many_and_the_room_says_why(visit: Visit, market: LiveMarket) -> None:
    market.account("olga", Role.OPERATOR)
    lot, other = market.open_lot("alice"), market.open_lot("bob")
    room = visit(f"/lots/{lot}/room", "alice", size=PHONE)
    room.locator("#amount").fill("1234")
    desk = visit("/desk/halting", "olga", size=PHONE)
    pause = desk.locator("form", has=desk.get_by_role("button", name="暂停…"))
    pause.locator(f"input[name=lot][value={lot}]").check()
    pause.locator("select[name=scope]").select_option("ticked")
    pause.locator("input[name=reason]").fill("机房停电")
    pause.get_by_role("button", name="暂停…").click()
    desk.get_by_role("button", name="确认暂停").click()
    desk.get_by_text("已暂停 1 场").wait_for()
    room.locator(".announce--halted", has_text="机房停电").wait_for()
    phases = {state.lot_id: state.phase.value for state in market.services.engine.lots()}
    assert (phases[LotId(lot)], phases[LotId(other)]) == ("paused", "open")
    desk.goto(f"{market.address}/desk/halting")
    resume = desk.locator("form", has=desk.get_by_role("button", name="恢复…"))
    resume.locator("input[name=reason]").fill("供电恢复")
    resume.get_by_role("button", name="恢复…").click()
    desk.get_by_role("button", name="确认恢复").click()
    desk.get_by_text("已恢复或定时恢复").wait_for()
    room.locator(".phase--open").wait_for()
    assert room.input_value("#amount") == "1234", "what was typed is not lost by a halt"


def test_a_leader_is_excluded_after_reading_what_follows(visit: Visit, market: LiveMarket) -> None:
    market.account("olga", Role.OPERATOR)
    lot = market.open_lot("alice", "bob")
    market.say(
        lot, PlaceBid(bidder_id=market.account("alice").party, amount=Amount(1_500_00)), market.account("alice").id
    )
    state = market.services.engine.state(LotId(lot))
    assert state is not None
    code = state.codes[market.account("alice").party]
    page = visit(f"/desk/lots/{lot}", "olga", language="en")
    page.get_by_text("Exclude a bidder").click()
    page.select_option("#f-code-exclude", code)
    page.fill("#f-reason-exclude", "false papers")
    page.locator("form", has=page.locator("#f-code-exclude")).get_by_role("button").click()
    page.get_by_text("must still be outbid").wait_for()
    page.get_by_role("button", name="Yes, exclude").click()
    page.locator(".incidents", has_text=re.compile("Olga")).wait_for()
    public = visit(f"/lots/{lot}", language="en", script=False)
    public.locator(".incidents", has_text="false papers").wait_for()
    assert "Olga" not in public.locator("main").inner_text(), "who did it is for staff"
