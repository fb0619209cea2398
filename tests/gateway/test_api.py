"""The REST interface on the real market: bids, records, receipts, the desk; what it refuses and what it keeps silent about."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import aiohttp
import msgspec
import pytest

from engine.evidence.offline import check_against_chain, check_receipt
from engine.rules.auction import terms as t
from engine.rules.rejections import Reject
from engine.runtime.engine import Engine
from engine.values import Amount, DurationUs, InstantUs, LotId
from gateway.accounts import audit
from gateway.accounts.model import Role, Scope
from gateway.errors import Code
from gateway.serve import running
from tests.gateway.conftest import MINUTE_US, PASSWORD, Person, Town, market_config, wish
from tests.time_travel import travel

LOTS = "/api/v1/lots"


async def admitted(town: Town, lot: str, *people: Person) -> None:
    for person in people:
        status, answer = await person.post(f"{LOTS}/{lot}/admission", wish())
        assert (status, answer["state"]) == (200, "admitted")


# Bids.


async def test_a_bid_is_answered_with_its_place_in_the_log(town: Town):
    bidder, lot = await town.person(Role.BIDDER), await town.lot()
    await admitted(town, lot, bidder)
    sent = wish(amount="1000")
    status, answer = await bidder.post(f"{LOTS}/{lot}/bids", sent)
    assert status == 200
    record = await town.services.reader.lot_event(lot, answer["seq"])
    assert record is not None
    assert record.command_id is not None
    assert (record.digest.hex(), record.at_us, record.command_id.hex()) == (
        answer["digest"],
        answer["at_us"],
        sent["id"].replace("-", ""),
    )
    assert (answer["price"], answer["leading"], answer["decision"]) == ("1000", True, "accepted")


async def test_the_same_command_is_answered_the_same(town: Town):
    """P3: body and status, for accepted bids and for refusals on record; and once in the log."""
    bidder, lot = await town.person(Role.BIDDER), await town.lot()
    await admitted(town, lot, bidder)
    for sent, status in ((wish(amount="1000"), 200), (wish(amount="1"), 409)):
        answers = await asyncio.gather(*(bidder.post(f"{LOTS}/{lot}/bids", sent) for _ in range(4)))
        assert answers == [answers[0]] * 4
        assert answers[0][0] == status
    status, page = await bidder.get("/api/v1/me/bids")
    assert [c["command"]["decision"] for c in page["commands"]] == ["rejected", "accepted", "accepted"]


async def test_an_id_is_never_used_for_another_wish(town: Town):
    anna, bert, lot = await town.person(Role.BIDDER), await town.person(Role.BIDDER), await town.lot()
    await admitted(town, lot, anna, bert)
    sent = wish(amount="1000")
    await anna.post(f"{LOTS}/{lot}/bids", sent)
    for person, body in ((anna, {**sent, "amount": "2000"}), (bert, sent)):
        status, answer = await person.post(f"{LOTS}/{lot}/bids", body)
        assert (status, answer["code"]) == (409, Reject.COMMAND_ID_REUSED)


async def test_refusals_say_what_to_do(town: Town):
    anna, bert, lot = await town.person(Role.BIDDER), await town.person(Role.BIDDER), await town.lot()
    await admitted(town, lot, anna, bert)
    await anna.post(f"{LOTS}/{lot}/bids", wish(amount="1000"))
    status, answer = await bert.post(f"{LOTS}/{lot}/bids", wish(amount="1050"))
    assert (status, answer["code"], answer["retry"], answer["data"]) == (
        409,
        "bid_below_minimum",
        "refresh",
        {"minimum": "1100", "step": "100"},
    )
    assert answer["seq"] is not None
    assert answer["type"] == "urn:ortoo:error:bid_below_minimum"


async def test_a_proxy_bid_answers_for_its_owner(town: Town):
    anna, bert, lot = await town.person(Role.BIDDER), await town.person(Role.BIDDER), await town.lot()
    await admitted(town, lot, anna, bert)
    _, answer = await anna.post(f"{LOTS}/{lot}/bids", wish(maximum="5000"))
    assert (answer["price"], answer["maximum"], answer["leading"]) == ("1000", "5000", True)
    _, answer = await bert.post(f"{LOTS}/{lot}/bids", wish(amount="2000"))
    assert (answer["price"], answer["leading"], answer["maximum"]) == ("2100", False, None)
    _, view = await anna.get(f"{LOTS}/{lot}")
    assert view["you"] == {"code": view["live"]["leader_code"], "leading": True, "maximum": "5000"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
        b'{"id":"x"}',
        b'{"id":5,"amount":"1"}',
        b'{"id":"6f1c1f4e-9a3c-4b5e-8d2f-000000000001","amount":1}',
        b'{"id":"6f1c1f4e-9a3c-4b5e-8d2f-000000000001","amount":1e309}',
        b'{"id":"6f1c1f4e-9a3c-4b5e-8d2f-000000000001","amount":"01"}',
        b'{"id":"6f1c1f4e-9a3c-4b5e-8d2f-000000000001","amount":"-1"}',
        b'{"id":"6f1c1f4e-9a3c-4b5e-8d2f-000000000001","amount":"1.5"}',
        b'{"id":"6f1c1f4e-9a3c-4b5e-8d2f-000000000001","amount":"\xd9\xa1"}',
        b'{"id":"6f1c1f4e-9a3c-4b5e-8d2f-000000000001","amount":"' + b"9" * 31 + b'"}',
        b'{"id":"6f1c1f4e-9a3c-4b5e-8d2f-000000000001","amount":"1","at":0}',
        b'{"id":"6f1c1f4e-9a3c-4b5e-8d2f-000000000001","confirm":"yes"}',
        b'{"id":"\\ud800"}',
        b"[" * 60_000,
    ],
)
async def test_what_is_no_bid_is_malformed_and_the_market_goes_on(town: Town, body: bytes):
    bidder, lot = await town.person(Role.BIDDER), await town.lot()
    headers = {**bidder.headers, "Content-Type": "application/json"}
    async with bidder.http.post(f"{bidder.base}{LOTS}/{lot}/bids", data=body, headers=headers) as response:
        answer = await response.json(content_type=None)
    assert (response.status, answer["code"], answer["retry"]) == (400, Code.MALFORMED, "never")
    assert answer["data"]["fields"]
    assert (await bidder.get("/readyz"))[0] == 200


async def test_a_body_of_another_type_is_malformed(town: Town):
    bidder, lot = await town.person(Role.BIDDER), await town.lot()
    headers = {**bidder.headers, "Content-Type": "text/plain"}
    async with bidder.http.post(f"{bidder.base}{LOTS}/{lot}/bids", data=b"{}", headers=headers) as response:
        assert (await response.json(content_type=None))["data"] == {"fields": "content-type"}


async def test_a_large_body_is_refused_with_the_limit(town: Town):
    bidder = await town.person(Role.BIDDER)
    headers = {**bidder.headers, "Content-Type": "application/json"}

    async def in_pieces() -> Any:
        for _ in range(80):
            yield b" " * 1_000

    for data in (b" " * 70_000, in_pieces()):
        async with bidder.http.post(f"{bidder.base}{LOTS}/a1/bids", data=data, headers=headers) as response:
            answer = await response.json(content_type=None)
        assert (response.status, answer["code"], answer["data"]) == (413, Code.TOO_LARGE, {"limit_bytes": 65_536})


async def test_bids_have_a_budget(fresh_database: str, tmp_path: Any):
    config = market_config(fresh_database, tmp_path, bids_per_second=1, bids_burst=3)
    async with running(config) as services, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        town = Town(services, http)
        bidder, other, lot = await town.person(Role.BIDDER), await town.person(Role.BIDDER), await town.lot()
        await admitted(town, lot, bidder, other)
        answers = [await bidder.post(f"{LOTS}/{lot}/bids", wish(amount=str(1000 + n))) for n in range(4)]
        status, answer = answers[-1]
        assert (status, answer["code"], answer["retry"]) == (429, Code.RATE_LIMITED, "same_id")
        assert 0 < answer["data"]["retry_after_ms"] <= 1_001
        assert (await other.post(f"{LOTS}/{lot}/bids", wish(amount="9000")))[0] == 200


async def test_requests_of_a_network_have_a_budget(fresh_database: str, tmp_path: Any):
    config = market_config(fresh_database, tmp_path, requests_per_second=1, requests_burst=5)
    async with running(config) as services, aiohttp.ClientSession() as http:
        anyone = await Town(services, http).person(None)
        statuses = [(await anyone.get(LOTS))[0] for _ in range(7)]
        assert statuses == [200] * 5 + [429] * 2
        assert (await anyone.get("/livez"))[0] == 200


# Lots and their record.


async def test_the_hall_is_searched(town: Town):
    await town.lot("a1")
    await town.services.hall.follower.catch_up()
    anyone = await town.person(None)
    searches = {
        "": 1,
        "?q=标的": 1,
        "?q=nothing": 0,
        "?phase=open,limited": 1,
        "?phase=sold": 0,
        "?sort=price&limit=1": 1,
    }
    for query, found in searches.items():
        status, page = await anyone.get(LOTS + query)
        assert (status, len(page["lots"])) == (200, found), query
    for query in (
        "?limit=0",
        "?limit=101",
        "?sort=cheapest",
        "?phase=gone",
        "?what=1",
        "?q=%00",
        "?q=" + "x" * 101,
        "?region=%25",
    ):
        status, answer = await anyone.get(LOTS + query)
        assert (status, answer["code"]) == (400, Code.MALFORMED), query
    for query in ("?after=x~y", "?after=99999999999999999999~a", "?q=%ED%A0%80", "?q=%25%5F%5C"):
        assert (await anyone.get(LOTS + query))[0] == 200, query


@pytest.mark.parametrize("lot", ["no-such-lot", "UPPER", "a" * 60, "..", "a%00b", "%F0%9F%92%A3", "a%2Fb"])
async def test_a_lot_that_is_not_there(town: Town, lot: str):
    anyone = await town.person(None)
    for rest in ("", "/events", "/chain"):
        status, answer = await anyone.get(f"{LOTS}/{lot}{rest}")
        assert status == 404
        assert answer["code"] in (Reject.NO_SUCH_LOT, Code.NOT_FOUND)


async def test_asking_for_lots_that_are_not_there_leaves_nothing_in_memory(town: Town):
    bidder = await town.person(Role.BIDDER)
    for number in range(5):
        status, _ = await bidder.post(f"{LOTS}/ghost-{number}/bids", wish(amount="1"))
        assert status == 404
    assert [state.lot_id for state in town.services.engine.lots()] == []
    engine = town.services.engine
    assert isinstance(engine, Engine)
    assert not any(LotId(f"ghost-{n}") in engine._lots.writer._book for n in range(5))


async def test_the_record_is_read_in_pages_without_what_is_not_public(town: Town):
    bidder, lot = await town.person(Role.BIDDER), await town.lot()
    await admitted(town, lot, bidder)
    await bidder.post(f"{LOTS}/{lot}/bids", wish(amount="1000"))
    await bidder.post(f"{LOTS}/{lot}/bids", wish(amount="1"))  # a refusal: on record, not public
    await bidder.post(f"{LOTS}/{lot}/bids", wish(maximum="9000"))  # a silent change: the same
    rows, after = [], 0
    while after is not None:
        _, page = await (await town.person(None)).get(f"{LOTS}/{lot}/events?after={after}&limit=2")
        rows += page["rows"]
        after = page["next_after"]
    assert [row["kind"] for row in rows] == ["published", "opened", "admitted", "bid"]
    assert [row["seq"] for row in rows] == [1, 2, 3, 4]


async def test_a_command_is_found_again_by_its_owner_only(town: Town):
    anna, bert, lot = await town.person(Role.BIDDER), await town.person(Role.BIDDER), await town.lot()
    await admitted(town, lot, anna)
    sent = wish(amount="1000")
    _, answer = await anna.post(f"{LOTS}/{lot}/bids", sent)
    path = f"{LOTS}/{lot}/commands/{sent['id']}"
    assert await anna.get(path) == (200, answer)
    unknown = await bert.get(f"{LOTS}/{lot}/commands/{uuid4()}")
    foreign = await bert.get(path)
    assert foreign[0] == 404
    assert {**foreign[1], "request_id": ""} == {**unknown[1], "request_id": ""}
    assert (await anna.get(f"{LOTS}/{lot}/commands/nonsense"))[0] == 400


async def test_a_receipt_proves_the_bid_offline(town: Town):
    """P8: the receipt, the lot's public chain and the key, fetched by anybody, fit together; one changed byte does not."""
    anna, bert, lot = await town.person(Role.BIDDER), await town.person(Role.BIDDER), await town.lot()
    await admitted(town, lot, anna, bert)
    _, answer = await anna.post(f"{LOTS}/{lot}/bids", wish(amount="1000"))
    await bert.post(f"{LOTS}/{lot}/bids", wish(amount="3000"))
    path = f"/api/v1/me/receipts/{lot}/{answer['seq']}"
    _, receipt = await anna.get(path)
    _, chain = await bert.get(f"{LOTS}/{lot}/chain")
    _, key = await bert.get("/api/v1/key")
    public_key = msgspec.json.decode(f'"{key["key"]}"', type=bytes)
    assert check_receipt(receipt, public_key) == []
    assert check_against_chain(receipt, chain) == []
    assert check_receipt({**receipt, "body": receipt["body"].replace("1000", "1001")}, public_key) != []
    assert (await bert.get(path))[0] == 404
    for seq in ("0", "99", "x", "1" * 40, "٣"):
        assert (await anna.get(f"/api/v1/me/receipts/{lot}/{seq}"))[0] == 404


