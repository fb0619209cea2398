"""Needs from draft to their end, what each step demands, and their place in search and matching."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from engine.catalogue.matching.matches import Matches
from engine.catalogue.needs.store import NeedRefused, Needs, TooManyNeeds, end_of_day_us, load_needs
from engine.catalogue.search import index
from engine.catalogue.search.entries import Entry, Kind
from engine.catalogue.search.feed import SearchFeed
from engine.catalogue.search.notices import Notices
from engine.catalogue.search.searching import Search
from engine.rules.achievement.record import Mode
from engine.rules.matching import Aspect
from engine.rules.needs import NEED_STEPS, Need, NeedAct, NeedActor, NeedState, need_acts, need_problems
from engine.rules.words import parse
from engine.values import PartyId

OWNER, OTHER = PartyId("o" + "1" * 16), PartyId("o" + "2" * 16)
AUTHOR, OPERATOR = frozenset({NeedActor.AUTHOR}), frozenset({NeedActor.OPERATOR})
TODAY_US = end_of_day_us("2026-06-01") - 3_600_000_000
NEED = Need(
    title="降低永磁电机重稀土用量", problem="直驱风机用钕铁硼磁体含镝高，成本波动大，希望用晶界扩散减少镝用量而不降低矫顽力。",
    indicators=("镝用量降低 30% 以上",), company="敕勒川新能源有限公司", field="05", industry="C38", region="150203", trl_min=5,
    budget_min_fen=5_000_000_00, negotiable=False, deadline="2026-12-31", modes=(Mode.PLAIN, Mode.COOPERATION),
    contact="高工 0471-0000000",
)  # fmt: skip


class Place:
    """A catalogue with a clock that tests set."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.at_us = TODAY_US
        self.feed = SearchFeed(pool, {Kind.NEED: load_needs})
        self.needs = Needs(pool, self.feed.enqueue, lambda: self.at_us)
        self.search = Search(pool)
        self.matches = Matches(pool)

    async def published(self, need: Need = NEED, owner: PartyId = OWNER) -> str:
        need_id = await self.needs.create(owner, "p1", need)
        await self.act(need_id, NeedAct.SUBMIT)
        await self.act(need_id, NeedAct.PUBLISH, OPERATOR)
        await self.feed.catch_up()
        return need_id

    async def act(
        self, need_id: str, act: NeedAct, actors: frozenset[NeedActor] = AUTHOR, reason: str = ""
    ) -> NeedState:
        own = await self.needs.act(need_id, act, actors=actors, account="p1", reason=reason)
        assert own is not None
        return own.state

    async def found(self, words: str) -> list[str]:
        await self.feed.catch_up()
        return [one.id for one in (await self.search.find(parse(words), kind=Kind.NEED)).found]


@pytest.fixture
async def place(fresh_database: str) -> AsyncIterator[Place]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=4) as pool:
        yield Place(pool)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, []),
        ({"title": " "}, [("title", "required")]),
        ({"problem": "太短"}, [("problem", "short")]),
        ({"field": "12"}, [("field", "code_unknown")]),
        ({"region": "包头"}, [("region", "code_unknown")]),
        ({"trl_min": 10}, [("trl_min", "trl_range")]),
        ({"modes": ()}, [("modes", "required")]),
        ({"budget_min_fen": None}, [("budget_min_fen", "budget_missing")]),
        ({"budget_min_fen": None, "negotiable": True}, []),
        ({"budget_max_fen": 1}, [("budget_max_fen", "budget_order")]),
        ({"budget_min_fen": 0}, [("budget_min_fen", "amount_range")]),
        ({"deadline": "2026-05-31"}, [("deadline", "day_past")]),
        ({"deadline": "2026-06-01"}, []),
        ({"deadline": "2028-05-31"}, []),
        ({"deadline": "2028-06-02"}, [("deadline", "day_far")]),
        ({"deadline": "31.12.2026"}, [("deadline", "day_unreadable")]),
        ({"title": "题" * 101}, [("title", "too_long")]),
    ],
)
def test_what_a_need_lacks(changes: dict[str, Any], wrong: list[tuple[str, str]]):
    assert [tuple(one) for one in need_problems(replace(NEED, **changes), "2026-06-01")] == wrong


