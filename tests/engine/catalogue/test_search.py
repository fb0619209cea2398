"""The index against a linear scan; ranking, facets, orders, pages; versions, removal, exactly-once notices."""

# ruff: noqa: RUF001  # full-width letters are what is tried

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.catalogue.search import index
from engine.catalogue.search.entries import Entry, Facet, Kind, facets_of, section_of
from engine.catalogue.search.feed import SearchFeed, achievement_entry
from engine.catalogue.search.notices import Notices
from engine.catalogue.search.saved import SAVED_MAX, NothingAsked, SavedSearches, TooManySaved
from engine.catalogue.search.searching import Order, Results, Search
from engine.rules.achievement.record import Achievement, Completer
from engine.rules.words import fold, parse
from engine.values import PartyId

WORDS = [
    "稀土",
    "永磁",
    "钕铁硼",
    "电机",
    "草原",
    "羊草",
    "补播",
    "酸奶",
    "益生菌",
    "N52",
    "LiFePO4",
    "风电",
    "储能",
    "3.5MW",
]
ME, YOU = PartyId("p" + "1" * 16), PartyId("p" + "2" * 16)


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=4) as found:
        yield found


async def put(pool: asyncpg.Pool, *entries: Entry) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await index.add(connection, entries)


def entry(number: int, title: str = "", abstract: str = "", **more: Any) -> Entry:
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


def ids(results: Results) -> list[int]:
    return [int(one.id[4:], 16) for one in results.found]


def scan(entries: Sequence[Entry], asked: str) -> set[int]:
    """What a person reading every document would find, without the index's own cutting into terms."""
    found = set()
    for one in entries:
        texts = [
            fold(t) for t in (one.title_zh, one.title_en, *one.keywords, one.abstract_zh, one.holder_zh, *one.more)
        ]
        if all(any(_holds(text, word) for text in texts) for word in asked.split()):
            found.add(int(one.id[4:], 16))
    return found


def _holds(text: str, word: str) -> bool:
    folded = fold(word)
    if folded.isascii():
        spaced = "".join(c if (c.isascii() and c.isalnum()) or c == "." else " " for c in text)
        return folded in spaced.split()
    return folded in text


def corpus(seed: int, count: int) -> list[Entry]:
    chance = random.Random(seed)
    some = lambda most: "，".join(chance.sample(WORDS, chance.randint(0, most)))  # noqa: E731
    return [
        entry(
            number, some(3), some(5), keywords=tuple(chance.sample(WORDS, 2)), fields=(chance.choice(["05", "06", "09"]),),
            industry=chance.choice(["C39", "A03", "D"]), region=chance.choice(["150203", "150207", "150102", ""]),
            trl=chance.choice([None, 1, 4, 6, 9]), modes=tuple(chance.sample(["TRANSFER", "PLAIN"], chance.randint(0, 2))),
            holder_kind=chance.choice(["", "COMPANY"]), price_fen=chance.choice([None, 100, 200, 300]), published_at_us=number,
        )
        for number in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
async def test_search_finds_what_a_linear_scan_finds(pool: asyncpg.Pool, seed: int):
    entries = corpus(seed, 300)
    await put(pool, *entries)
    chance, search = random.Random(seed), Search(pool)
    for _ in range(40):
        # Pairs of a Han run may stand apart when unquoted: two-character words mean the same to both.
        asked = " ".join(chance.sample([w for w in WORDS if w.isascii() or len(w) == 2], chance.randint(1, 3)))
        results = await search.find(parse(asked), limit=50)
        expected = scan(entries, asked)
        assert results.total == len(expected)
        assert results.exact
        assert set(ids(results)) <= expected
        assert len(results.found) == min(50, len(expected))


@pytest.mark.parametrize("order", Order)
async def test_pages_follow_one_another_without_gap_or_repetition(pool: asyncpg.Pool, order: Order):
    entries = corpus(7, 200)
    await put(pool, *entries)
    search = Search(pool)
    for asked in ("", "稀土", "草原 电机"):
        seen: list[int] = []
        after: str | None = ""
        while after is not None:
            results = await search.find(parse(asked), order=order, after=after, limit=7, counts=False)
            seen += ids(results)
            after = results.next
        assert len(seen) == len(set(seen)) == results.total
        if order is Order.NEWEST:
            assert seen == sorted(seen, reverse=True)
        if order is Order.TRL:
            levels = [entries[one].trl or 0 for one in seen]
            assert levels == sorted(levels, reverse=True)
        if order is Order.PRICE:
            prices = [10**9 if (price := entries[one].price_fen) is None else price for one in seen]
            assert prices == sorted(prices)


async def test_a_word_in_the_title_comes_before_keywords_before_the_abstract_and_the_newest_first(pool: asyncpg.Pool):
    await put(
        pool,
        entry(1, "钕铁硼磁体"),
        entry(2, "电机", "用到钕铁硼"),
        entry(3, "电机", keywords=("钕铁硼",)),
        entry(4, "钕铁硼回收"),
        entry(5, "电机", "也用到钕铁硼"),
    )
    assert ids(await Search(pool).find(parse("钕铁硼"))) == [4, 1, 3, 5, 2]


async def test_some_word_in_the_title_comes_before_none(pool: asyncpg.Pool):
    await put(pool, entry(1, "储能", "风电"), entry(2, "综述", "风电储能"), entry(3, "风电储能"))
    assert ids(await Search(pool).find(parse("风电 储能"))) == [3, 1, 2]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("钕铁硼 N52", [1]),
        ("ＮＤＦＥＢ n52", [1]),
        ("lifepo4", [2]),
        ("羊", [3]),
        ('"草原补播"', [3]),
        ('"补播草原"', []),
        ("补播 草原", [3]),
        ("n5", []),
        ("稀土 羊", []),
    ],
)
async def test_words_of_both_scripts(pool: asyncpg.Pool, asked: str, found: list[int]):
    await put(
        pool,
        entry(1, "钕铁硼 NdFeB-N52 磁体", "稀土"),
        entry(2, "LiFePO₄正极"),
        entry(3, "天然草原补播羊草", "补播后草原恢复"),
    )
    assert ids(await Search(pool).find(parse(asked))) == found