# Admission.


async def test_where_admission_is_approved_the_operator_answers(town: Town):
    bidder, operator = await town.person(Role.BIDDER), await town.person(Role.OPERATOR)
    assert bidder.account is not None
    lot = await town.lot(admission=t.Admission.APPROVED)
    assert (await bidder.post(f"{LOTS}/{lot}/bids", wish(amount="1000")))[1]["code"] == Reject.NOT_ADMITTED
    for _ in range(2):
        assert await bidder.post(f"{LOTS}/{lot}/admission", wish()) == (200, {"state": "asked", "code": None})
    _, bidders = await operator.get(f"{LOTS}/{lot}/bidders")
    assert [b["party"] for b in bidders["waiting"]] == [bidder.account.id]
    _, answer = await operator.post(f"{LOTS}/{lot}/bidders", wish(party=bidder.account.id))
    _, again = await bidder.post(f"{LOTS}/{lot}/admission", wish())
    assert again == {"state": "admitted", "code": answer["code"]}
    _, bidders = await operator.get(f"{LOTS}/{lot}/bidders")
    assert (bidders["waiting"], [b["code"] for b in bidders["admitted"]]) == ([], [answer["code"]])
    assert (await bidder.post(f"{LOTS}/{lot}/bids", wish(amount="1000")))[0] == 200