def test_only_the_author_submits_and_only_the_operator_publishes():
    for (state, act), step in NEED_STEPS.items():
        if act in (NeedAct.PUBLISH, NeedAct.SEND_BACK):
            assert step.who == OPERATOR
        if act in (NeedAct.SUBMIT, NeedAct.MEET, NeedAct.RENEW):
            assert step.who == AUTHOR
        assert (act in need_acts(state, AUTHOR)) == bool(step.who & AUTHOR)


async def test_from_draft_to_met(place: Place):
    need_id = await place.needs.create(OWNER, "p1", NEED)
    assert await place.needs.public(need_id) is None
    await place.act(need_id, NeedAct.SUBMIT)
    assert await place.found("晶界扩散") == []
    with pytest.raises(NeedRefused, match="reason"):
        await place.act(need_id, NeedAct.SEND_BACK, OPERATOR, " ")
    assert await place.act(need_id, NeedAct.SEND_BACK, OPERATOR, "请补充用量") is NeedState.CORRECTION
    with pytest.raises(NeedRefused, match="actor"):
        await place.act(need_id, NeedAct.SUBMIT, OPERATOR)
    own = await place.needs.read(need_id)
    assert own is not None
    assert (
        await place.needs.save(need_id, replace(NEED, problem=NEED.problem + "每台 3 kg。"), own.draft_version, "p1")
        == 2
    )
    assert await place.needs.save(need_id, NEED, own.draft_version, "p1") is None  # another tab was quicker
    await place.act(need_id, NeedAct.SUBMIT)
    await place.act(need_id, NeedAct.PUBLISH, OPERATOR)
    assert await place.needs.save(need_id, NEED, 2, "p1") is None  # what is public is not written to
    public = await place.needs.public(need_id)
    assert public is not None
    assert public.need.contact == ""
    assert await place.found("晶界扩散") == [need_id]
    assert await place.found("高工") == []
    with pytest.raises(NeedRefused, match="state"):
        await place.act(need_id, NeedAct.PUBLISH, OPERATOR)
    assert await place.act(need_id, NeedAct.MEET) is NeedState.MET
    assert await place.found("晶界扩散") == []
    assert await place.needs.public(need_id) is None
    assert [line.act for line in await place.needs.acts(need_id)][:2] == [NeedAct.MEET, NeedAct.PUBLISH]
    told = [(one.about, one.data["reason"]) for one in await Notices(place.pool).page(OWNER)]
    assert told == [("need_publish", ""), ("need_send_back", "请补充用量")]


async def test_an_incomplete_need_is_not_submitted(place: Place):
    need_id = await place.needs.create(OWNER, "p1", Need(title="题"))
    with pytest.raises(NeedRefused) as refused:
        await place.act(need_id, NeedAct.SUBMIT)
    assert ("contact", "required") in [tuple(one) for one in refused.value.problems]
    with pytest.raises(NeedRefused):
        await place.needs.create(OWNER, "p1", Need(title="题" * 500))


async def test_a_need_ends_with_its_last_day_and_not_before(place: Place):
    need_id = await place.published(replace(NEED, deadline="2026-06-30"))
    place.at_us = end_of_day_us("2026-06-30") - 1
    assert await place.needs.expire() == 0
    place.at_us += 1
    assert await place.needs.expire() == 1
    own = await place.needs.read(need_id)
    assert own is not None
    assert own.state is NeedState.EXPIRED
    assert await place.found("晶界扩散") == []
    assert await place.act(need_id, NeedAct.RENEW) is NeedState.DRAFT


