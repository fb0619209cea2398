"""The console in a real browser: what is typed saves itself, a second tab is told, a file is dropped in, one press gives a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from engine.catalogue.achievements.versions import AchievementId
from engine.rules.achievement.record import Achievement
from gateway.accounts.model import Role
from tests.browser.conftest import LiveMarket
from tests.gateway.achievement_case import complete

pytestmark = pytest.mark.browser
Visit = Callable[..., Any]


def draft(market: LiveMarket, login: str, **changes: Any) -> AchievementId:
    record = msgspec.convert(complete(**changes), Achievement)
    party = market.account(login, Role.SELLER).party
    made: AchievementId = market.do(market.services.achievements.create(party, login, record))
    return made


def test_what_is_typed_saves_itself_and_a_second_tab_is_told(visit: Visit, market: LiveMarket) -> None:
    one = draft(market, "prof1")
    path = f"/console/achievements/{one}/steps/abstract"
    first, second = visit(path, "prof1"), visit(path, "prof1")
    first.fill("#f-abstract_zh", "第一个标签页自动保存的摘要")
    first.locator("#saved", has_text="已保存").wait_for()
    stored = market.do(market.services.achievements.read(one))
    assert stored.record.abstract_zh == "第一个标签页自动保存的摘要"
    second.fill("#f-abstract_zh", "第二个标签页")
    second.locator("#saved.danger").wait_for()
    assert market.do(market.services.achievements.read(one)).draft_version == stored.draft_version
    second.click(".sheet__acts button[value=next]")
    second.get_by_text("第一个标签页自动保存的摘要").wait_for()
    assert second.input_value("#f-abstract_zh") == "第二个标签页", "nothing typed is lost"


def test_enter_goes_on_and_does_not_go_back(visit: Visit, market: LiveMarket) -> None:
    one = draft(market, "prof2")
    page = visit(f"/console/achievements/{one}/steps/name", "prof2", script=False)
    page.fill("#f-title_zh", "按回车键保存")
    page.keyboard.press("Enter")
    page.wait_for_url("**/steps/abstract")
    assert market.do(market.services.achievements.read(one)).record.title_zh == "按回车键保存"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_whole_way_on_a_phone_from_file_to_signature(visit: Visit, market: LiveMarket, language: str) -> None:
    login, buyer = f"prof3{language}", f"buyer3{language}"
    one = draft(market, login)
    market.account("olga", Role.OPERATOR)
    phone = {"language": language, "size": (375, 700)}
    page = visit(f"/console/achievements/{one}/steps/documents", login, **phone)
    report = {"name": "检测报告 🌾.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 report"}
    page.set_input_files("#f-file", files=[report])
    page.click(".upload button")
    page.get_by_role("link", name="检测报告 🌾.pdf").wait_for()
    page.goto(f"{market.address}/console/achievements/{one}")
    page.click("button[value=SUBMIT]")
    desk = visit(f"/desk/achievements/{one}", "olga", **phone)
    desk.locator("[data-reason]").first.click()
    assert desk.input_value("#f-reason")
    desk.click("button[value=PUBLISH]")
    desk.wait_for_url("**/desk/achievements")
    reader = visit(f"/achievements/{one}", buyer, **phone)
    assert not reader.get_by_text("SECRET-RECIPE-7731").count()
    reader.click("aside a.button")
    reader.check("input[name=agree]")
    reader.click(".nda__form button")
    reader.get_by_text("SECRET-RECIPE-7731").wait_for()
    with reader.expect_download() as download:
        reader.get_by_role("link", name="检测报告 🌾.pdf").click()
    assert download.value.suggested_filename == "检测报告 🌾.pdf"
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not reader.evaluate(wide), "nothing is wider than the phone"