async def test_a_phrase_does_not_reach_from_one_text_into_the_next(pool: asyncpg.Pool):
    await put(pool, entry(1, "草原生态", "羊草补播"), entry(2, "综述", "生态羊草"))
    assert ids(await Search(pool).find(parse('"生态羊草"'))) == [2]


async def test_a_phrase_that_many_pairs_promise_is_read_only_for_the_page(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("engine.catalogue.search.searching.READ_ALL", 10)
    monkeypatch.setattr("engine.catalogue.search.searching.READ_A_TURN", 7)
    await put(pool, *(entry(n, "风电储能" if n % 3 == 0 else "储能，风电，电储") for n in range(60)))
    search, seen, after = Search(pool), list[int](), ""
    while True:
        results = await search.find(parse('"风电储能"'), after=after, limit=4)
        assert not results.exact
        assert results.total == 60
        seen += ids(results)
        if results.next is None:
            break
        after = results.next
    assert seen == [n for n in range(59, -1, -1) if n % 3 == 0]


async def test_facets_add_up_and_leave_their_own_filter_out(pool: asyncpg.Pool):
    entries = corpus(3, 250)
    await put(pool, *entries)
    search = Search(pool)
    everything = await search.find(parse(""))
    assert everything.total == 250
    assert sum(everything.facets["field"].values()) == 250
    assert sum(everything.facets["listed"].values()) == 250
    assert "trl" not in everything.facets
    for facet in Facet:
        expected: dict[str, int] = {}
        for one in entries:
            for name, value in facets_of(one):
                if name == facet:
                    expected[value] = expected.get(value, 0) + 1
        assert everything.facets[facet.value] == expected
    narrowed = await search.find(parse(""), filters={Facet.FIELD: ["05"], Facet.REGION: ["150200"]})
    of_both = [one for one in entries if one.fields == ("05",) and one.region[:4] == "1502"]
    assert narrowed.total == len(of_both) > 0
    # Field counts what the region leaves, and the other way round: a person sees what another choice would give.
    assert (
        narrowed.facets["field"] == (await search.find(parse(""), filters={Facet.REGION: ["150200"]})).facets["field"]
    )
    assert narrowed.facets["region"] == (await search.find(parse(""), filters={Facet.FIELD: ["05"]})).facets["region"]
    assert sum(narrowed.facets["holder"].values()) == sum(one.holder_kind != "" for one in of_both)
    either = await search.find(parse(""), filters={Facet.FIELD: ["05", "06"]})
    assert either.total == sum(one.fields[0] in ("05", "06") for one in entries)


async def test_facets_of_a_read_phrase_are_those_of_what_is_found(pool: asyncpg.Pool):
    await put(pool, entry(1, "风电储能", fields=("06",)), entry(2, "储能，风电，电储", fields=("05",)))
    results = await Search(pool).find(parse('"风电储能"'))
    assert (results.total, results.facets["field"]) == (1, {"06": 1})


async def test_only_the_newest_version_is_found_and_keeps_its_listing(pool: asyncpg.Pool):
    await put(pool, entry(1, "稀土"), entry(2, "草原"))
    async with pool.acquire() as connection, connection.transaction():
        assert await index.set_listed(connection, Kind.ACHIEVEMENT, "ach-000000000001", listed=True, price_fen=500)
        assert not await index.set_listed(connection, Kind.ACHIEVEMENT, "ach-00000000ffff", listed=True, price_fen=1)
    await put(pool, entry(1, "永磁", version=2))
    search = Search(pool)
    assert ids(await search.find(parse("稀土"))) == []
    results = await search.find(parse("永磁"), filters={Facet.LISTED: ["1"]})
    assert [(one.version, one.listed, one.price_fen) for one in results.found] == [(2, True, 500)]
    everything = await search.find(parse(""))
    assert everything.facets["listed"] == {"0": 1, "1": 1}
    assert await search.sizes() == {"achievement": 2}


async def test_needs_and_achievements_do_not_mix(pool: asyncpg.Pool):
    await put(pool, entry(1, "稀土"), entry(2, "稀土", kind=Kind.NEED))
    assert ids(await Search(pool).find(parse("稀土"), kind=Kind.NEED)) == [2]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec=None), max_size=250), st.text(max_size=30))
