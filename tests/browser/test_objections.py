"""An objection in a real browser: on a phone without an account and without JavaScript, then the desk, then the receipt again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from engine.journal.codec import request_digest
from engine.rules.publicity import commands as c
from engine.rules.publicity.state import NoticeState
from engine.values import NoticeId
from gateway.accounts.model import Role
from tests.browser.conftest import LiveMarket
from tests.engine.rules.publicity.transcript import approval, submit
from tests.gateway.agreed import PERSON, STATEMENT

pytestmark = pytest.mark.browser
Visit = Callable[..., Any]


def published(market: LiveMarket) -> NoticeId:
    notice = NoticeId(f"b-{uuid.uuid4().hex[:8]}")
    for command in (submit(), approval(), c.PublishNotice()):
        work = market.services.engine.notices.ask(
            notice, command, command_id=uuid.uuid4().bytes, request_digest=request_digest(command), actor="test",
            arrived_at_us=None,
        )  # fmt: skip
        assert market.do(work).code is None
    return notice


def test_anybody_objects_on_a_phone_and_the_desk_answers(visit: Visit, market: LiveMarket) -> None:
    notice = published(market)
    market.account("handler", Role.OPERATOR)
    phone = visit(f"/notices/{notice}/objection", size=(390, 844), script=False)
    phone.select_option("#f-ground", "contribution_ranking")
    phone.fill("#f-statement", STATEMENT)
    for name in ("name", "number", "contact"):
        phone.fill(f"#f-{name}", PERSON[name] if name != "number" else "150102199003070059")
    phone.select_option("#f-relation", PERSON["relation"])
    phone.click("main form button")
    phone.locator("[aria-invalid=true]").wait_for()
    assert phone.input_value("#f-statement") == STATEMENT, "nothing typed is lost"
    phone.fill("#f-number", PERSON["number"])
    phone.click("main form button")
    phone.set_input_files(
        "#f-file", files=[{"name": "证据.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 x"}]
    )
    phone.click("form[enctype] button")
    phone.get_by_text("证据.pdf").wait_for()
    phone.click("button[value=send]")
    receipt = phone.locator(".receipt__no").inner_text()
    assert receipt.startswith(notice)
    state: NoticeState = market.do(market.services.engine.notices.load(notice))
    assert state.phase.value == "objected" and len(state.objections[0].evidence) == 1
    desk = visit(f"/desk/notices/{notice}", "handler")
    desk.get_by_text(PERSON["contact"]).wait_for()
    desk.click("button[value=take_up]")
    for row in (1, 2, 3):
        desk.fill(f"input[name=name{row}]", f"专家{row}")
        desk.check(f"input[name=free{row}]")
    desk.click("button[value=panel]")
    desk.fill("textarea[name=reason] >> nth=0", "经核查，排序有据。")
    desk.click("button[value=dismissed]")
    desk.click("[role=alertdialog] button[value=dismissed]")
    desk.get_by_text("不成立").first.wait_for()
    phone.goto(phone.url)
    phone.get_by_text("经核查，排序有据。").wait_for()
    assert not phone.locator("button[value=withdraw]").count()