async def test_staff_is_not_admitted(town: Town):
    operator, supervisor, lot = await town.person(Role.OPERATOR), await town.person(Role.SUPERVISOR), await town.lot()
    assert supervisor.account is not None
    for party in (supervisor.account.id, "p" + "e" * 16):
        status, answer = await operator.post(f"{LOTS}/{lot}/bidders", wish(party=party))
        assert (status, answer["data"]) == (400, {"fields": "party"})


async def test_the_seller_does_not_bid_on_his_own_lot(town: Town):
    seller = await town.person(Role.SELLER)
    assert seller.account is not None
    lot = await town.lot(seller=seller.account.id)
    assert (await seller.post(f"{LOTS}/{lot}/admission", wish()))[1]["code"] == Reject.SELLER_MAY_NOT_BID
    assert (await seller.post(f"{LOTS}/{lot}/bids", wish(amount="1000")))[1]["code"] == Reject.SELLER_MAY_NOT_BID


# The desk.


def publication(seller: Person, now_us: int, **changes: Any) -> dict[str, Any]:
    assert seller.account is not None
    terms = {
        "closing": {"opens_at_us": now_us + MINUTE_US, "closes_at_us": now_us + 60 * MINUTE_US},
        "increment": {"kind": "percent", "rate_ppm": 50_000},
        "start_price": "1000",
        "reserve": {"amount": "777777", "public": False},
        "admission": "open",
        **changes,
    }
    subject = {"title_zh": "草原牧草品种", "title_en": "A fodder variety", "region": "150100", "field": "03"}
    return wish(lot="grass-1", seller=seller.account.id, subject=subject, terms=terms)


