"""Credit records on a real database: made once from what happened, appealed in time, decided by somebody else, in force until they expire."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from settlement.credit.record import DAY_US, Appeal, Cause, Decide, Problem, Record, RecordState, Refusal, Repair
from settlement.credit.store import Credit, problems_of_records
from settlement.deals import events as de
from settlement.deals.deal import DealSide
from settlement.registration import events as re
from tests.settlement.conftest import BUYER, CALENDAR, Clock
from tests.settlement.deals.conftest import SELLER, a_deal
from tests.settlement.statistics.test_figures import write


class Desk:
    """Records and a clock."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool, self.clock = pool, Clock()
        self.credit = Credit(pool, calendar=lambda: CALENDAR, now_us=lambda: self.clock.now_us)

    async def happened(self, *events: de.Event, **more: object) -> list[Record]:
        """Let a deal's history be written, and follow it."""
        history: list[de.Event] = [de.DealOpened(deal=a_deal(**more), virtual_account="9", deadline_us=1), *events]
        rows = [
            ("deal/DA-a1", seq, de.encode_event(one)[0], 1, de.encode_event(one)[1])
            for seq, one in enumerate(history, 1)
        ]
        await write(self.pool, rows)
        await self.credit.following.catch_up()
        return await self.credit.newest()


@pytest.fixture
async def desk(fresh_database: str) -> AsyncIterator[Desk]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=4) as pool:
        yield Desk(pool)


def _default(side: DealSide = DealSide.BUYER) -> de.DefaultRecorded:
    return de.DefaultRecorded(side=side, reason="x", empty=True, deadline_us=1)


def _problem(found: Record | Refusal) -> Problem:
    assert isinstance(found, Refusal), found
    return found.problem


async def test_a_default_and_a_late_payment_are_recorded_once_and_the_party_is_told(desk: Desk) -> None:
    records = await desk.happened(de.LineLate(no=1, deadline_us=1), _default())
    assert {(one.noticed.cause, one.noticed.party) for one in records} == {
        (Cause.LATE_PAYMENT, BUYER),
        (Cause.BUYER_DEFAULT, BUYER),
    }
    assert all(one.state is RecordState.NOTICED and not one.counts(desk.clock.now_us) for one in records)
    await desk.pool.execute("INSERT INTO history_pending (consumer, stream) VALUES ('credit', 'deal/DA-a1')")
    await desk.credit.following.catch_up()
    assert len(await desk.credit.newest()) == 2, "read again it makes nothing new"
    told = await desk.pool.fetch("SELECT party, about FROM notice")
    assert [(row["party"], row["about"]) for row in told] == [(BUYER, "credit.noticed")] * 2


async def test_the_sellers_default_is_his_and_demonstrations_are_nobodys(desk: Desk) -> None:
    (record,) = await desk.happened(_default(DealSide.SELLER))
    assert (record.noticed.party, record.noticed.cause) == (SELLER, Cause.SELLER_DEFAULT)


async def test_demonstration_deals_make_no_records(desk: Desk) -> None:
    assert await desk.happened(_default(), demonstration=True) == []


async def test_only_a_registration_revoked_for_fraud_is_a_fact_about_credit(desk: Desk) -> None:
    for name, ground in (("a", "FRAUD"), ("b", "DUPLICATE")):
        case = re.CaseOpened(
            deal=f"DA-{name}", contract_id="c", contract_version=1, applicant=SELLER, kind="ZR2", project="x", region="", seller="s",
            buyer="b", total_fen=1, technical_fen=1, demonstration=False,
        )  # fmt: skip
        events: list[re.Event] = [case, re.Revoked(ground=ground, reason="x", revision=1)]
        rows = [
            (f"registration/R-{name}", seq, re.encode_event(one)[0], 1, re.encode_event(one)[1])
            for seq, one in enumerate(events, 1)
        ]
        await write(desk.pool, rows)
    await desk.credit.following.catch_up()
    assert [(one.noticed.cause, one.noticed.subject) for one in await desk.credit.newest()] == [
        (Cause.FAKE_CONTRACT, "DA-a")
    ]


async def test_without_appeal_it_takes_effect_after_ten_working_days_and_expires(desk: Desk) -> None:
    (record,) = await desk.happened(_default())
    desk.clock.now_us = record.noticed.appeal_until_us - 1
    assert await desk.credit.take_effect() == 0
    desk.clock.now_us = record.noticed.appeal_until_us
    assert await desk.credit.take_effect() == 1
    assert _problem(await desk.credit.act(record.id, Appeal(text="x"), BUYER)) is Problem.WRONG_STATE
    found = await desk.credit.read(record.id)
    assert found is not None and found.counts(desk.clock.now_us)
    assert found.noticed.expires_at_us - found.at_us == 1095 * DAY_US and not found.counts(found.noticed.expires_at_us)


async def test_an_appeal_is_decided_by_somebody_who_did_not_make_the_record(desk: Desk) -> None:
    made = await desk.credit.notice("DA-a1-x", BUYER, Cause.FAKE_DOCUMENTS, "DA-a1", "营业执照系伪造", "operator1")
    assert isinstance(made, Record)
    assert _problem(await desk.credit.act(made.id, Appeal(text=" "), BUYER)) is Problem.REASON_REQUIRED
    assert isinstance(await desk.credit.act(made.id, Appeal(text="系扫描错误"), BUYER), Record)
    desk.clock.now_us = made.noticed.appeal_until_us
    assert await desk.credit.take_effect() == 0, "an appeal that waits keeps it from taking effect"
    decide = Decide(upheld=False, reason="证据充分")
    assert _problem(await desk.credit.act(made.id, decide, "operator1")) is Problem.SAME_PERSON
    decided = await desk.credit.act(made.id, decide, "operator2")
    assert isinstance(decided, Record) and decided.counts(desk.clock.now_us)
    repaired = await desk.credit.act(made.id, Repair(reason="已补正并赔偿"), "operator1")
    assert isinstance(repaired, Record) and repaired.state is RecordState.WITHDRAWN


async def test_an_appeal_after_the_time_is_too_late_and_an_upheld_one_withdraws(desk: Desk) -> None:
    (record,) = await desk.happened(_default())
    desk.clock.now_us = record.noticed.appeal_until_us
    assert _problem(await desk.credit.act(record.id, Appeal(text="x"), BUYER)) is Problem.TOO_LATE
    desk.clock.now_us -= 1
    await desk.credit.act(record.id, Appeal(text="x"), BUYER)
    done = await desk.credit.act(record.id, Decide(upheld=True, reason="y"), "operator1")
    assert isinstance(done, Record) and done.state is RecordState.WITHDRAWN
    assert not done.counts(desk.clock.now_us)


async def test_a_changed_history_is_found(desk: Desk) -> None:
    await desk.happened(_default())
    async with desk.pool.acquire() as connection:
        assert await problems_of_records(connection) == []
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await connection.execute("DELETE FROM credit_event")
        await connection.execute("ALTER TABLE credit_event DISABLE TRIGGER USER")
        await connection.execute("UPDATE credit_event SET actor = 'somebody'")
        assert len(await problems_of_records(connection)) == 1