async def test_no_text_makes_a_search_fail(pool: asyncpg.Pool, asked: str, after: str):
    for order in Order:
        await Search(pool).find(parse(asked), order=order, after=after, filters={Facet.FIELD: ["'; DROP"]})


# The feed and what hangs on it.


def feed_of(
    pool: asyncpg.Pool, entries: dict[tuple[str, int], Entry], saved: SavedSearches, batch: int = 100
) -> SearchFeed:
    async def load(connection: Any, wanted: Sequence[tuple[str, int]]) -> list[Entry]:
        return [entries[one] for one in wanted if one in entries]

    return SearchFeed(pool, {Kind.ACHIEVEMENT: load}, [saved.indexed], batch)


async def publish(pool: asyncpg.Pool, feed: SearchFeed, one: Entry, *, gone: bool = False) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await feed.enqueue(connection, one.kind, one.id, None if gone else one.version)


async def test_each_version_tells_each_saved_search_once(pool: asyncpg.Pool):
    saved, notices = SavedSearches(pool), Notices(pool)
    one = entry(1, "钕铁硼磁体", "晶界扩散", owner=YOU, fields=("05",))
    entries = {(one.id, 1): one, (one.id, 2): replace(one, version=2), ("ach-000000000002", 1): entry(2, "草原")}
    feed = feed_of(pool, entries, saved)
    mine = await saved.save(ME, Kind.ACHIEVEMENT, "钕铁硼", {Facet.FIELD: ["05", "06"]}, "磁体")
    await saved.save(ME, Kind.ACHIEVEMENT, '"晶界扩散"', {})
    await saved.save(ME, Kind.ACHIEVEMENT, '"扩散晶界"', {})
    await saved.save(ME, Kind.ACHIEVEMENT, "", {Facet.FIELD: ["09"]})
    await saved.save(ME, Kind.NEED, "钕铁硼", {})
    await saved.save(YOU, Kind.ACHIEVEMENT, "钕铁硼", {})
    await publish(pool, feed, one)
    assert await feed.catch_up() == 1
    found = await notices.page(ME)
    assert sorted(notice.data["search"] for notice in found) == ['"晶界扩散"', "磁体"]
    assert found[0].link == f"/achievements/{one.id}"
    assert await notices.page(YOU) == []  # nobody is told of his own
    await publish(pool, feed, one)  # the same version again, as after a crash between two consumers
    await feed.catch_up()
    assert len(await notices.page(ME)) == 2
    await publish(pool, feed, entries[one.id, 2])
    await publish(pool, feed, entries["ach-000000000002", 1])
    await feed.catch_up()
    assert len(await notices.page(ME)) == 4
    assert await saved.forget(ME, mine.id)
    assert not await saved.forget(YOU, mine.id)