async def test_a_lot_is_published_run_and_withdrawn(town: Town):
    operator, seller = await town.person(Role.OPERATOR), await town.person(Role.SELLER)
    body = publication(seller, town.services.now_us)
    status, answer = await operator.post(LOTS, body)
    assert (status, answer["kind"]) == (200, "lot.published")
    assert await operator.post(LOTS, body) == (status, answer)  # the publisher's random seed changes nothing here
    status, refused = await operator.post(LOTS, {**body, "id": str(uuid4())})
    assert (status, refused["code"]) == (409, Reject.LOT_EXISTS)
    _, view = await operator.get(f"{LOTS}/grass-1")
    assert (view["live"]["phase"], view["live"]["reserve"]) == ("scheduled", "secret")
    for act, kind in (("pause", "lot.paused"), ("resume", "lot.resumed"), ("withdraw", "lot.withdrawn")):
        status, answer = await operator.post(f"{LOTS}/grass-1/{act}", wish(reason="as agreed"))
        assert (status, answer["kind"]) == (200, kind)
    status, refused = await operator.post(f"{LOTS}/grass-1/void", wish(reason="again"))
    assert (status, refused["code"]) == (409, Reject.WRONG_PHASE)
    lines = [(e.act, e.subject, e.result) for e in await audit.read_page(town.services.pool)]
    assert [line for line in lines[::-1] if line[1] == "grass-1"] == [
        ("lot.publish", "grass-1", "accepted"),
        ("lot.publish", "grass-1", "accepted"),
        ("lot.publish", "grass-1", "lot_exists"),
        ("lot.pause", "grass-1", "accepted"),
        ("lot.resume", "grass-1", "accepted"),
        ("lot.withdraw", "grass-1", "accepted"),
        ("lot.void", "grass-1", "wrong_phase"),
    ]


