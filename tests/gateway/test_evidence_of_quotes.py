"""The evidence file of a deal holds the price estimates that its decision-makers had, provable without the market; a buyer's holds none."""

from __future__ import annotations

import io
import json

import pypdf
import pytest
from msgspec.structs import replace

from engine.evidence.quotes import QUOTES, quote_problem
from gateway.verify_command import main as verify
from pricing.desk import PricingDesk
from pricing.quotes import Facts, Wish
from tests.gateway.conftest import Town
from tests.gateway.test_evidence_files import Sold, key_of, members


async def test_the_file_holds_what_was_quoted_before_the_deal_with_the_decision_and_is_checked_offline(
    town: Town, capsys: pytest.CaptureFixture[str]
):
    sold = await Sold(town).happen()
    services = sold.services
    state = services.engine.state(sold.lot)
    assert sold.seller.account is not None and state is not None
    seller, ended_us, title = str(sold.seller.account.party), state.last_at_us, state.subject.title_zh
    store = services.pricing.store
    desk = PricingDesk(store, lambda: services.now_us)
    await desk.open()
    try:
        wish = Wish(facts=Facts(industry="software", trl=6, title=title, spent_fen=4_000_000), as_of_us=ended_us)
        quote = await desk.preview(wish)
    finally:
        desk.close()
    before = await store.keep_quote(seller, wish, quote, ended_us - 5)
    await store.keep_quote(seller, wish, quote, ended_us + 5)
    await store.keep_quote(seller, replace(wish, facts=replace(wish.facts, title="别的成果")), quote, ended_us - 4)
    await store.keep_quote("p0000000000000000", wish, quote, ended_us - 3)
    decided = {
        "chosen_mode": "english",
        "chosen_price_fen": "5000",
        "reason": "先试低起拍",
        "people": ["甲", "乙"],
        "conflicts": "",
    }
    await store.record_decision(before.id, decided, "p1", ended_us - 2)
    for name in ("seller", "operator", "supervisor", "buyer"):
        path = await sold.archive(getattr(sold, name))
        assert verify([str(path), "--key", key_of(services)]) == 0
        found = members(path)
        if name == "buyer":
            assert QUOTES not in found and before.id.encode() not in b"".join(found.values())
            continue
        lines = found[QUOTES].splitlines(keepends=True)
        assert len(lines) == 1
        one = json.loads(lines[0])
        assert (one["id"], one["body"]) == (before.id, before.body) and one["decisions"][0]["body"] == decided
        assert one["outcome"]["price_fen"] == str(state.price)
        pdf = "".join(sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(found["evidence.pdf"])).pages)
        assert before.id in "".join(pdf.split())
    capsys.readouterr()
    assert quote_problem(lines[0]) is None
    changed = lines[0].replace(b'\\"grade\\":\\"', b'\\"grade\\": \\"')
    assert "its digest is another" in (quote_problem(changed) or "")
    moved = lines[0].replace(b'"percentile":"', b'"percentile":"9')
    assert "does not stand" in (quote_problem(moved) or "")
    assert quote_problem(b"{}\n") is not None and quote_problem(b"\xff") is not None
