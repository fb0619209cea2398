"""Amounts in words and terms in sentences."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from engine.money_words import in_chinese, in_english
from engine.values import Amount
from gateway.demo.lots import LOTS
from gateway.formatting import duration, money, read_local, when
from gateway.pages.plain_words import sentences
from tests.engine.rules.test_free_and_limited import dynamic
from tests.engine.rules.transcript import fixed_terms

WORDS = [
    (0, "零元整", "zero yuan"),
    (1, "壹分", "zero yuan 1 fen"),
    (10, "壹角整", "zero yuan 10 fen"),
    (100, "壹元整", "one yuan"),
    (105, "壹元零伍分", "one yuan 5 fen"),
    (150, "壹元伍角整", "one yuan 50 fen"),
    (1_000_00, "壹仟元整", "one thousand yuan"),
    (1_010_00, "壹仟零壹拾元整", "one thousand ten yuan"),
    (10_000_00, "壹万元整", "ten thousand yuan"),
    (10_005_00, "壹万零伍元整", "ten thousand five yuan"),
    (1_234_567_89, "壹佰贰拾叁万肆仟伍佰陆拾柒元捌角玖分", "one million two hundred thirty-four thousand five hundred sixty-seven yuan 89 fen"),
    (100_000_000_00, "壹亿元整", "one hundred million yuan"),
    (100_010_000_00, "壹亿零壹万元整", "one hundred million ten thousand yuan"),
    (1_000_000_000_000_00, "壹万亿元整", "one trillion yuan"),
    (7_487_968_00, "柒佰肆拾捌万柒仟玖佰陆拾捌元整", "seven million four hundred eighty-seven thousand nine hundred sixty-eight yuan"),
]  # fmt: skip


@pytest.mark.parametrize("fen, chinese, english", WORDS)
def test_amounts_in_words(fen: int, chinese: str, english: str) -> None:
    assert (in_chinese(fen), in_english(fen)) == (chinese, english)


def test_the_browser_says_the_same_words() -> None:
    module = Path(__file__).parents[2] / "gateway" / "static" / "js" / "lib" / "money.js"
    amounts = [fen for fen, _, _ in WORDS]
    script = (
        f"import {{ inChinese, inEnglish }} from {json.dumps(module.as_uri())};"
        f"console.log(JSON.stringify({json.dumps([str(a) for a in amounts])}.map((a) => [inChinese(BigInt(a)), inEnglish(BigInt(a))])))"
    )
    said = subprocess.run(
        ["node", "--input-type=module", "-e", script], capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(said) == [[chinese, english] for _, chinese, english in WORDS]


def test_how_amounts_times_and_lengths_look() -> None:
    assert money(1_234_567_89) == "¥1,234,567.89"
    assert money(100) == "¥1"
    assert money(None) == ""
    assert money("55", 18, "ETH") == "0.000000000000000055 ETH"
    assert when(1_893_456_000_000_000) == "2030-01-01 08:00"
    assert read_local("2030-01-01T08:00") == 1_893_456_000_000_000
    assert read_local("soon") is None
    assert duration(90_000_000, "zh") == "1 分钟 30 秒"
    assert duration(0, "en") == "0 s"


def test_a_dynamic_session_in_plain_words() -> None:
    text = "\n".join(sentences(dynamic(), "zh"))
    for part in ("自由报价", "每周期 2 分钟", "起拍价 ¥10", "竞买资格由交易机构审核", "出价不可撤回"):
        assert part in text
    assert "timed cycles of 2 min" in "\n".join(sentences(dynamic(), "en"))


def test_a_court_style_session_in_plain_words() -> None:
    assert "结束前 5 分钟 内有有效出价的，结束时间延至该出价后 5 分钟。" in sentences(fixed_terms(), "zh")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("lot", LOTS, ids=lambda lot: lot.name)
def test_a_secret_reserve_is_not_in_the_sentences(lot: object, language: str) -> None:
    terms = lot.terms(1_900_000_000_000_000, 7)  # type: ignore[attr-defined]
    text = "\n".join(sentences(terms, language))
    if terms.reserve is not None and not terms.reserve.public:
        assert money(Amount(terms.reserve.amount)) not in text
    assert "rule." not in text, "a text is missing"