async def test_seeds_of_bidder_codes_are_drawn_by_the_publisher(town: Town):
    operator, seller = await town.person(Role.OPERATOR), await town.person(Role.SELLER)
    seeds = set()
    for number in range(4):
        body = {**publication(seller, town.services.now_us), "lot": f"grass-{number}"}
        assert (await operator.post(LOTS, body))[0] == 200
        state = town.services.engine.state(LotId(f"grass-{number}"))
        assert state is not None
        seeds.add(state.terms.code_seed)
    assert len(seeds) > 1


async def test_what_no_session_can_be_held_under_is_refused(town: Town):
    operator, seller = await town.person(Role.OPERATOR), await town.person(Role.SELLER)
    now_us = town.services.now_us
    body = publication(seller, now_us, closing={"opens_at_us": now_us, "closes_at_us": now_us - 1})
    status, answer = await operator.post(LOTS, body)
    assert (status, answer["code"]) == (422, Reject.TERMS_INVALID)
    assert "closes_before_opening" in answer["data"]["problems"]
    bidder = await town.person(Role.BIDDER)
    assert bidder.account is not None
    status, answer = await operator.post(LOTS, {**publication(seller, now_us), "seller": bidder.account.id})
    assert (status, answer["data"]) == (400, {"fields": "seller"})
    body = publication(seller, now_us)
    body["subject"]["title_zh"] = "a\x00b"  # PostgreSQL could not store it: it would stop the hall
    assert (await operator.post(LOTS, body))[1]["code"] == Code.MALFORMED


async def test_terms_are_looked_at_before_anybody_is_bound(town: Town):
    operator, seller = await town.person(Role.OPERATOR), await town.person(Role.SELLER)
    terms = publication(seller, town.services.now_us, first_bid_at_start=False)["terms"]
    _, answer = await operator.post("/api/v1/rules/preview", {"terms": terms})
    assert (answer["problems"], answer["minimum"], answer["step"]) == ([], "1050", "50")
    terms["closing"] = {"opens_at_us": 5}
    _, answer = await operator.post("/api/v1/rules/preview", {"terms": terms})
    assert (answer["problems"], answer["minimum"]) == (["closing: exactly_one_way"], None)


