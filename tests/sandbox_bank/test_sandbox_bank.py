"""The sandbox bank: its own books sum to zero whatever it is told to do wrong, a restart loses nothing, only the market is heard."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.bank.signing import SIGNATURE, WINDOW_S, Problem, problem_of, sign
from gateway.pages.i18n import catalogue
from gateway.sandbox_bank import books as books_module
from gateway.sandbox_bank.books import MARKET, BankRefuses, Books
from gateway.sandbox_bank.command import Sandbox, open_bank
from gateway.sandbox_bank.faults import SCENARIOS, Faults
from gateway.sandbox_bank.statements import as_csv
from settlement.bank.port import Payout, PayoutState

SECRET = b"s" * 32
BUYER, OTHER = "6200000000000001001", "6200000000000001002"
NOON_US = 1_795_406_400_000_000  # 2026-11-23 12:00 in China


@pytest.fixture
def books(tmp_path: Path) -> Books:
    made = Books(tmp_path / "bank.sqlite", lambda: NOON_US)
    made.open_account(BUYER, "草原合作社", 100_000_00)
    return made


def payout(order: str = "o1", amount: int = 1_00, account: str = BUYER, name: str = "草原合作社") -> Payout:
    return Payout(order_id=order, amount_fen=amount, payee_name=name, payee_account=account, purpose="退还保证金")


# Books.


def test_money_in_and_out_leaves_the_books_balanced_and_the_statement_explains_every_fen(books: Books):
    books.transfer_in(BUYER, 500_00, virtual_account="V1", purpose="保证金")
    books.pay(payout(amount=200_00))
    statement = books.statement("2026-11-23")
    assert (statement.opening_fen, statement.closing_fen) == (0, 300_00)
    assert [(line.income_fen, line.expense_fen, line.balance_fen) for line in statement.lines] == [
        (500_00, 0, 500_00),
        (0, 200_00, 300_00),
    ]
    assert books.statement("2026-11-24").opening_fen == 300_00
    assert books.imbalance() == 0 and books.balance(BUYER) == 99_700_00


def test_an_order_pays_once_and_its_id_is_never_used_for_another(books: Books):
    books.transfer_in(BUYER, 500_00)
    first = books.pay(payout())
    assert first.state is PayoutState.SETTLED and books.pay(payout()) == first == books.look_up("o1")
    with pytest.raises(BankRefuses, match="ORDER_ID_REUSED"):
        books.pay(payout(amount=2_00))
    assert books.balance(MARKET) == 499_00


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (payout(amount=501_00), "INSUFFICIENT_FUNDS"),
        (payout(name="别人"), "NAME_MISMATCH"),
        (payout(account=OTHER, name="已销户"), "ACCOUNT_CLOSED"),
    ],
)
def test_what_cannot_be_paid_fails_with_a_reason_and_moves_nothing(books: Books, wish: Payout, reason: str):
    books.open_account(OTHER, "已销户")
    books.close_account(OTHER)
    books.transfer_in(BUYER, 500_00)
    result = books.pay(wish)
    assert (result.state, result.reason) == (PayoutState.FAILED, reason)
    assert books.balance(MARKET) == 500_00


def test_a_payment_kept_waiting_is_finished_or_fails_by_callback(books: Books):
    books.transfer_in(BUYER, 500_00)
    books.set_faults(Faults(keep_payouts=True))
    assert books.pay(payout("a")).state is books.pay(payout("b")).state is PayoutState.ACCEPTED
    assert books.finish("a").state is PayoutState.SETTLED
    assert books.finish("b", "CLOSED").reason == "CLOSED"
    told = [json.loads(waiting.body) for waiting in books.callbacks_due()]
    assert [(one["kind"], one.get("order_id"), one.get("state")) for one in told] == [
        ("credit", None, None),
        ("payout", "a", "settled"),
        ("payout", "b", "failed"),
    ]
    with pytest.raises(BankRefuses, match="NO_SUCH_ORDER"):
        books.finish("a")


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"payer": OTHER, "amount_fen": 1}, "NO_SUCH_ACCOUNT"),
        ({"payer": MARKET, "amount_fen": 1}, "NO_SUCH_ACCOUNT"),
        ({"payer": BUYER, "amount_fen": 0}, "AMOUNT_INVALID"),
        ({"payer": BUYER, "amount_fen": 100_000_01}, "INSUFFICIENT_FUNDS"),
    ],
)
def test_transfers_that_cannot_be(books: Books, wish: dict[str, Any], code: str):
    with pytest.raises(BankRefuses, match=code):
        books.transfer_in(**wish)
    assert books.callbacks() == [] and books.imbalance() == 0


def test_a_restart_loses_neither_money_nor_callbacks_nor_faults(tmp_path: Path):
    path = tmp_path / "bank.sqlite"
    first = Books(path, lambda: NOON_US)
    first.open_account(BUYER, "草原合作社", 1_000)
    first.set_faults(Faults(callback_copies=3))
    credit = first.transfer_in(BUYER, 10)
    first.close()
    second = Books(path, lambda: NOON_US)
    assert [(w.subject, w.copies) for w in second.callbacks_due()] == [(credit.bank_ref, 3)]
    assert second.balance(MARKET) == 10 and second.imbalance() == 0
    assert second.transfer_in(BUYER, 10).bank_ref != credit.bank_ref


def test_faults_count_down_and_turn_callbacks_into_what_was_asked(books: Books):
    books.set_faults(Faults(lose_callbacks=1, wrong_amount_fen=7))
    books.transfer_in(BUYER, 100)
    books.transfer_in(BUYER, 100)
    assert [one["state"] for one in books.callbacks()] == ["waiting", "lost"]
    books.set_faults(Faults(wrong_amount_fen=7))
    books.transfer_in(BUYER, 100)
    books.transfer_in(BUYER, 100)
    told = [json.loads(waiting.body)["amount_fen"] for waiting in books.callbacks_due()]
    assert told == ["100", "107", "100"]
    assert [line.income_fen for line in books.statement("2026-11-23").lines] == [100] * 4


def test_held_callbacks_go_in_reverse(books: Books):
    books.set_faults(Faults(hold_callbacks=True))
    refs = [books.transfer_in(BUYER, 1).bank_ref for _ in range(3)]
    assert books.callbacks_due(all_waiting=True) == []
    assert books.release(reverse=True) == 3
    assert [waiting.subject for waiting in books.callbacks_due(all_waiting=True)] == refs[::-1]


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["in", "out", "fault", "finish"]), st.integers(0, 5), st.sampled_from(list(SCENARIOS))
        ),
        max_size=25,
    )
)
def test_whatever_happens_the_books_sum_to_zero(tmp_path_factory: pytest.TempPathFactory, steps: list[Any]):
    made = Books(tmp_path_factory.mktemp("bank") / "b.sqlite", lambda: NOON_US)
    made.open_account(BUYER, "草原合作社", 20)
    for what, number, scenario in steps:
        try:
            match what:
                case "in":
                    made.transfer_in(BUYER, number)
                case "out":
                    made.pay(payout(f"o{number}", number + 1))
                case "finish":
                    made.finish(f"o{number}", "X" if number % 2 else "")
                case _:
                    made.set_faults(SCENARIOS[scenario])
        except BankRefuses:
            pass
        assert made.imbalance() == 0 and made.balance(MARKET) >= 0
    made.close()


def test_the_statement_says_that_it_is_a_sandbox_and_holds_the_block_and_the_lines(books: Books):
    books.transfer_in(BUYER, 500_05, virtual_account="V1", purpose='保证金, "甲"')
    text = as_csv(books.statement("2026-11-23"))
    assert "并非真实银行" in text.splitlines()[0]
    assert "期初余额,0.00" in text and "期末余额,500.05" in text and '"保证金, ""甲"""' in text