async def test_a_party_has_so_many_open_needs_and_no_more(place: Place, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("engine.catalogue.needs.store.OPEN_MAX", 2)
    for _ in range(2):
        last = await place.needs.create(OWNER, "p1", NEED)
    with pytest.raises(TooManyNeeds):
        await place.needs.create(OWNER, "p1", NEED)
    await place.needs.create(OTHER, "p2", NEED)
    await place.act(last, NeedAct.CLOSE, reason="不需要了")
    await place.needs.create(OWNER, "p1", NEED)


async def test_lists_are_paged(place: Place):
    ids = {await place.needs.create(OWNER, "p1", NEED) for _ in range(5)}
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page, after = await place.needs.of_owner(OWNER, after, 2)
        seen += [one.id for one in page]
    assert sorted(seen) == sorted(ids)
    assert (await place.needs.of_owner(OTHER))[0] == []


# Matching over the index.


def offer(number: int, title: str, abstract: str = "", **more: Any) -> Entry:
    return Entry(
        **{
            "kind": Kind.ACHIEVEMENT,
            "id": f"ach-{number:012x}",
            "version": 1,
            "title_zh": title,
            "abstract_zh": abstract,
            **more,
        }
    )


async def put(place: Place, *entries: Entry) -> None:
    filler = [offer(900 + n, f"其他成果{n}号说明", f"与此无关的内容第{n}项") for n in range(60)]
    async with place.pool.acquire() as connection, connection.transaction():
        await index.add(connection, [*entries, *filler])


async def test_each_side_finds_the_other_with_reasons(place: Place):
    need_id = await place.published()
    best = offer(
        1, "风机钕铁硼磁体晶界扩散技术", "减少镝用量", fields=("05",), region="150203", trl=6, modes=("PLAIN",)
    )
    await put(place, best, offer(2, "钕铁硼废料回收", fields=("07",)), offer(3, "天然草原补播"))
    found = await place.matches.of(Kind.NEED, need_id)
    assert next(one.found.id for one in found) == best.id
    assert offer(3, "").id not in [one.found.id for one in found]
    reasons = {reason.aspect: reason.values for reason in found[0].match.reasons}
    assert "晶界扩散" in "".join(reasons[Aspect.TERMS])
    assert reasons[Aspect.FIELD] == ("05",)
    assert reasons[Aspect.TRL] == ("6",)
    back = await place.matches.of(Kind.ACHIEVEMENT, best.id)
    assert [(one.found.id, one.match) for one in back] == [(need_id, found[0].match)]


async def test_a_dismissed_suggestion_stays_away_for_that_party_only(place: Place):
    need_id = await place.published()
    best = offer(1, "钕铁硼磁体晶界扩散减少镝用量", fields=("05",))
    await put(place, best)
    await place.matches.dismiss(OWNER, best.id, need_id)
    await place.matches.dismiss(OWNER, best.id, need_id)
    assert await place.matches.of(Kind.NEED, need_id, party=OWNER) == []
    assert await place.matches.of(Kind.ACHIEVEMENT, best.id, party=OWNER) == []
    assert len(await place.matches.of(Kind.NEED, need_id, party=OTHER)) == 1
    assert len(await place.matches.of(Kind.NEED, need_id)) == 1
    await place.matches.take_back(OWNER, best.id, need_id)
    assert len(await place.matches.of(Kind.NEED, need_id, party=OWNER)) == 1


async def test_nothing_is_suggested_for_what_is_not_public(place: Place):
    assert await place.matches.of(Kind.NEED, "need-000000000000") == []
    need_id = await place.published()
    await put(place, offer(1, "钕铁硼磁体晶界扩散减少镝用量", fields=("05",)))
    await place.act(need_id, NeedAct.CLOSE, reason="已自行解决")
    await place.feed.catch_up()
    assert await place.matches.of(Kind.NEED, need_id) == []
    assert await place.matches.of(Kind.ACHIEVEMENT, offer(1, "").id) == []


async def test_the_nearest_are_named_when_nothing_has_all_words(place: Place):
    await put(place, offer(1, "全钒液流电池热失控预警"), offer(2, "磷酸铁锂电池"))
    query = parse("全钒液流电池热失控预警与消防联动一体化关键装备")
    assert (await place.search.find(query)).total == 0
    nearest = await place.search.nearest(query, kind=Kind.ACHIEVEMENT)
    assert nearest[0].title_zh == "全钒液流电池热失控预警"
