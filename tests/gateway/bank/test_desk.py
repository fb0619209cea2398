"""The bank desk in the browser's way and over REST: who sees what, what an act needs, and that no reason is missing in words."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import pytest

from gateway.accounts.audit import read_page
from gateway.accounts.model import Role, Scope
from gateway.pages.i18n import catalogue
from gateway.sandbox_bank.books import day_of
from settlement.bank.exceptions import Act, Problem, State
from settlement.bank.matching import Outcome
from settlement.bank.reconciling import Why
from settlement.deposits.events import DepositState
from settlement.deposits.rules import Refusal as DepositRefusal
from tests.gateway.bank.conftest import PRICE, Trade
from tests.gateway.conftest import Person


async def page(person: Person, path: str, form: dict[str, str] | None = None, language: str = "zh") -> tuple[int, str]:
    headers = {**person.headers, "Accept-Language": language}
    if form is None:
        async with person.http.get(person.base + path, headers=headers) as answer:
            return answer.status, await answer.text()
    assert person.login is not None
    data = {"csrf": person.login.caller.csrf, **form}
    async with person.http.post(person.base + path, data=data, headers=headers) as answer:
        return answer.status, await answer.text()


async def upload(person: Person, path: str, data: bytes, name: str = "day.csv") -> tuple[int, str]:
    assert person.login is not None
    form = aiohttp.FormData()
    form.add_field("csrf", person.login.caller.csrf)
    form.add_field("file", io.BytesIO(data), filename=name, content_type="text/csv")
    headers = {name: value for name, value in person.headers.items() if name != "X-CSRF-Token"}
    async with person.http.post(person.base + path, data=form, headers=headers) as answer:
        return answer.status, await answer.text()


async def waiting(trade: Trade, amount_fen: int = PRICE - 1) -> int:
    deposit = await trade.deposits.read("dep-1") or await trade.require()
    await trade.bank.transfer(amount_fen, deposit.virtual_account, purpose="投标保证金")
    await trade.bank.deliver()
    return (await trade.services.banking.exceptions.page())[-1].id


async def test_the_queue_shows_the_reason_and_what_to_do_in_both_languages(trade: Trade):
    item = await waiting(trade)
    for language in ("zh", "en"):
        texts = catalogue(language)
        _, queue = await page(trade.operator, "/desk/bank", language=language)
        assert texts["bank.outcome.part_payment"] in queue and "¥49,999.99" in queue
        _, one = await page(trade.operator, f"/desk/bank/exceptions/{item}", language=language)
        for key in ("bank.why.part_payment", "bank.todo.part_payment", "bank.act.assign", "bank.act.return"):
            assert texts[key].replace("'", "&#39;") in one, key
        assert "投标保证金" in one and "dep-1" in one


async def test_an_operator_assigns_with_a_reason_and_the_second_one_is_told(trade: Trade):
    item = await waiting(trade)
    address = f"/desk/bank/exceptions/{item}"
    form = {"act": "assign", "version": "1", "deposit_id": "dep-1", "reason": "余款明日到账"}
    status, text = await page(trade.operator, address, {**form, "reason": " "})
    assert status == 422 and catalogue("zh")["bank.refused.reason_required"] in text
    status, text = await page(trade.operator, address, {**form, "deposit_id": "", "other_deposit": "nobody"})
    assert status == 409 and catalogue("zh")["bank.deposit_refuses.no_such_deposit"] in text
    status, text = await page(trade.operator, address, form)
    assert status == 200 and "余款明日到账" in text
    status, text = await page(trade.operator, address, form)
    assert status == 409 and catalogue("zh")["bank.refused.changed"] in text
    assert await trade.balances() == {"bank": PRICE - 1, "deposit_received": 1 - PRICE}
    noted = [(entry.act, entry.result) for entry in await read_page(trade.services.pool)]
    assert ("bank.assign", "done") in noted and ("bank.assign", "changed") in noted


async def test_a_statement_is_checked_then_imported(trade: Trade):
    await waiting(trade)
    data = await trade.bank.statement(day_of(trade.services.now_us))
    status, text = await upload(trade.operator, "/desk/bank/statements/check", data)
    assert status == 200 and catalogue("zh")["bank.checked"] in text
    digest = text.split('name="file" value="')[1].split('"')[0]
    assert await trade.services.pool.fetchval("SELECT count(*) FROM bank_statement") == 0
    status, text = await page(trade.operator, "/desk/bank/statements", {"file": digest})
    assert status == 200 and catalogue("zh")["bank.imported"] in text
    status, text = await page(trade.operator, "/desk/bank/day")
    assert status == 200 and catalogue("zh")["bank.agrees"] in text
    status, text = await page(trade.operator, "/desk/bank/statements", {"file": "0" * 64})
    assert status == 409 and catalogue("zh")["bank.notice.choose_again"] in text


async def test_a_statement_with_faults_says_which_line(trade: Trade):
    await waiting(trade)
    data = (await trade.bank.statement(day_of(trade.services.now_us))).replace(b",49999.99,,", b",x,,")
    status, text = await upload(trade.operator, "/desk/bank/statements/check", data)
    assert status == 422 and catalogue("zh")["bank.problem.amount"] in text and "第 7 行" in text
    status, _ = await upload(trade.operator, "/desk/bank/statements/check", b"x" * 2_000_001)
    assert status == 413


async def test_a_day_is_fetched_from_the_bank(trade: Trade):
    await waiting(trade)
    form = {"act": "fetch", "day": day_of(trade.services.now_us)}
    status, text = await page(trade.operator, "/desk/bank/statements", form)
    assert status == 200 and catalogue("zh")["bank.imported"] in text
    await trade.bank.faults(down=True)
    status, text = await page(trade.operator, "/desk/bank/statements", form)
    assert status == 503 and catalogue("zh")["bank.notice.unavailable"] in text


@pytest.mark.parametrize("path", ["/desk/bank", "/desk/bank/statements", "/desk/bank/day", "/desk/bank/payments"])
async def test_the_public_buyers_and_sellers_never_see_any_of_it(trade: Trade, path: str):
    await waiting(trade)
    for person in (trade.buyer, await trade.town.person(Role.SELLER), await trade.town.person(None)):
        async with person.http.get(person.base + path, headers=person.headers, allow_redirects=False) as answer:
            assert answer.status in (303, 403) and "49,999.99" not in await answer.text()
    supervisor = await trade.town.person(Role.SUPERVISOR)
    assert (await page(supervisor, path))[0] == 200


async def test_a_supervisor_reads_and_decides_nothing(trade: Trade):
    item = await waiting(trade)
    supervisor = await trade.town.person(Role.SUPERVISOR)
    status, text = await page(supervisor, f"/desk/bank/exceptions/{item}")
    assert status == 200 and 'name="act"' not in text
    assert (await page(supervisor, f"/desk/bank/exceptions/{item}", {"act": "return", "version": "1", "reason": "x"}))[
        0
    ] == 403


async def test_the_same_over_rest(trade: Trade):
    item = await waiting(trade)
    secret = await trade.operator.token(Scope.DESK)
    as_program = {"Authorization": f"Bearer {secret}", "Cookie": "", "X_CSRF_Token": "", "Origin": ""}
    status, queue = await trade.operator.get("/api/v1/bank/exceptions", **as_program)
    [row] = queue["rows"]
    assert status == 200 and (row["id"], row["outcome"], row["amount_fen"]) == (item, "part_payment", str(PRICE - 1))
    wish: dict[str, Any] = {"version": 1, "act": "return", "reason": "请付足额"}
    status, done = await trade.operator.post(f"/api/v1/bank/exceptions/{item}/acts", wish, **as_program)
    assert status == 200 and (done["state"], done["place"]) == ("closed", "returned")
    status, refused = await trade.operator.post(f"/api/v1/bank/exceptions/{item}/acts", wish, **as_program)
    assert status == 409 and refused["code"] == "conflict"
    status, day = await trade.operator.get(f"/api/v1/bank/days/{day_of(trade.services.now_us)}", **as_program)
    assert status == 200 and day["statement_fen"] is None
    for path in ("/api/v1/bank/days/x", f"/api/v1/bank/exceptions/{'9' * 30}/acts"):
        sent = (
            trade.operator.get(path, **as_program) if "days" in path else trade.operator.post(path, wish, **as_program)
        )
        assert (await sent)[0] == 404


async def test_names_and_accounts_of_payers_reach_neither_metrics_nor_answers_to_the_bank(trade: Trade):
    await waiting(trade)
    supervisor = await trade.town.person(Role.SUPERVISOR)
    _, metrics = await page(supervisor, "/metrics")
    assert "ortoo_bank_suspense_fen" in metrics
    assert trade.buyer.account is not None and trade.buyer.account.display_name not in metrics


def test_every_reason_state_and_problem_has_words():
    for language in ("zh", "en"):
        texts = catalogue(language)
        keys = [f"bank.{part}.{outcome.value}" for outcome in Outcome for part in ("outcome", "why", "todo")]
        keys += [f"bank.state.{state.value}" for state in State] + [f"bank.act.{act.value}" for act in Act]
        keys += [f"bank.refused.{problem.value}" for problem in Problem]
        keys += [f"bank.difference.{why.value}" for why in Why]
        keys += [f"bank.deposit.{state.value}" for state in DepositState]
        keys += [
            f"bank.deposit_refuses.{code}"
            for code in (DepositRefusal.NO_SUCH_DEPOSIT, DepositRefusal.WRONG_STATE, DepositRefusal.LATE,
                         DepositRefusal.KEY_REUSED, DepositRefusal.AMOUNT_OUT_OF_RANGE, DepositRefusal.HISTORY_FULL,
                         DepositRefusal.MONEY_GONE)
        ]  # fmt: skip
        assert [key for key in keys if key not in texts] == []