# Silence.


async def test_secrets_reach_nobody_who_may_not_see_them(town: Town):
    """P6: a secret reserve, a maximum and the bidders' names, looked for in every answer, the metrics and error texts."""
    anna, bert, anyone = await town.person(Role.BIDDER), await town.person(Role.BIDDER), await town.person(None)
    assert anna.account is not None
    lot = await town.lot(reserve=t.Reserve(Amount(7_654_321), public=False))
    await admitted(town, lot, anna, bert)
    await anna.post(f"{LOTS}/{lot}/bids", wish(maximum="1234567"))
    await town.services.hall.follower.catch_up()
    seen = []
    for person in (bert, anyone):
        for body in (wish(amount="1"), wish(amount="1100"), wish(maximum="1000000"), {}):
            seen.append(await person.post(f"{LOTS}/{lot}/bids", body))
        for path in (
            LOTS,
            f"{LOTS}/{lot}",
            f"{LOTS}/{lot}/events",
            f"{LOTS}/{lot}/chain",
            "/api/v1/me",
            "/api/v1/me/bids",
        ):
            seen.append(await person.get(path))
    async with anyone.http.get(
        anyone.base + "/metrics", headers=(await town.person(Role.OPERATOR)).headers
    ) as response:
        assert response.status == 200
        seen.append((200, {"metrics": await response.text()}))
    text = str(seen)
    for secret in ("7654321", "1234567", anna.account.id, anna.account.login, anna.account.display_name):
        assert secret not in text, secret
    assert "1000000" in text  # the test sees what it looks at: bert's own maximum is in his own record


# The caller himself.


async def test_me_and_my_tokens(town: Town):
    bidder = await town.person(Role.BIDDER)
    assert bidder.account is not None
    assert (await bidder.get("/api/v1/me"))[1] == {
        "id": bidder.account.id,
        "login": bidder.account.login,
        "display_name": bidder.account.display_name,
        "role": "bidder",
        "language": "zh",
    }
    _, made = await bidder.post("/api/v1/tokens", {"name": "my program", "scopes": ["read", "bid"]})
    headers = {"Authorization": f"Bearer {made['secret']}", "Cookie": "", "X_CSRF_Token": ""}
    lot = await town.lot()
    assert (await bidder.post(f"{LOTS}/{lot}/admission", wish(), **headers))[0] == 200
    assert (await bidder.post(f"{LOTS}/{lot}/bids", wish(amount="1000"), **headers))[0] == 200
    _, listed = await bidder.get("/api/v1/tokens")
    assert [(token["name"], token["scopes"]) for token in listed["tokens"]] == [("my program", ["bid", "read"])]
    assert made["secret"].partition(".")[2] not in str(listed)
    assert (await bidder.send("DELETE", f"/api/v1/tokens/{made['token']['id']}"))[0] == 200
    assert (await bidder.get("/api/v1/me", **headers))[0] == 401


async def test_a_new_password_ends_every_session(town: Town):
    bidder = await town.person(Role.BIDDER)
    status, answer = await bidder.post("/api/v1/me/password", {"current": "wrong", "new": "a whole new password"})
    assert (status, answer["code"]) == (401, Code.LOGIN_FAILED)
    status, answer = await bidder.post("/api/v1/me/password", {"current": PASSWORD, "new": "short"})
    assert (status, answer["code"], answer["data"]) == (422, Code.WEAK_PASSWORD, {"problem": "too_short"})
    assert (await bidder.post("/api/v1/me/password", {"current": PASSWORD, "new": "a whole new password"}))[0] == 200
    assert (await bidder.get("/api/v1/me"))[0] == 401


async def test_the_own_record_is_read_in_pages(town: Town):
    bidder, lot = await town.person(Role.BIDDER), await town.lot()
    await admitted(town, lot, bidder)
    for amount in ("1000", "1", "2"):
        await bidder.post(f"{LOTS}/{lot}/bids", wish(amount=amount))
    seen, before = [], ""
    while before is not None:
        _, page = await bidder.get(f"/api/v1/me/bids?limit=2{before and f'&before_us={before}'}")
        seen += [c["command"]["seq"] for c in page["commands"]]
        before = page["next_before_us"]
    assert seen == [6, 5, 4, 3]


