"""The desk's page for sessions of other formats, by form and without a script: each format's fields, errors beside them, rules, people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from engine.rules.auction.formats import terms as ft
from engine.values import LotId
from gateway.accounts.model import Role
from gateway.desk import rehearsing
from gateway.formatting import local_value
from gateway.pages.i18n import catalogue
from gateway.pages.session_form import FORMATS, OWN_FIELDS, problem_field
from tests.gateway.conftest import Town
from tests.gateway.test_deposits import html
from tests.gateway.test_formats_api import MINUTE_US, Round

KEY = re.compile(r">\s*(session|form|rule|desk|reserve)\.[a-zA-Z_.0-9]+\s*<")
DAY_US = 86_400_000_000
OWN: dict[str, dict[str, str]] = {
    "falling": {"clock_start": "1,000", "clock_step": "100", "clock_seconds": "60", "clock_floor": "500", "units": "3"},
    "sealed": {"pricing": "second", "tie": "lot", "reserve_kind": "secret", "reserve_amount": "700", "replaceable": "1"},
    "hybrid": {
        "clock_start": "1000", "clock_step": "100", "clock_seconds": "60", "clock_floor": "", "secret_floor": "1",
        "sealed_minutes": "30", "best_minutes": "15",
    },
    "weighted": {"price_weight": "60", "criteria": "技术路线 25\n团队 15", "reserve_kind": "none"},
    "units": {"units": "5", "unit_pricing": "lowest_accepted", "per_bidder_max": "2", "reserve_kind": "public", "reserve_amount": "10"},
    "packages": {"package_lots": "A|甲|Lot A|1000\nB|乙", "bids_each_max": "20"},
    "ascending": {
        "start_price": "1000", "increment_fixed": "50", "extension_seconds": "300", "reserve_kind": "none", "priority_mode": "P3",
        "priority_minutes": "60", "priority_notified": "2026-11-01 书面通知",
    },
}  # fmt: skip


class Desk:
    """An operator before the form, with people who can be named in it."""

    def __init__(self, sale: Round) -> None:
        self.sale = sale
        self.town = sale.town

    def filled(self, name: str, **changes: str) -> dict[str, str]:
        now_us, sale = self.town.services.now_us, self.sale
        assert sale.seller.account is not None and sale.buyers[0].account is not None
        people = [officer.account for officer in sale.officers if officer.account is not None]
        own = dict(OWN[name])
        if "officer_1" in OWN_FIELDS[name]:
            own |= {
                "officer_1": people[0].party,
                "officer_2": people[1].party,
                "recovery": people[2].party,
                "opening_minutes": "30",
                "opening_days": "5",
            }
        if "closes_at" in OWN_FIELDS[name]:
            own["closes_at"] = local_value(now_us + 2 * DAY_US)
        if name == "weighted":
            own["assessors"] = f"{people[0].login}\n{people[1].login}"
        if name == "ascending":
            own["priority_holders"] = f"{sale.buyers[0].account.login} 1 completer"
        return {
            "format": name, "lot_id": sale.lot, "title_zh": "多波束声呐", "summary_zh": "简介", "field": "05", "region": "150200",
            "seller": sale.seller.account.login, "seller_name_zh": "研究所", "defects_zh": "无", "admission": "open",
            "opens_at": local_value(now_us + DAY_US), **own, **changes,
        }  # fmt: skip

    async def send(self, act: str, form: dict[str, str], **more: str) -> tuple[int, str]:
        login = self.sale.operator.login
        assert login is not None
        return await html(
            self.sale.operator, "/desk/sessions/new", {"csrf": login.caller.csrf, "act": act, **form, **more}
        )

    async def published(self, form: dict[str, str]) -> ft.SessionTerms:
        """Preview, then publish what the preview carried."""
        status, text = await self.send("preview", form)
        assert status == 200 and 'class="rules"' in text, text[text.find('role="alert"') :][:500]
        assert not KEY.search(text), KEY.search(text)
        status, text = await self.send("publish", form, **carried(text))
        assert status == 303, text[text.find('role="alert"') :][:500]
        state = self.town.services.engine.state(LotId(form["lot_id"]))
        assert state is not None and state.play is not None
        return state.play.terms


def carried(text: str) -> dict[str, str]:
    """Return what a page carries to the next sending."""
    return {
        name: re.search(rf'name="{name}" value="([^"]*)"', text)[1]  # type: ignore[index]
        for name in ("command_id", "previewed")
    }


@pytest.fixture
async def desk(town: Town) -> Desk:
    return Desk(await Round(town).open())


async def test_every_format_is_published_by_its_own_fields(desk: Desk) -> None:
    for number, name in enumerate(FORMATS):
        play = await desk.published(desk.filled(name, lot_id=f"form-{number}"))
        assert ft.format_of(play) == name
        assert (play.opening is not None) == ft.takes_envelopes(play)
        if name == "ascending":
            assert play.priority is not None and len(play.priority.holders) == 1
            assert desk.sale.buyers[0].account is not None
            assert play.priority.holders[0].party == desk.sale.buyers[0].account.party


async def test_a_format_shows_only_its_fields_and_names_them_in_both_languages(desk: Desk) -> None:
    for language in ("zh", "en"):
        for name in FORMATS:
            headers = {**desk.sale.operator.headers, "Accept-Language": language}
            path = f"{desk.sale.operator.base}/desk/sessions/new?format={name}"
            async with desk.town.http.get(path, headers=headers) as answer:
                text = await answer.text()
                assert answer.status == 200
            assert not KEY.search(text), KEY.search(text)
            others = {field for fields in OWN_FIELDS.values() for field in fields} - set(OWN_FIELDS[name])
            for field in OWN_FIELDS[name]:
                assert f'name="{field}"' in text, field
            assert not [field for field in others if f'name="{field}"' in text]


async def test_the_end_of_the_clock_is_computed_not_typed(desk: Desk) -> None:
    form = desk.filled("falling")
    await desk.published(form)
    state = desk.town.services.engine.state(LotId(form["lot_id"]))
    assert state is not None
    closing = state.terms.closing
    assert closing.closes_at_us == closing.opens_at_us + 6 * MINUTE_US, "1000, 900, … 500 stand a minute each"


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("falling", {"clock_floor": "2000"}, "clock_start"),
        ("falling", {"clock_seconds": "soon"}, "clock_seconds"),
        ("falling", {"opens_at": "2020-01-01T10:00"}, "opens_at"),
        ("sealed", {"officer_2": ""}, "officer_2"),
        ("sealed", {"closes_at": ""}, "closes_at"),
        ("weighted", {"price_weight": "61"}, "price_weight"),
        ("weighted", {"assessors": "nobody-at-all"}, "assessors"),
        ("units", {"per_bidder_max": "9"}, "units"),
        ("packages", {"package_lots": "A|甲"}, "package_lots"),
        ("ascending", {"priority_notified": ""}, "priority_notified"),
        ("ascending", {"seller": "nobody"}, "seller"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    desk: Desk, name: str, changes: dict[str, str], field: str
) -> None:
    status, text = await desk.send("preview", desk.filled(name, **changes))
    assert status == 422 and f'href="#f-{field}"' in text, text[text.find('role="alert"') :][:500]
    assert "多波束声呐" in text and not KEY.search(text)


async def test_nothing_is_published_that_was_not_previewed(desk: Desk) -> None:
    form = desk.filled("falling")
    assert (await desk.send("publish", form))[0] == 200
    page = carried((await desk.send("preview", form))[1])
    changed = {**form, "clock_start": "2000"}
    assert (await desk.send("publish", changed, **page))[0] == 200, "the rules of the change are shown first"
    assert desk.town.services.engine.state(LotId(form["lot_id"])) is None
    assert (await desk.send("publish", form, **page))[0] == 303
    assert (await desk.send("publish", form, **page))[0] == 303, "sent twice it is the same publication"
    again = carried((await desk.send("preview", form))[1])
    status, text = await desk.send("publish", form, **again)
    assert status == 422 and 'href="#f-lot_id"' in text


async def test_officers_are_people_of_the_market_with_a_key(desk: Desk) -> None:
    buyer, stranger = desk.sale.buyers[0], await desk.town.person(Role.SUPERVISOR)
    assert buyer.account is not None and stranger.account is not None and desk.sale.officers[0].account is not None
    status, text = await desk.send("to:sealed", desk.filled("falling"))
    assert status == 200 and f'value="{desk.sale.officers[0].account.party}"' in text
    assert stranger.account.party not in text and "多波束声呐" in text
    status, text = await desk.send("preview", desk.filled("sealed", officer_1=stranger.account.party))
    assert status == 422 and 'href="#f-officer_1"' in text


async def test_the_page_is_the_operators_and_the_desk_leads_to_it(desk: Desk) -> None:
    assert 'href="/desk/sessions/new"' in (await html(desk.sale.operator, "/desk"))[1]
    for person in (desk.sale.seller, desk.sale.buyers[0], desk.sale.officers[1]):
        assert (await html(person, "/desk/sessions/new"))[0] == 403


async def test_a_rehearsal_shows_a_distribution_and_publishes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsing, "SECONDS", 0.2)
    crowd = {"crowd_bidders": "4", "crowd_middle": "1200", "crowd_spread": "30", "crowd_seed": "1"}
    for name in FORMATS:
        form = desk.filled(name)
        crowd["crowd_middle"] = "4000" if name == "packages" else "1200"
        status, text = await desk.send("rehearse", form, **crowd)
        assert status == 200 and text.count("<rect") == 20 and "% 的成交不高于" in text, name
        assert not KEY.search(text)
        assert desk.town.services.engine.state(LotId(form["lot_id"])) is None
    for changes in ({"crowd_bidders": "51"}, {"crowd_middle": "x"}):
        status, text = await desk.send("rehearse", desk.filled("falling"), **{**crowd, **changes})
        assert status == 422 and "<rect" not in text


def test_every_problem_of_a_sessions_terms_has_a_text_and_a_field() -> None:
    source = Path(ft.__file__).read_text(encoding="utf-8")
    problems: list[Any] = re.findall(r'"([a-z_]+: [a-z_0-9]+)"', source)
    assert len(problems) > 20
    for problem in problems:
        for name in FORMATS:
            field, key = problem_field(problem, name)
            assert f"form.wrong.{key}" in catalogue("zh"), problem
            assert f"form.{field}" in catalogue("zh"), field
