"""The pricing process on a real database: quotes stored before outcomes, made again bit for bit, outcomes learnt the same day."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from pricing.client import ENDPOINT_FILE, PricingAway, PricingClient, PricingRefused
from pricing.desk import PricingDesk
from pricing.normalising import competition_step, payment_step, rights_step
from pricing.observations import Observation
from pricing.priors.tables import Edit, EditRefused
from pricing.process import run
from pricing.quotes import Facts, Wish, WishInvalid, wish_text
from pricing.store import PricingStore

NOW_US = 1_790_000_000_000_000
DAY_US = 86_400_000_000
WAN = 1_000_000
WISH = Wish(
    facts=Facts(industry="software", trl=6, sales_fen=500 * WAN, spent_fen=200 * WAN, remaining_years=12.0, title="羊绒分梳工艺"),
    subject="achievement/a1", as_of_us=NOW_US,
)  # fmt: skip


def outcome(number, **changes):
    price = round(80 * WAN * math.exp(0.4 * math.sin(number * 1.7)) * (1 + 0.1 * (number % 5)))
    values = {
        "sold": True, "price_fen": price, "mode": "english", "industry": "software" if number % 2 else "food",
        "trl": 3 + number % 6, "remaining_years": 5.0 + number % 11, "title": f"成果{number}", "bidders": 1 + number % 4,
        "seller": "p1", "buyer": f"p{number % 7 + 2}",
    }  # fmt: skip
    return f"lot/x{number}", NOW_US + number * DAY_US, Observation(**{**values, **changes})


class Clock:
    now_us = NOW_US

    def __call__(self):
        return self.now_us


@pytest.fixture
async def desk(fresh_database: str) -> AsyncIterator[PricingDesk]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=4) as pool:
        opened = PricingDesk(PricingStore(pool), Clock())
        await opened.open()
        yield opened
        opened.close()


async def test_five_inputs_are_enough_and_no_comparables_are_needed(desk):
    kept = await desk.store.quote((await desk.quote("p1", WISH))["id"])
    assert kept is not None
    quote = kept.quote
    assert quote.range.p10 < quote.range.p50 < quote.range.p90
    assert "no_comparables" in quote.warnings
    assert {line.name: bool(line.weight) for line in quote.approaches} == {
        "market": False,
        "income": True,
        "cost": True,
    }
    assert quote.grade in "CD" and quote.n_eff == 0
    assert quote.suggestion.start_fen <= quote.suggestion.reserve_fen <= quote.range.p90
    assert quote.histogram is not None and sum(quote.histogram.bins) > 0
    assert all(one.source or one.given for line in quote.approaches for one in line.inputs)
    assert wish_text(kept.wish) == wish_text(WISH)


async def test_a_quote_is_made_again_bit_for_bit_although_the_market_has_moved_on(desk):
    await desk.learn(await desk.store.add([outcome(n) for n in range(12)], NOW_US))
    first = await desk.quote("p1", WISH)
    await desk.learn(await desk.store.add([outcome(n) for n in range(12, 20)], NOW_US))
    second = await desk.quote("p1", WISH)
    for one in (first, second):
        assert await desk.recompute(one["id"]) == {"same": True, "same_snapshot": True, "same_code": True}
    before, after = [await desk.store.quote(one["id"]) for one in (first, second)]
    assert before.quote.origin.snapshot != after.quote.origin.snapshot
    assert before.quote.origin.head == 12 and after.quote.origin.head == 20
    assert await desk.store.broken_quote() is None
    assert await desk.recompute("q0000000000000000") == {"error": "not_found", "field": "quote"}


async def test_a_quote_is_never_changed_and_a_changed_one_is_found(desk, fresh_database):
    quote = await desk.quote("p1", WISH)
    await desk.quote("p1", WISH)
    connection = await asyncpg.connect(fresh_database)
    with pytest.raises(asyncpg.RaiseError):
        await connection.execute("UPDATE pricing_quote SET owner = 'other'")
    with pytest.raises(asyncpg.RaiseError):
        await connection.execute("DELETE FROM pricing_observation")
    await connection.execute("ALTER TABLE pricing_quote DISABLE TRIGGER append_only")
    await connection.execute(
        'UPDATE pricing_quote SET body = replace(body, \'"grade":"\', \'"grade": "\') WHERE number = 1'
    )
    await connection.close()
    assert await desk.store.broken_quote() == quote["id"]


async def test_outcomes_are_scored_by_the_forecast_before_them_each_once_and_move_the_next_quote(desk):
    before = await desk.preview(WISH)
    added = await desk.store.add([outcome(n) for n in range(15)], NOW_US)
    assert await desk.store.add([outcome(3)], NOW_US) == []
    await desk.learn(added)
    await desk.learn(added)
    lines = await desk.store.outcomes()
    assert len(lines) == 15 and all(line.crps is not None and 0 <= line.pit <= 1 for line in lines)
    after = await desk.preview(WISH)
    assert after.observed == 15 and before.observed == 0
    assert after.coverage_of == 15 and after.n_eff > 3
    assert after.range.p50 != before.range.p50
    assert [line.name for line in after.approaches] == ["market", "comparables", "income", "cost"]
    assert all(line.weight or line.dropped for line in after.approaches)
    assert sum(part.fen for part in after.explanation) + after.explained_from_fen == after.approaches[0].p50_fen
    assert len(after.comparables) == 12 and after.comparables[0].without_fen


async def test_a_deal_that_is_left_out_moves_the_next_quote_as_the_first_one_said_and_both_are_stored(desk):
    await desk.learn(await desk.store.add([outcome(n) for n in range(24)], NOW_US))
    first = await desk.store.quote((await desk.quote("p1", WISH))["id"])
    deal = first.quote.comparables[0]
    other = replace(WISH, without=(deal.ref,), after=first.id)
    second = await desk.store.quote((await desk.quote("p1", other))["id"])
    assert second.quote.approaches[0].p50_fen == pytest.approx(deal.without_fen, abs=1)
    assert second.quote.without == (deal.ref,) and "deals_left_out" in second.quote.warnings
    assert deal.ref not in {one.ref for one in (*second.quote.comparables, *second.quote.comparison)}
    assert (await desk.recompute(second.id))["same"] and second.wish.after == first.id
    for bad in (("lot/none",), (deal.ref, deal.ref), ("a", "b", "c", "d")):
        with pytest.raises(WishInvalid, match="without"):
            await desk.preview(replace(WISH, without=bad))


async def test_deals_are_made_comparable_step_by_step_and_the_steps_multiply_to_the_adjusted_price(desk):
    deals = [outcome(n) for n in range(20)]
    deals += [
        outcome(n, licence="ordinary", mode="agreement", bidders=1, instalments_fen=(50 * WAN, 50 * WAN))
        for n in range(20, 26)
    ]
    await desk.learn(await desk.store.add(deals, NOW_US))
    quote = await desk.preview(WISH)
    assert quote.comparison and sum(one.weight for one in quote.comparison) <= 1.0 + 1e-9
    for one in quote.comparison:
        assert [name for name, _ in one.steps] == ["rights", "payment", "competition", "time", "features"]
        adjusted = one.price_fen * math.exp(sum(log for _, log in one.steps))
        assert adjusted == pytest.approx(one.adjusted_fen, abs=1)
    line = quote.approaches[1]
    n_eff = float(next(one.value for one in line.inputs if one.name == "effective_deals"))
    assert line.log_sd >= quote.approaches[0].log_sd, "never surer than the model that was tried"
    assert line.name == "comparables" and (line.dropped == "few_comparables") == (n_eff < 3)
    market = desk._market
    licence = next(one for one in market.known if one.observation.licence == "ordinary").observation
    assert math.exp(rights_step(licence.licence, market.priors)) == pytest.approx(4.0)
    assert math.exp(payment_step(licence, market.priors)) == pytest.approx((1 + 1.05**-0.5) / 2)
    assert competition_step("english", 3, 0.6) == pytest.approx(-math.log(1.084152), abs=1e-4)
    assert competition_step("agreement", 3, 0.6) == competition_step("english", 1, 0.6) == 0.0


async def test_early_technology_is_priced_as_an_option_only_where_that_is_apt(desk):
    def asked(**changes):
        return replace(WISH, facts=replace(WISH.facts, **changes))

    early = {"trl": 4, "sales_fen": 3_000 * WAN, "completion_fen": 220 * WAN}
    quote = await desk.preview(asked(**early))
    lines = {line.name: line for line in quote.approaches}
    assert quote.option_reason == "early" and quote.option is not None
    assert lines["income"].dropped == "option_instead" and lines["option"].weight > 0
    assert quote.option.now_fen < quote.option.european_fen <= quote.option.american_fen == lines["option"].p50_fen
    values = [fen for _, fen in quote.option.by_volatility]
    assert values == sorted(values) and len(set(values)) == 3
    reasons: dict[str, dict[str, Any]] = {
        "ready": {**early, "trl": 6}, "contract": {**early, "trl": 6, "option_contract": True},
        "no_completion": {**early, "completion_fen": None}, "no_sales": {**early, "sales_fen": None},
        "out_of_reach": {**early, "completion_fen": 6_000 * WAN},
    }  # fmt: skip
    for reason, facts in reasons.items():
        quote = await desk.preview(asked(**facts))
        assert quote.option_reason == reason
        assert (
            ("option" in {line.name for line in quote.approaches})
            == (reason == "contract")
            == (quote.option is not None)
        )
    assert "below_completion" in quote.warnings and "income" not in {line.name for line in quote.approaches}


async def test_the_index_of_prices_is_kept_with_its_model_and_tells_no_quarter_of_few_deals(desk):
    assert await desk.store.index() == []
    rising = [outcome(n, price_fen=round(80 * WAN * 1.02 ** (n // 2))) for n in range(0, 120, 2)]
    few = [outcome(400 + n) for n in range(3)]
    await desk.learn(await desk.store.add([*rising, *few], NOW_US))
    await desk._fit_anew(63)
    points = await desk.store.index()
    assert points[0].level == 100.0 and points[1].level > 110.0
    assert [point.quarter for point in points] == sorted(point.quarter for point in points)
    assert all(point.deals == 0 or point.deals >= 5 for point in points)
    assert points[-1].deals == 0 and points[-1].level == pytest.approx(points[-2].level)


async def test_advice_that_was_followed_is_counted_and_what_it_does_to_the_model_is_told(desk):
    plain = [outcome(n) for n in range(20)]
    led = [outcome(100 + n, quote=f"q{n:016x}", followed=n % 4 > 0, price_fen=150 * WAN) for n in range(12)]
    await desk.learn(await desk.store.add([*plain, *led], NOW_US))
    await desk._fit_anew(32)
    metrics = (await desk.store.fits(1))[0].metrics
    assert (metrics["advised"], metrics["followed"]) == (12.0, 9.0)
    assert metrics["anchor_shift"] > 0.02


async def test_certificates_are_another_population(desk):
    await desk.learn(await desk.store.add([outcome(n, price_fen=50_000) for n in range(12)], NOW_US))
    assert (await desk.preview(WISH)).observed == 0
    assert await desk.store.outcomes() == []


async def test_an_operators_change_of_a_table_changes_quotes_from_the_next_fit_and_stays_in_the_history(desk):
    edit = Edit(
        table="royalty",
        code="software",
        field="median_percent",
        value=3.4,
        source="本市场成交",
        date="2026-11",
        confidence="seen",
    )
    before = await desk.preview(WISH)
    quoted = await desk.quote("p1", WISH)
    assert await desk.store.change_priors(edit, "十笔成交", "p9", NOW_US) == 1
    with pytest.raises(EditRefused):
        await desk.store.change_priors(
            Edit(
                table="royalty", code="none", field="median_percent", value=1.0, source="x", date="y", confidence="seen"
            ),
            "r",
            "p9",
            NOW_US,
        )
    assert (await desk.preview(WISH)).range == before.range
    await desk._fit_anew(0)
    after = await desk.preview(WISH)
    assert after.approaches[1].p50_fen == pytest.approx(before.approaches[1].p50_fen / 2, rel=1e-6)
    assert any(one.source == "本市场成交" for one in after.approaches[1].inputs)
    assert (await desk.recompute(quoted["id"]))["same"]
    assert [(line.edit.value, line.account) for line in await desk.store.edits()] == [(3.4, "p9")]


async def test_facts_out_of_bounds_name_their_field(desk):
    for field, value in (
        ("industry", "none"),
        ("trl", 0),
        ("sales_fen", -1),
        ("remaining_years", 99.0),
        ("bidders", 0.0),
        ("royalty_percent", 80.0),
    ):
        with pytest.raises(WishInvalid, match=field):
            await desk.preview(replace(WISH, facts=replace(WISH.facts, **{field: value})))


async def test_implausible_facts_are_warned_about_and_risk_is_not_counted_twice(desk):
    odd = replace(
        WISH.facts, sales_fen=10**13, spent_fen=100, remaining_years=30.0, royalty_percent=25.0, discount_percent=30.0
    )
    quote = await desk.preview(replace(WISH, facts=odd))
    assert {"sales_implausible", "life_beyond_legal", "royalty_high", "risk_double_count"} <= set(quote.warnings)
    income = next(line for line in quote.approaches if line.name == "income")
    assert income.dropped == "risk_double_count" and income.weight == 0


async def test_a_state_owned_achievement_is_not_listed_below_its_valuation(desk):
    quote = await desk.preview(replace(WISH, facts=replace(WISH.facts, state_owned=True, valuation_fen=900 * WAN)))
    assert quote.suggestion.floor_fen == 900 * WAN <= quote.suggestion.ask_fen
    assert quote.suggestion.floor_basis == "state_first_listing"
    assert "valuation" in {line.name for line in quote.approaches}


async def test_deals_of_one_pair_that_are_low_together_become_a_case_for_people(desk):
    usual = [outcome(n) for n in range(12)]
    low = [outcome(100 + n, price_fen=6 * WAN, buyer="p99") for n in range(6)]
    await desk.learn(await desk.store.add([*usual, *low], NOW_US))
    cases = await desk.store.cases()
    assert [(case.screen, case.subjects) for case in cases] == [("low_prices", ("p1", "p99"))]
    await desk.store.decide(cases[0].id, "harmless", "老客户的长期合同", "p9", NOW_US)
    found = await desk.store.case(cases[0].id)
    assert found is not None and [one.verdict for one in found[1]] == ["harmless"]


async def test_fairness_is_judged_by_the_range_that_was_quoted_before(desk):
    kept = await desk.store.quote((await desk.quote("p1", WISH))["id"])
    assert kept is not None
    at = kept.quote.range
    lights = [
        (await desk.fairness(kept.id, price, False))["light"]
        for price in (at.p05, at.p10 + WAN // 10, at.p50, at.p95 * 2)
    ]
    assert lights == ["red", "amber", "green", "high"]
    assert (await desk.fairness(kept.id, at.p50, True))["light"] == "amber"


async def test_the_process_answers_who_knows_its_secret_and_is_said_to_be_away_when_it_is(fresh_database, tmp_path):
    client = PricingClient(tmp_path, 60.0)
    with pytest.raises(PricingAway):
        await client.ask("state")
    ready, stopping = asyncio.Event(), asyncio.Event()
    process = asyncio.create_task(run(fresh_database, tmp_path, ready=ready.set, stopping=stopping))
    async with asyncio.timeout(60):
        await ready.wait()
    path = tmp_path / ENDPOINT_FILE
    assert path.stat().st_mode & 0o077 == 0
    import msgspec

    asked = msgspec.to_builtins(WISH)
    answer = await client.ask("quote", owner="p1", wish=asked)
    assert answer["id"].startswith("q")
    assert (await client.ask("recompute", quote=answer["id"]))["same"]
    with pytest.raises(PricingRefused, match="malformed"):
        await client.ask("quote", owner="p1", wish={**asked, "facts": {**asked["facts"], "trl": 12}})
    with pytest.raises(PricingRefused, match="malformed"):
        await client.ask("nothing")
    path.write_bytes(path.read_bytes().replace(b'"secret":"', b'"secret":"x'))
    with pytest.raises(PricingRefused, match="forbidden"):
        await client.ask("state")
    stopping.set()
    await process
    assert not path.exists()
    with pytest.raises(PricingAway):
        await client.ask("state")