# The frame around everything.


async def test_every_answer_carries_its_headers(town: Town):
    anyone = await town.person(None)
    for path in ("/livez", LOTS, "/nope", "/api/v1/me", "/login"):
        async with anyone.http.get(anyone.base + path) as response:
            assert len(response.headers["X-Request-Id"]) == 16
            policy = response.headers["Content-Security-Policy"]
            assert f"ws://127.0.0.1:{town.services.config.live_port}" in policy
            assert "frame-ancestors 'none'" in policy
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["Server"] == "ortoo"


async def test_the_errors_of_the_router_have_the_same_shape(town: Town):
    anyone = await town.person(None)
    status, answer = await anyone.get("/api/v1/nothing")
    assert (status, answer["code"]) == (404, Code.NOT_FOUND)
    async with anyone.http.put(anyone.base + LOTS) as response:
        answer = await response.json(content_type=None)
        assert (response.status, answer["code"]) == (405, Code.METHOD_NOT_ALLOWED)
        assert "GET" in response.headers["Allow"]


async def test_an_upgrade_with_a_body_is_refused(town: Town):
    """How one request is smuggled inside another."""
    anyone = await town.person(None)
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Content-Length": "5"}
    async with anyone.http.get(anyone.base + "/api/v1/lots", data=b"hello", headers=headers) as response:
        assert response.status == 400


async def test_a_fault_is_answered_without_telling_what_it_was(town: Town, monkeypatch: pytest.MonkeyPatch):
    async def broken(*arguments: Any, **more: Any) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(town.services.hall, "search", broken)
    status, answer = await (await town.person(None)).get(LOTS)
    assert (status, answer["code"], answer["retry"]) == (500, Code.INTERNAL, "same_id")
    assert "hunter2" not in str(answer)


async def test_addresses_named_by_strangers_are_not_believed(fresh_database: str, tmp_path: Any):
    config = market_config(fresh_database, tmp_path, requests_per_second=1, requests_burst=3, trusted_proxy_count=1)
    async with running(config) as services, aiohttp.ClientSession() as http:
        anyone = await Town(services, http).person(None)
        # Our proxy appended the last entry; what stands before it was sent by the visitor.
        forged = [(await anyone.get(LOTS, X_Forwarded_For=f"10.0.0.{n}, 192.0.2.1"))[0] for n in range(5)]
        assert forged == [200, 200, 200, 429, 429]
        assert (await anyone.get(LOTS, X_Forwarded_For="192.0.2.2"))[0] == 200


async def test_tokens_reach_only_what_their_scope_opens(town: Town):
    bidder, lot = await town.person(Role.BIDDER), await town.lot()
    reading = {"Authorization": f"Bearer {await bidder.token(Scope.READ)}", "Cookie": "", "X_CSRF_Token": ""}
    status, answer = await bidder.post(f"{LOTS}/{lot}/bids", wish(amount="1000"), **reading)
    assert (status, answer["code"]) == (403, Code.FORBIDDEN)


async def test_a_late_bid_is_told_how_late(town: Town):
    bidder = await town.person(Role.BIDDER)
    now_us = town.services.now_us
    closes_at_us = InstantUs(now_us + 3_600_000_000)
    lot = await town.lot(closing=t.Closing(opens_at_us=InstantUs(now_us), closes_at_us=closes_at_us))
    await admitted(town, lot, bidder)
    await travel(town.services.engine, closes_at_us)
    async with asyncio.timeout(60):
        while (state := town.services.engine.state(lot)) is not None and not state.phase.is_final:
            await asyncio.sleep(0.01)
    status, answer = await bidder.post(f"{LOTS}/{lot}/bids", wish(amount="1000"))
    assert (status, answer["code"]) == (409, Reject.LATE)
    assert answer["data"]["late_by_us"] > 0
    assert DurationUs(answer["data"]["late_by_us"]) < 3_600_000_000