# Signatures.


def test_the_signature_is_this_one():
    headers = sign(b"k" * 32, "POST", "/x", b"{}", 1_700_000_000, "0" * 32)
    # printf 'ortoo-bank-1\nPOST\n/x\n1700000000\n<32 zeros>\n{}' | openssl dgst -sha256 -hmac <32 k>
    assert headers[SIGNATURE] == "69ac24a1bc5d6381ceb14a447c394ff14e5b4fff6173e060623f6ff54b48729d"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, None),
        ({"body": b"[]"}, Problem.SIGNATURE),
        ({"path": "/y"}, Problem.SIGNATURE),
        ({"method": "PUT"}, Problem.SIGNATURE),
        ({"secret": b"other" * 8}, Problem.SIGNATURE),
        ({"now_s": 1_700_000_000 + WINDOW_S}, None),
        ({"now_s": 1_700_000_001 + WINDOW_S}, Problem.TIME),
        ({"now_s": 1_699_999_999 - WINDOW_S}, Problem.TIME),
        ({"headers": {}}, Problem.HEADERS),
    ],
)
def test_what_makes_a_message_not_believed(change: dict[str, Any], problem: Problem | None):
    given_now = {
        "secret": SECRET, "method": "POST", "path": "/x", "body": b"{}", "now_s": 1_700_000_000,
        "headers": sign(SECRET, "POST", "/x", b"{}", 1_700_000_000), **change,
    }  # fmt: skip
    assert problem_of(**given_now) is problem


