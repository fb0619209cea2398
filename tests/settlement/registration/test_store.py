"""Registrations in the database: acts once, histories that cannot be changed, numbers once, clocks by the calendar, packages as handed in."""

from __future__ import annotations

import asyncio
import json

import asyncpg
import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from engine.calendar import day_from_civil, end_of
from settlement.contracts.facts import Payment
from settlement.contracts.life import ChangeContract, Contract, ContractState, DraftContract, EndContract, NotDone
from settlement.registration import events as e
from settlement.registration.deciding import Refusal
from settlement.registration.events import Cause, Outcome
from settlement.registration.events import RegistrationState as S
from settlement.registration.package import schema
from settlement.registration.verification import verify_registry
from tests.settlement.registration.case import ANSWERS, FACTORY, PATENT, WAN, facts, unsigned
from tests.settlement.registration.conftest import Office, done, refused


async def test_a_contract_becomes_a_number_of_the_markets_own_series(office: Office) -> None:
    first = await office.registered()
    second = await office.registered(facts(deal="DL-b1-1", contract_id="C-DL-b1-1"))
    assert (first.number, second.number) == ("2026150201000001", "2026150201000002")
    assert (await office.registrations.of_number(first.number)) == first
    assert (await office.registrations.of_deal("DL-a1-1")) == first
    await office.sound()


async def test_the_clock_is_15_working_days_from_the_acceptance_and_30_with_experts(office: Office) -> None:
    one = await office.submitted(facts(payment=Payment(mode="ONE_TIME", total_fen=500 * WAN)))
    desk = office.registrations
    done(await desk.start_pre_check(one, actor="r1"))
    accepted = done(await desk.accept(one, actor="r1"))
    assert accepted.due_at_us == end_of(day_from_civil(2026, 3, 31)), "Tuesday 10 March and three weeks of five days"
    done(await desk.start_review(one, actor="r1"))
    reviewed = done(await desk.give_opinion(one, Outcome.REGISTER, 500 * WAN, actor="r1"))
    assert reviewed.state is S.EXPERT_REVIEW and reviewed.due_at_us == end_of(day_from_civil(2026, 4, 21))
    assert [one.registration.id for one in await desk.queue("expert_review")] == [one]
    assert await desk.queue("overdue") == []
    office.now_us = reviewed.due_at_us + 1
    assert [waiting.registration.id for waiting in await desk.queue("overdue")] == [one]
    assert (await desk.figures()).overdue == 1
    await office.sound()


async def test_a_clock_beyond_the_calendar_is_counted_again_when_the_notice_is_there(office: Office) -> None:
    office.now_us = end_of(day_from_civil(2026, 12, 14))
    one = await office.submitted(facts(ends_on="2027-12-01", rights=(replace(PATENT, fees_paid_to="2028-01-01"),)))
    done(await office.registrations.start_pre_check(one, actor="r1"))
    accepted = done(await office.registrations.accept(one, actor="r1"))
    assert not accepted.due_certain
    assert await office.registrations.recount() == 0, "the table is the same"
    office.calendar = replace(office.calendar, version="test-2", last_day=day_from_civil(2027, 12, 31))
    assert await office.registrations.recount() == 1
    again = await office.registrations.read(one)
    assert again is not None and again.due_certain and again.calendar == "test-2"
    await office.sound()


async def test_the_same_key_acts_once_and_other_content_is_refused(office: Office) -> None:
    one = await office.submitted()
    first = await office.registrations.start_pre_check(one, actor="r1", key="k1")
    again = await office.registrations.start_pre_check(one, actor="r1", key="k1")
    assert done(first) == done(again) and not isinstance(again, NotDone)
    assert refused(await office.registrations.accept(one, actor="r1", key="k1")) is Refusal.KEY_REUSED
    assert [line.seq for line in await office.registrations.history(one)] == [1, 2, 3, 4]


async def test_a_deal_has_one_registration_whoever_asks_at_once(office: Office) -> None:
    await office.sign()
    outcomes = await asyncio.gather(*(office.registrations.open("DL-a1-1", actor=f"s{n}") for n in range(5)))
    opened = [one for one in outcomes if not hasattr(one, "code")]
    assert len(opened) == 1


