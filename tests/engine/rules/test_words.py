"""Words: what is stored and what is asked are cut the same way; no text makes the parser fail."""

# ruff: noqa: RUF001  # full-width letters are what is tried

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rules.words import QUERY_MAX, TERMS_MAX, Query, asked_terms, fold, fold_line, marked, parse, terms_of

ANY_TEXT = st.text(st.characters(codec=None), max_size=300)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("钕铁硼 N52", ["钕铁", "铁硼", "n52"]),
        ("ＬｉＦｅＰＯ４", ["lifepo4"]),
        ("LiFePO₄正极", ["lifepo4", "正极"]),
        ("羊", ["羊"]),
        ("3.5MW 风机", ["3.5mw", "风机"]),
        ("  ！？— ", []),
        ("NdFeB-N52", ["ndfeb", "n52"]),
        ("Éléments Ćwiczenie", ["elements", "cwiczenie"]),
        ("монгол ᠮᠣᠩᠭᠣᠯ", ["монгол", "ᠮᠣᠩᠭᠣᠯ"]),
        ("𠮷野家", ["𠮷野", "野家"]),
    ],
)
def test_terms_asked_for(text: str, terms: list[str]):
    assert asked_terms(text) == terms


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('"晶界扩散" 钕铁硼', [("晶界扩散", True), ("钕铁硼", False)]),
        ("“晶界 扩散”", [("晶界 扩散", True)]),
        ("「稀土」N52", [("稀土", True), ("n52", False)]),
        ('不成对的"引号', [('不成对的"引号', False)]),
        ("稀土 稀土", [("稀土", False)]),
        ('""', []),
    ],
)
def test_words_and_phrases(text: str, words: list[tuple[str, bool]]):
    assert [(word.text, word.phrase) for word in parse(text).words] == words


def test_a_query_has_bounds_and_says_when_it_is_cut():
    assert parse("稀" * (QUERY_MAX + 1)).cut
    many = parse(" ".join(f"w{n}" for n in range(50)))
    assert many.cut
    assert len(many.terms) == TERMS_MAX
    assert not parse("稀土 永磁").cut


@given(ANY_TEXT)
def test_every_text_can_be_asked(text: str):
    query = parse(text)
    assert len(query.terms) <= TERMS_MAX
    for word in query.words:
        assert word.terms
        assert word.text == fold_line(word.text)


@given(ANY_TEXT)
def test_folding_twice_changes_nothing_that_is_searched(text: str):
    assert terms_of(fold(text)) == terms_of(text)


@given(ANY_TEXT)
def test_a_text_is_found_by_every_term_of_itself(text: str):
    assert set(asked_terms(text)) <= terms_of(text)


@given(ANY_TEXT, st.text('稀土永磁N52 "“”', max_size=20))
def test_marks_keep_the_text(text: str, asked: str):
    pieces = marked(text, parse(asked), span=len(text) + 1)
    assert "".join(piece.text for piece in pieces).strip("…") in text or not text


def test_marks_show_the_place_in_the_original_spelling():
    pieces = marked("前言" * 60 + "用ＬｉＦｅＰＯ₄正极材料", parse("lifepo4 正极"))
    assert [piece.text for piece in pieces if piece.hit] == ["ＬｉＦｅＰＯ₄正极"]
    assert pieces[0].text == "…"


def test_a_text_that_fits_is_shown_whole():
    pieces = marked("明骄XN-4817型钕铁硼", parse("钕铁硼"), span=30)
    assert "".join(piece.text for piece in pieces) == "明骄XN-4817型钕铁硼"


def test_a_part_of_a_latin_word_is_not_marked():
    assert not any(piece.hit for piece in marked("N52 magnets", Query(parse("n5").words)))
