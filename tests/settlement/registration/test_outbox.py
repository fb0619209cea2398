"""The outbox on virtual time: down for weeks and back, dead letters, order within a contract, pauses."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from settlement.registration.events import Cause
from settlement.registration.feed.delivering import DAY_US, Answered, Delivering, Verdict
from settlement.registration.feed.outbox import FIRST_PAUSE_US, PAUSE_MAX_US, Message, pause_us
from tests.settlement.registration.case import facts
from tests.settlement.registration.conftest import Office, done


class Toy:
    """A receiver that answers as a test says."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.verdict = Verdict.TAKEN

    async def deliver(self, message: Message) -> Answered:
        if self.verdict is Verdict.TAKEN:
            self.taken.append(message.id)
        return Answered(self.verdict, "" if self.verdict is Verdict.TAKEN else "x")


def worker(office: Office, toy: Toy, give_up_days: int = 30) -> Delivering:
    return Delivering(office.outbox, toy, give_up_days=give_up_days, now_us=office.clock, spread_ppm=lambda: 500_000)


async def pass_days(office: Office, work: Delivering, days: int) -> None:
    for _ in range(days * 24):
        await work.send_due()
        office.now_us += DAY_US // 24


async def test_a_receiver_that_is_away_for_twenty_days_gets_everything_once_and_in_order(office: Office) -> None:
    registered = await office.registered()
    await office.registrations.cancel(registered.id, Cause.RESCINDED, "解除", actor="r1")
    toy = Toy()
    work = worker(office, toy)
    toy.verdict = Verdict.LATER
    await pass_days(office, work, 20)
    figures = await office.outbox.figures()
    assert (figures.waiting, figures.dead) == (3, 0) and figures.attempts > 100, (
        "only the first is tried: the others wait behind it"
    )
    toy.verdict = Verdict.TAKEN
    await pass_days(office, work, 1)
    assert toy.taken == [f"{registered.id}.3", f"{registered.id}.8", f"{registered.id}.9"]
    bodies = [json.loads(message.body) for message in await office.outbox.page(0, 10)]
    assert [one["kind"] for one in bodies] == ["submitted", "registered", "cancelled"]
    assert bodies[0]["package"]["registration"] == registered.id and bodies[2]["reason"] == "解除"


async def test_what_is_never_taken_is_a_dead_letter_until_somebody_sends_it_again(office: Office) -> None:
    await office.submitted()
    other = await office.submitted(facts(deal="DL-b1-1", contract_id="C-DL-b1-1"))
    toy = Toy()
    toy.verdict = Verdict.NEVER
    work = worker(office, toy)
    await work.send_due()
    dead = await office.outbox.dead()
    assert [one.problem for one in dead] == ["x", "x"]
    toy.verdict = Verdict.TAKEN
    assert await work.send_due() == 0, "dead letters are not tried"
    assert await office.outbox.requeue(f"{other}.3", office.clock())
    assert not await office.outbox.requeue(f"{other}.3", office.clock()), "it is under way"
    await work.send_due()
    assert toy.taken == [f"{other}.3"] and (await office.outbox.figures()).dead == 1


async def test_silence_is_given_up_after_its_days(office: Office) -> None:
    await office.submitted()
    toy = Toy()
    toy.verdict = Verdict.LATER
    await pass_days(office, worker(office, toy, give_up_days=2), 3)
    assert (await office.outbox.figures()).dead == 1


async def test_positions_have_no_gaps_and_a_cursor_reads_on(office: Office) -> None:
    for number in range(5):
        await office.submitted(facts(deal=f"DL-p{number}-1", contract_id=f"C-DL-p{number}-1"))
    first = await office.outbox.page(0, 3)
    rest = await office.outbox.page(first[-1].position, 3)
    assert [one.position for one in (*first, *rest)] == [1, 2, 3, 4, 5]


async def test_a_market_without_a_receiver_keeps_messages_for_who_pulls(office: Office) -> None:
    await Office(office.pool, push=False).submitted()
    assert (await office.outbox.figures()).waiting == 0 and len(await office.outbox.page(0, 10)) == 1


async def test_a_message_under_way_is_not_sent_by_a_second_worker(office: Office) -> None:
    await office.submitted()
    assert await office.outbox.take_due(office.clock()) is not None
    assert await office.outbox.take_due(office.clock()) is None
    office.now_us += 61_000_000
    assert await office.outbox.take_due(office.clock()) is not None, "whoever held it has died"


async def test_nothing_is_sent_that_did_not_happen(office: Office) -> None:
    one = await office.opened(facts(ends_on="2026-03-09"))
    await office.registrations.submit(one, actor="s")
    assert await office.outbox.page(0, 10) == [], "refused: the act and its message are one transaction"
    done(await office.registrations.save(one, {}, {}, actor="s"))


@given(st.integers(1, 500), st.integers(0, 1_000_000))
def test_pauses_grow_and_have_a_bound(attempt: int, spread: int) -> None:
    pause = pause_us(attempt, spread)
    assert FIRST_PAUSE_US * 3 // 4 <= pause <= PAUSE_MAX_US * 5 // 4
    assert pause_us(attempt + 1, spread) >= pause