async def test_a_number_is_given_once(office: Office) -> None:
    first = await office.registered()
    one = await office.submitted(facts(deal="DL-b1-1", contract_id="C-DL-b1-1"))
    desk = office.registrations
    done(await desk.start_pre_check(one, actor="r1"))
    done(await desk.accept(one, actor="r1"))
    done(await desk.start_review(one, actor="r1"))
    done(await desk.give_opinion(one, Outcome.REGISTER, 300 * WAN, actor="r1"))
    assert refused(await desk.register(one, first.number, actor="r2")) is Refusal.NUMBER_TAKEN
    now = await desk.read(one)
    assert now is not None and now.state is S.SECOND_REVIEW, "nothing was changed"


async def test_without_a_series_the_number_is_typed_in(office: Office) -> None:
    typed = Office(office.pool, number_prefix="")
    one = await typed.submitted()
    for step in (typed.registrations.start_pre_check, typed.registrations.accept, typed.registrations.start_review):
        done(await step(one, actor="r1"))
    done(await typed.registrations.give_opinion(one, Outcome.REGISTER, 300 * WAN, actor="r1"))
    assert refused(await typed.registrations.register(one, actor="r2")) is Refusal.NUMBER_INVALID
    assert done(await typed.registrations.register(one, "2026150201000077", actor="r2")).number == "2026150201000077"


async def test_the_package_is_kept_as_it_was_handed_in(office: Office) -> None:
    one = await office.submitted()
    now = await office.registrations.read(one)
    assert now is not None
    body = await office.registrations.files.package_of(now)
    assert body is not None
    said = json.loads(body)
    Draft202012Validator(schema()).validate(said)
    await office.contracts.keep_profile("o00000000000000bb", replace(FACTORY, address="后来的地址"), actor="b")
    file = await office.registrations.files.file(one)
    assert file is not None and file.form["buyer_address"].value == FACTORY.address, (
        "the registrar sees what was handed in"
    )
    assert json.loads(await office.registrations.files.package_of(now) or b"") == said


async def test_what_is_not_clear_is_not_handed_in_and_a_mended_contract_is(office: Office) -> None:
    bad = facts(extra_clauses=("乙方必须购买甲方指定的原材料。",))
    one = await office.opened(bad)
    assert refused(await office.registrations.submit(one, actor="s")) is Refusal.NOT_CLEAR
    mended = await office.contracts.act(
        bad.contract_id,
        ChangeContract(facts=unsigned(facts()), reason="删除搭售条款", signed_on="2026-03-09"),
        actor="market",
    )
    assert isinstance(mended, Contract) and mended.version == 2
    submitted = done(await office.registrations.submit(one, actor="s"))
    assert submitted.contract_version == 2
    await office.sound()


async def test_an_explanation_for_the_registrar_lets_a_doubtful_clause_pass(office: Office) -> None:
    one = await office.opened(facts(extra_clauses=("乙方必须购买甲方指定的原材料。",)))
    done(await office.registrations.save(one, ANSWERS, {"monopoly_tying": "该原料为专利产品，别无来源。"}, actor="s"))
    done(await office.registrations.submit(one, actor="s"))
    file = await office.registrations.files.file(one)
    assert file is not None and [x.data["explanation"] for x in file.found.doubts] == ["该原料为专利产品，别无来源。"]


async def test_a_changed_contract_changes_its_registration_under_the_same_number(office: Office) -> None:
    first = await office.registered()
    newer = unsigned(facts(payment=Payment(mode="ONE_TIME", total_fen=310 * WAN)))
    await office.contracts.act(
        newer.contract_id, ChangeContract(facts=newer, reason="价款变更", signed_on="2026-03-20"), actor="market"
    )
    changed = done(await office.registrations.change(first.id, Cause.CONTRACT_CHANGED, "价款变更", actor="r1"))
    assert (changed.number, changed.total_fen, changed.contract_version, changed.revision) == (
        first.number,
        310 * WAN,
        2,
        2,
    )
    body = json.loads(await office.registrations.files.package_of(changed) or b"")
    assert body["amount"]["total_fen"] == str(310 * WAN)
    assert next(f["value"] for f in body["fields"] if f["key"] == "totalamount") == "3100000.00"
    more = done(
        await office.registrations.change(
            first.id, Cause.AMOUNT_SUPPLEMENTED, "提成", total_fen=330 * WAN, technical_fen=330 * WAN, actor="r1"
        )
    )
    assert more.technical_fen == 330 * WAN
    await office.sound()


