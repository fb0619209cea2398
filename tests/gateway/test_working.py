"""Endless work of the process: an error is written down and the work begun again; only the end of the process ends it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack

import pytest

from gateway.working import keep_at


@pytest.mark.parametrize(
    ("ends_by", "says"),
    [(RuntimeError("a defect"), "work_failed"), (asyncio.CancelledError(), "work_cancelled")],
    ids=["an error", "a cancellation inside"],
)
async def test_work_that_ends_by_an_error_is_begun_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, ends_by: BaseException, says: str
) -> None:
    monkeypatch.setattr("gateway.working.AGAIN_S", 0.0)
    begun, third = 0, asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun == 3:
            third.set()
            await asyncio.Event().wait()
        raise ends_by

    with caplog.at_level(logging.WARNING):
        async with AsyncExitStack() as stack:
            keep_at(stack, work)
            async with asyncio.timeout(10):
                await third.wait()
    assert begun == 3, "the end of the process ends it"
    assert [record.message for record in caplog.records] == [says, says]
