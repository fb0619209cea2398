"""The integrator's guide tells the truth: its code signs as the market does, its answer can be read, its signature is the one it states."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from gateway.registrar.keys import Key, Keys
from gateway.registrar.signing import problem_of
from settlement.registration.feed.answers import AnswerBody, read_answer

GUIDE = (Path(__file__).parents[3] / "docs" / "REGISTRATION.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_answer_of_the_guide_can_be_read() -> None:
    answer = read_answer(block("json").strip().encode())
    assert isinstance(answer, AnswerBody) and answer.number == "2026150201000123"


def test_the_code_of_the_guide_signs_what_the_market_believes() -> None:
    names: dict[str, Any] = {}
    exec(block("python"), names)
    secret = re.search(r"secret `([0-9a-f]{64})`", GUIDE)
    stated = re.search(r"signed `(v1=[0-9a-f]{64})`", GUIDE)
    at = re.search(r"timestamp `([0-9]+)`", GUIDE)
    assert secret and stated and at
    body, target = block("json").strip().encode(), "/api/v1/registrar/answers"
    made = names["signature"](bytes.fromhex(secret[1]), at[1], "POST", target, body)
    assert made == stated[1]
    headers = {"X-Ortoo-Key": "k", "X-Ortoo-Timestamp": at[1], "X-Ortoo-Signature": made}
    keys = Keys((Key(id="k", secret=secret[1]),))
    assert problem_of(keys, "POST", target, headers, body, int(at[1])) is None