async def test_a_consumer_that_dies_has_done_nothing(pool: asyncpg.Pool):
    saved, one = SavedSearches(pool), entry(1, "稀土")
    await saved.save(ME, Kind.ACHIEVEMENT, "稀土", {})
    feed = feed_of(pool, {(one.id, 1): one}, saved)

    async def die(connection: Any, entries: Sequence[Entry]) -> None:
        raise OSError("power cut")

    dying = SearchFeed(pool, feed._loaders, [saved.indexed, die])
    await publish(pool, feed, one)
    with pytest.raises(OSError, match="power cut"):
        await dying.catch_up()
    assert (await Search(pool).find(parse(""))).total == 0
    assert await Notices(pool).page(ME) == []
    await feed.catch_up()
    assert (await Search(pool).find(parse(""))).total == 1
    assert len(await Notices(pool).page(ME)) == 1


async def test_what_is_withdrawn_is_found_no_more(pool: asyncpg.Pool):
    one = entry(1, "稀土")
    feed = feed_of(pool, {(one.id, 1): one}, SavedSearches(pool))
    await publish(pool, feed, one)
    await feed.catch_up()
    await publish(pool, feed, one, gone=True)
    await feed.catch_up()
    assert (await Search(pool).find(parse("稀土"))).total == 0


async def test_reading_an_inbox(pool: asyncpg.Pool):
    saved, notices = SavedSearches(pool), Notices(pool)
    await saved.save(ME, Kind.ACHIEVEMENT, "稀土", {})
    entries = {(one.id, 1): one for one in (entry(n, "稀土") for n in range(5))}
    feed = feed_of(pool, entries, saved, batch=2)
    for one in entries.values():
        await publish(pool, feed, one)
    await feed.catch_up()
    page = await notices.page(ME, limit=3)
    assert await notices.unread(ME) == 5
    assert [n.id for n in await notices.page(ME, page[-1].id)] == sorted(
        (n.id for n in await notices.page(ME)), reverse=True
    )[3:]
    await notices.mark_read(YOU, page[0].id)
    assert await notices.unread(ME) == 5
    await notices.mark_read(ME, page[0].id)
    assert await notices.unread(ME) == 4
    await notices.mark_all_read(ME, page[1].id)
    assert await notices.unread(ME) == 0
    assert await notices.unread(YOU) == 0


async def test_saved_searches_have_bounds(pool: asyncpg.Pool):
    saved = SavedSearches(pool)
    with pytest.raises(NothingAsked):
        await saved.save(ME, Kind.ACHIEVEMENT, " ！ ", {})
    for number in range(SAVED_MAX):
        await saved.save(ME, Kind.ACHIEVEMENT, f"w{number}", {})
    with pytest.raises(TooManySaved):
        await saved.save(ME, Kind.ACHIEVEMENT, "one more", {})
    assert len(await saved.of_party(ME)) == SAVED_MAX


def test_only_the_public_part_is_searched():
    record = Achievement(
        title_zh="题", full_text="保密工艺窗口", completers=(Completer(name="其其格"), Completer(name="阿古拉", named_publicly=True)),
        nda_text="私",
    )  # fmt: skip
    assert "保密" not in achievement_entry("a", 1, "p", record, 0).folded
    assert "其其格" not in achievement_entry("a", 1, "p", record, 0).folded


@pytest.mark.parametrize(
    ("code", "letter"), [("C39", "C"), ("3985", "C"), ("A", "A"), ("", ""), ("99", ""), ("??", ""), ("9710", "T")]
)
def test_section_of_an_industry(code: str, letter: str):
    assert section_of(code) == letter