async def test_answers_about_a_party_are_there_for_its_next_contract(office: Office) -> None:
    await office.sign()
    done(await office.registrations.open("DL-a1-1", actor="s"))
    done(await office.registrations.save("R-DL-a1-1", {**ANSWERS, "buyer_islist": "1"}, {}, actor="s"))
    assert (await office.contracts.profile("o00000000000000bb")).is_listed is True


async def test_contracts_are_redrafted_until_signed_and_end_once(office: Office) -> None:
    given = unsigned(facts())
    first = await office.contracts.act(given.contract_id, DraftContract(facts=given), actor="m")
    second = await office.contracts.act(
        given.contract_id, DraftContract(facts=replace(given, acceptance="另一办法")), actor="m"
    )
    assert isinstance(first, Contract) and isinstance(second, Contract)
    assert (first.version, second.version) == (1, 2) and first.text != second.text
    other = await office.contracts.act(given.contract_id, DraftContract(facts=replace(given, deal="DL-x")), actor="m")
    assert isinstance(other, NotDone)
    await office.sign()
    ended = await office.contracts.act(
        given.contract_id, EndContract(annulled=False, reason="协商解除", on="2026-04-01"), actor="m"
    )
    assert isinstance(ended, Contract) and ended.state is ContractState.RESCINDED
    assert isinstance(
        await office.contracts.act(
            given.contract_id, EndContract(annulled=True, reason="x", on="2026-04-02"), actor="m"
        ),
        NotDone,
    )
    assert [v.version for v in await office.contracts.versions(given.contract_id)] == [1, 2, 3]
    await office.sound()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE registry_event SET body = '{}' WHERE seq = 2", "DELETE FROM registry_event", "TRUNCATE registry_event",
        "DELETE FROM registration", "UPDATE registration SET number = '2026150201000009'", "UPDATE registration SET deal = 'x'",
        "UPDATE registration_document SET body = 'x'", "TRUNCATE registration CASCADE",
    ],
)  # fmt: skip
async def test_the_database_refuses_to_forget(office: Office, damage: str) -> None:
    await office.registered()
    with pytest.raises(asyncpg.RaiseError):
        await office.pool.execute(damage)


async def test_verify_finds_what_was_changed_behind_the_triggers(office: Office) -> None:
    registered = await office.registered()
    async with office.pool.acquire() as connection:
        await connection.execute("ALTER TABLE registry_event DISABLE TRIGGER ALL")
        await connection.execute(
            "UPDATE registry_event SET at_us = at_us + 1 WHERE stream = $1 AND seq = 3", f"registration/{registered.id}"
        )
        await connection.execute("ALTER TABLE registration DISABLE TRIGGER ALL")
        await connection.execute("UPDATE registration SET technical_fen = 1 WHERE id = $1", registered.id)
        await connection.execute("ALTER TABLE registration_document DISABLE TRIGGER ALL")
        await connection.execute("UPDATE registration_document SET body = 'x'")
    found = {finding.place for finding in (await verify_registry(office.pool)).findings}
    assert found == {f"registration/{registered.id}", f"package 1 of {registered.id}"}


async def test_queues_page_and_narrow_by_prefecture(office: Office) -> None:
    for number in range(3):
        await office.submitted(facts(deal=f"DL-q{number}-1", contract_id=f"C-DL-q{number}-1"))
    first = await office.registrations.queue("incoming", limit=2)
    rest = await office.registrations.queue("incoming", (first[-1].since_us, first[-1].registration.id), limit=2)
    assert [len(first), len(rest)] == [2, 1]
    assert await office.registrations.queue("incoming", prefecture="1501") == []
    assert len(await office.registrations.queue("incoming", prefecture="1502")) == 3
    assert (await office.registrations.figures()).incoming == 3


async def test_history_reads_as_events(office: Office) -> None:
    registered = await office.registered()
    names = [type(line.event).__name__ for line in await office.registrations.history(registered.id)]
    assert names == [
        "CaseOpened",
        "FormSaved",
        "Submitted",
        "PreCheckStarted",
        "Accepted",
        "ReviewStarted",
        "OpinionGiven",
        "Registered",
    ]
    assert isinstance((await office.registrations.history(registered.id))[-1].event, e.Registered)