# Over HTTP.


@pytest.fixture
async def taken() -> list[dict[str, Any]]:
    return []


@pytest.fixture
async def market(taken: list[dict[str, Any]]) -> AsyncIterator[str]:
    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        assert problem_of(SECRET, "POST", request.path, request.headers, body, int(time.time())) is None
        taken.append(json.loads(body))
        return web.Response(status=200 if len(taken) != 2 else 503)

    app = web.Application()
    app.router.add_post("/callbacks", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/callbacks"
    await runner.cleanup()


@pytest.fixture
async def bank(market: str, tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with open_bank(tmp_path / "bank.sqlite", SECRET, market, automatic=False) as opened:
        opened.books.open_account(BUYER, "草原合作社", 100_000_00)
        yield opened


async def post(bank: Sandbox, path: str, body: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as http, http.post(bank.url + path, json=body) as answer:
        return answer.status, await answer.json()


async def test_a_callback_is_sent_until_it_is_taken(bank: Sandbox, taken: list[dict[str, Any]]):
    await post(bank, "/admin/transfers", {"payer": BUYER, "amount_fen": 5})
    await post(bank, "/admin/transfers", {"payer": BUYER, "amount_fen": 6})
    assert (await post(bank, "/admin/deliver", {}))[1] == {"answers": [200, 503]}
    assert (await post(bank, "/admin/deliver", {}))[1] == {"answers": [200]}
    assert [one["amount_fen"] for one in taken] == ["5", "6", "6"]
    assert [one["state"] for one in bank.books.callbacks()] == ["delivered", "delivered"]


async def test_only_the_market_orders_payments_and_no_message_counts_twice(bank: Sandbox):
    body = json.dumps(
        {"order_id": "a", "amount_fen": "5", "payee_name": "n", "payee_account": "9", "purpose": ""}
    ).encode()
    headers = sign(SECRET, "POST", "/bank/v1/payouts", body, int(time.time()))
    async with aiohttp.ClientSession() as http:
        async with http.post(bank.url + "/bank/v1/payouts", data=body) as answer:
            assert answer.status == 401
        async with http.post(bank.url + "/bank/v1/payouts", data=body, headers=headers) as answer:
            assert answer.status == 200 and (await answer.json())["reason"] == "INSUFFICIENT_FUNDS"
        async with http.post(bank.url + "/bank/v1/payouts", data=body, headers=headers) as answer:
            assert answer.status == 401


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/admin/transfers", {"payer": BUYER}),
        ("/admin/transfers", {"payer": BUYER, "amount_fen": "5"}),
        ("/admin/transfers", [1]),
        ("/admin/accounts", {"number": 1}),
        ("/admin/callbacks/x/again", {}),
        ("/admin/scenarios/none", {}),
        ("/admin/payouts/finish", {"order_id": "none"}),
    ],
)
async def test_bad_input_is_answered_never_a_fault(bank: Sandbox, path: str, body: Any):
    status, answer = await post(bank, path, body)
    assert 400 <= status < 500 and answer["code"]


async def test_people_pay_on_a_page_that_says_sandbox_in_both_languages(bank: Sandbox):
    form = {"payer": BUYER, "virtual_account": "V 1", "amount": "1,234.50", "purpose": "保证金"}
    async with aiohttp.ClientSession() as http:
        async with http.post(bank.url + "/transfers", data=form) as answer:
            page = await answer.text()
            assert answer.status == 200 and "不是真实银行" in page and "not a real bank" not in page
        async with http.get(bank.url, headers={"Accept-Language": "en"}) as answer:
            assert "not a real bank" in await answer.text()
        async with http.post(bank.url + "/transfers", data={**form, "amount": "1.005"}) as answer:
            assert answer.status == 422
        async with http.post(bank.url + "/transfers", data=form, headers={"Origin": "http://evil.example"}) as answer:
            assert answer.status == 403
    [line] = bank.books.statement(books_module.day_of(bank.books.now_us)).lines
    assert (line.income_fen, line.virtual_account) == (1_234_50, "V1")


def test_the_page_holds_keys_that_exist_and_no_text():
    source = (Path(books_module.__file__).parent / "templates" / "home.html").read_text(encoding="utf-8")
    texts = catalogue("zh")
    for key in re.findall(r"""\bt\(["']([a-z_.0-9A-Z]+)["'][,)]""", source):
        assert key in texts, key
    for name in SCENARIOS:
        assert f"sandbox_bank.fault.{name}" in texts
    assert not re.search(r"[\u4e00-\u9fff]", source)
    assert "style=" not in source and not re.search(r"\son\w+=", source)
