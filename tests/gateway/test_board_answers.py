"""Kept answers of the board: rendered once for everybody, bounded, never a failure, never yesterday's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from engine.calendar import DAY_US
from gateway.board.answers import KEPT_MAX, Answers, Rendered
from gateway.http.metrics import Metrics


class Board:
    """A board with a revision, a clock, and a count of what was rendered."""

    def __init__(self) -> None:
        self.revision = 1
        self.asked = 0
        self.made = 0
        self.now_us = 20_000 * DAY_US
        self.hold = asyncio.Event()
        self.hold.set()
        self.answers = Answers(self._ask, lambda: self.now_us, Metrics())

    async def _ask(self) -> int:
        self.asked += 1
        return self.revision

    async def _make(self) -> Rendered:
        self.made += 1
        await self.hold.wait()
        return Rendered(body=f"{self.made}".encode() * 2_000, content_type="text/html")

    async def get(self, key: str = "zh /board", make: Any = None, moment: int = 0, **headers: Any) -> Any:
        request = make_mocked_request("GET", "/board", headers=headers)
        return await self.answers.answer(request, key, make or self._make, moment=moment)

    def forget_revision(self) -> None:
        """Let the time pass after which the revision is asked for again."""
        self.answers._known = (-1.0, 0)


async def test_a_crowd_gets_one_rendering_and_one_question_to_the_database() -> None:
    board = Board()
    board.hold.clear()
    crowd = [asyncio.create_task(board.get()) for _ in range(500)]
    await asyncio.sleep(0)
    board.hold.set()
    answers = await asyncio.gather(*crowd)
    assert (board.made, board.asked) == (1, 1)
    assert len({answer.headers["ETag"] for answer in answers}) == 1


async def test_a_reader_who_leaves_does_not_take_the_answer_from_the_others() -> None:
    board = Board()
    board.hold.clear()
    leaving, staying = asyncio.create_task(board.get()), asyncio.create_task(board.get())
    await asyncio.sleep(0.01)
    leaving.cancel()
    await asyncio.sleep(0)
    board.hold.set()
    assert (await staying).status == 200
    assert board.made == 1


async def test_a_new_revision_a_new_day_and_a_new_moment_are_rendered_anew() -> None:
    board = Board()
    await board.get()
    await board.get()
    assert board.made == 1
    board.revision += 1
    board.forget_revision()
    await board.get()
    assert board.made == 2
    board.now_us += DAY_US
    await board.get()
    assert board.made == 3
    await board.get(moment=1)
    assert board.made == 4


async def test_a_failure_is_told_and_not_kept() -> None:
    board = Board()

    async def fail() -> Rendered:
        raise OSError("away")

    for _ in range(2):
        with pytest.raises(OSError, match="away"):
            await board.get(make=fail)
    assert (await board.get()).status == 200


async def test_no_more_answers_are_kept_than_the_bound() -> None:
    board = Board()
    for number in range(KEPT_MAX + 50):
        await board.get(key=f"zh /board?q={number}")
    assert len(board.answers._kept) == KEPT_MAX
    assert board.answers._size == sum(kept.size for kept in board.answers._kept.values())
    made = board.made
    await board.get(key=f"zh /board?q={KEPT_MAX + 49}")
    assert board.made == made
    await board.get(key="zh /board?q=0")
    assert board.made == made + 1, "the one unasked for longest was forgotten"


@pytest.mark.parametrize(("given", "status"), [("*", 304), ('"x", W/{etag}', 304), ('"x"', 200), ("", 200)])
async def test_who_has_it_gets_only_the_news_that_it_is_the_same(given: str, status: int) -> None:
    board = Board()
    etag = (await board.get()).headers["ETag"]
    conditions: dict[str, Any] = {"If-None-Match": given.format(etag=etag)}
    answer = await board.get(**conditions)
    assert answer.status == status
    assert answer.headers["ETag"] == etag
