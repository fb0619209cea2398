"""Rooms of other formats in a real browser: the falling clock, a sealed round from the key to the opening, a phone, both languages."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.envelopes import private_key, public_text
from engine.rules.auction.clearing.descending import Clock
from engine.rules.auction.formats import terms as ft
from engine.values import Amount, DurationUs, LotId
from gateway.accounts.model import Role
from tests.browser.conftest import SECOND, LiveMarket
from tests.browser.staging import Staged

pytestmark = pytest.mark.browser
Visit = Callable[..., Any]
PHONE = (390, 844)


def test_the_falling_price_is_taken_once_and_everybody_sees_it(visit: Visit, market: LiveMarket) -> None:
    clock = Clock(start=Amount(5_000_00), step=Amount(500_00), step_us=DurationUs(600 * SECOND), floor=Amount(1_000_00))
    lot = market.open_session(ft.Falling(clock=clock), "alice", "bob")
    alice, bob = visit(f"/lots/{lot}/room", "alice", size=PHONE), visit(f"/lots/{lot}/room", "bob", language="en")
    alice.locator(".price--falling", has_text="¥5,000").wait_for()
    bob.locator(".fall").wait_for()
    alice.get_by_role("button", name=re.compile("以 ¥5,000 应价")).dblclick()
    alice.locator(".standing--lead").wait_for()
    bob.locator(".phase--sold").wait_for()
    state = market.services.engine.state(LotId(lot))
    assert state is not None and (state.bids, state.price) == (1, 5_000_00)


def make_key(visit: Visit, login: str, folder: Path) -> Path:
    page = visit("/me/opening-key", login)
    page.fill("#f-passphrase", "four words of grassland")
    page.fill("#f-again", "four words of grassland")
    with page.expect_download() as download:
        page.get_by_role("button", name="生成密钥并下载文件").click()
    page.locator("#officer-said", has_text="公钥已登记").wait_for()
    path = folder / f"{login}.json"
    download.value.save_as(path)
    return path


def open_as(visit: Visit, lot: str, login: str, key: Path) -> None:
    page = visit(f"/lots/{lot}/room", login)
    page.set_input_files("#keyfile", key)
    page.fill("#passphrase", "wrong")
    page.get_by_role("button", name="提交我的份额").click()
    page.locator(".answer--bad", has_text="密钥文件或口令不正确").wait_for()
    page.fill("#passphrase", "four words of grassland")
    page.get_by_role("button", name="提交我的份额").click()
    page.locator(".step--done", has_text=re.compile("开标人 [12] 提交份额")).first.wait_for()


def test_a_sealed_round_from_the_officers_keys_to_the_opening(visit: Visit, market: LiveMarket, tmp_path: Path) -> None:
    people = {"opener1": Role.OPERATOR, "opener2": Role.SUPERVISOR, "opener3": Role.SUPERVISOR}
    parties = [market.account(login, role).party for login, role in people.items()]
    files = {login: make_key(visit, login, tmp_path) for login in people}
    keys = market.do(market.services.officer_keys.of(parties))
    first, second, recovery = (ft.Officer(party=one.party, key=one.key) for one in keys)
    opening = ft.Opening(officers=(first, second), recovery=recovery)
    lot = market.open_session(ft.Sealed(pricing=ft.SealedPricing.FIRST), "alice", "bob", lasts_s=300, opening=opening)
    watcher = visit(f"/lots/{lot}/room", language="en")
    for login, yuan in (("alice", "7,777"), ("bob", "8888")):
        page = visit(f"/lots/{lot}/room", login, size=PHONE)
        page.fill("#amount", yuan)
        page.get_by_role("button", name="提交密封报价").click()
        page.get_by_text("您的密封报价已收到").wait_for()
    state = market.services.engine.state(LotId(lot))
    assert state is not None and "777700" not in repr(state.play), "in fen; four digits stand in a digest by chance"
    Staged(market, lot).pass_stage()
    watcher.locator(".phase--closed").wait_for()
    watcher.locator(".digest code").first.wait_for()
    open_as(visit, lot, "opener1", files["opener1"])
    watcher.locator(".step--done", has_text="Officer 1").wait_for()
    open_as(visit, lot, "opener2", files["opener2"])
    watcher.locator(".opened", has_text="¥8,888").wait_for()
    watcher.locator(".phase--sold").wait_for()
    after = market.services.engine.state(LotId(lot))
    assert after is not None and after.price == 8_888_00 and after.winner == market.account("bob").party


def opening_of(market: LiveMarket) -> ft.Opening:
    """Officers whose keys nobody here needs."""
    people = [market.account(login, Role.SUPERVISOR).party for login in ("opener4", "opener5", "opener6")]
    officers = [ft.Officer(party=party, key=public_text(private_key(os.urandom))) for party in people]
    return ft.Opening(officers=(officers[0], officers[1]), recovery=officers[2])


def test_without_script_the_falling_price_is_accepted_by_a_plain_form(visit: Visit, market: LiveMarket) -> None:
    clock = Clock(start=Amount(5_000_00), step=Amount(500_00), step_us=DurationUs(600 * SECOND), floor=Amount(1_000_00))
    lot = market.open_session(ft.Falling(clock=clock), "alice", "bob")
    public = visit(f"/lots/{lot}", language="en", size=PHONE, script=False)
    public.locator(".panel--price", has_text="¥5,000").wait_for()
    public.locator(".panel--price", has_text="falls by ¥500").wait_for()
    alice = visit(f"/lots/{lot}/room", "alice", size=PHONE, script=False)
    bob = visit(f"/lots/{lot}/room", "bob", script=False)
    alice.get_by_role("button", name="¥5,000").click()
    alice.locator(".notice--good", has_text="¥5,000").wait_for()
    bob.get_by_role("button", name="¥5,000").click()
    bob.locator(".notice--bad").wait_for()
    state = market.services.engine.state(LotId(lot))
    assert state is not None and state.winner == market.account("alice").party and state.price == 5_000_00


def test_without_script_a_bidder_is_told_that_sealed_bids_need_it(visit: Visit, market: LiveMarket) -> None:
    clock = Clock(start=Amount(5_000_00), step=Amount(500_00), step_us=DurationUs(600 * SECOND), floor=Amount(1_000_00))
    lot = market.open_session(ft.Sealed(pricing=ft.SealedPricing.FIRST), "alice", opening=opening_of(market))
    page = visit(f"/lots/{lot}/room", "alice", script=False)
    page.get_by_text("需要启用 JavaScript").first.wait_for()
    assert page.locator(".room__bid form").count() == 0
    lot = market.open_session(ft.Falling(clock=clock), "alice", "bob")
    rules = visit(f"/lots/{lot}", language="en")
    rules.get_by_text("never more than you saw").first.wait_for()
