"""A lot that names the published achievement it sells: over REST and on the desk, whose lot it is, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from engine.rules.rejections import Reject
from engine.values import LotId
from gateway.accounts.model import Role
from gateway.errors import Code
from gateway.formatting import local_value
from tests.gateway.agreed import Agreement, send
from tests.gateway.conftest import MINUTE_US, Person, Town, wish
from tests.gateway.listed import release_achievement
from tests.gateway.test_deposits import html

LOTS = "/api/v1/lots"
DAY_US = 86_400_000_000


@pytest.fixture
async def agreed(town: Town) -> Agreement:
    """An institution with three members and a published achievement, and an operator."""
    return await Agreement(town).open()


def published(agreed: Agreement, lot: str, **more: Any) -> dict[str, Any]:
    assert agreed.administrator.account is not None
    now_us = agreed.services.now_us
    closing = {"opens_at_us": now_us, "closes_at_us": now_us + 60 * MINUTE_US}
    return wish(
        lot=lot, seller=agreed.administrator.account.id, achievement=agreed.achievement,
        subject={"title_zh": "耐寒苜蓿", "title_en": "Winter lucerne"},
        terms={"closing": closing, "increment": {"kind": "fixed", "step": "100"}, "start_price": "1000", "admission": "open"},
        **more,
    )  # fmt: skip


async def test_the_lot_is_the_institutions_and_carries_the_version_that_was_public(agreed: Agreement) -> None:
    body = published(agreed, "named-1")
    assert (await agreed.operator.post(LOTS, body))[0] == 200
    state = agreed.services.engine.state(LotId("named-1"))
    assert state is not None and state.achievement is not None and state.seller_id == agreed.party
    assert (state.achievement.id, state.achievement.version) == (agreed.achievement, 1)
    status, seen = await agreed.applicant.get(f"{LOTS}/named-1")
    assert status == 200 and seen["achievement"]["id"] == agreed.achievement
    status, text = await html(agreed.applicant, "/lots/named-1")
    assert status == 200 and f"/achievements/{agreed.achievement}" in text
    own = await agreed.applicant.post(f"{LOTS}/named-1/admission", wish())
    assert own[1]["code"] == Reject.SELLER_MAY_NOT_BID, "a member does not bid for what his institution sells"
    again = await agreed.operator.post(LOTS, body)
    assert again[0] == 200, "the same wish is answered the same"
    other = await agreed.operator.post(LOTS, {**body, "achievement": ""})
    assert other[1]["code"] == Reject.COMMAND_ID_REUSED, "without the achievement it is another wish"


@pytest.mark.parametrize("what", ["unknown", "another_partys"])
async def test_only_the_sellers_own_published_achievement_is_named(agreed: Agreement, town: Town, what: str) -> None:
    achievement = "a" + "0" * 16
    if what == "another_partys":
        stranger = await town.person(Role.SELLER)
        assert stranger.account is not None
        achievement = await release_achievement(agreed.services, stranger.account)
    status, answer = await agreed.operator.post(
        LOTS, {**published(agreed, f"named-{what}".replace("_", "-")), "achievement": achievement}
    )
    assert (status, answer["code"]) == (404, Code.NOT_FOUND)
    form = desk_form(agreed, f"desk-{what}".replace("_", "-"), achievement)
    status, text, _ = await send(agreed.operator, "/desk/lots/new", **form)
    assert status == 422 and "没有可按此方式交易的该编号已发布成果" in text
    status, text, _ = await send(agreed.operator, "/desk/sessions/new", **session_form(agreed, achievement))
    assert status == 422 and "没有可按此方式交易的该编号已发布成果" in text


async def test_the_desk_publishes_a_lot_of_an_achievement(agreed: Agreement) -> None:
    status, text, where = await send(
        agreed.operator, "/desk/lots/new", **desk_form(agreed, "desk-1", agreed.achievement)
    )
    assert (status, where) == (303, "/desk/lots/desk-1"), text
    state = agreed.services.engine.state(LotId("desk-1"))
    assert state is not None and state.achievement is not None and state.seller_id == agreed.party


def desk_form(agreed: Agreement, lot: str, achievement: str) -> dict[str, str]:
    """Return what an operator types for a court-style lot."""
    now_us = agreed.services.now_us
    return {
        "act": "publish", "lot_id": lot, "title_zh": "耐寒苜蓿", "summary_zh": "简介", "field": "09", "region": "150200",
        "seller": login_of(agreed.administrator), "achievement": achievement, "seller_name_zh": "草原示范有限公司", "defects_zh": "无",
        "legal_mode": "NETWORK_BIDDING", "start_price": "1000", "increment_kind": "fixed", "increment_fixed": "100", "reserve_kind": "none",
        "way": "fixed", "opens_at": local_value(now_us + DAY_US), "closes_at": local_value(now_us + 2 * DAY_US),
        "extension_seconds": "300", "window_seconds": "300", "extension_from": "bid", "extension_scope": "lot", "admission": "open",
        "resume_notice_minutes": "10", "outage_shift_minutes": "60",
    }  # fmt: skip


def session_form(agreed: Agreement, achievement: str) -> dict[str, str]:
    """Return what an operator types for an ascending session with further rounds."""
    now_us = agreed.services.now_us
    return {
        "act": "preview", "format": "ascending", "lot_id": "session-1", "title_zh": "耐寒苜蓿", "summary_zh": "简介", "field": "09",
        "region": "150200", "seller": login_of(agreed.administrator), "achievement": achievement, "seller_name_zh": "示范公司",
        "defects_zh": "无", "admission": "open", "opens_at": local_value(now_us + DAY_US), "closes_at": local_value(now_us + 2 * DAY_US),
        "start_price": "1000", "increment_fixed": "50", "extension_seconds": "300", "reserve_kind": "none",
    }  # fmt: skip


def login_of(person: Person) -> str:
    assert person.account is not None
    return person.account.login
