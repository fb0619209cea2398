"""Check characters: right numbers pass, wrong ones are told what is wrong, and one slip of the finger is always found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calendar import Day, day_from_civil, format_day
from engine.rules.identity import (
    INPUT_MAX,
    IdentityProblem,
    check_bank_card,
    check_credit_code,
    check_patent_number,
    check_resident_id,
    patent_number,
    tidy,
)

TODAY = day_from_civil(2026, 11, 24)
CREDIT = "0123456789ABCDEFGHJKLMNPQRTUWXY"
P = IdentityProblem


# Oracles: the schemes written down once more, the other way round.


def credit_code(first17: str) -> str:
    """The sum of values times 3^place, check character with weight 1, is 0 modulo 31."""
    total = sum(CREDIT.index(character) * 3**place for place, character in enumerate(first17))
    return first17 + CREDIT[-total % 31]


def resident_id(first17: str) -> str:
    """ISO 7064 MOD 11-2: the whole number, X counted as 10, is 1 modulo 11 when each place weighs 2^(17-i)."""
    total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(first17))
    return first17 + "0123456789X"[(1 - total) % 11]


def bank_card(digits: str) -> str:
    total = sum(int(d) if place % 2 else sum(map(int, str(2 * int(d)))) for place, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def patent(digits: str) -> str:
    weights = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]
    return f"{digits}.{'0123456789X'[sum(int(d) * w for d, w in zip(digits, weights, strict=False)) % 11]}"


@pytest.mark.parametrize(
    "text, problem",
    [
        ("91150100MA0TEST0Q1", P.CHARACTERS),  # S is not in the alphabet
        ("91150100MA0ABCDE1", P.LENGTH),
        ("", P.LENGTH),
        (" ", P.LENGTH),
        ("9" * 19, P.LENGTH),
        ("9" * (INPUT_MAX + 1), P.LENGTH),
        ("9115010OMA0ABCDE12", P.CHARACTERS),  # the letter O
        ("91150100MA0ABCDEZ2", P.CHARACTERS),
        ("9115A100MA0ABCDE12", P.CHARACTERS),  # letters only after the region
        ("呼和浩特市某某科技有限责任公司一二三", P.CHARACTERS),
        (credit_code("0" * 17), P.AUTHORITY),
        (credit_code("B1150100MA0ABCDE1"), P.AUTHORITY),
        (credit_code("98150100MA0ABCDE1"), P.AUTHORITY),
        (credit_code("91150100MA0ABCDE1"), None),
        (credit_code("12150000460000000"), None),
        (credit_code("52150000MJ0000000"), None),
        (credit_code("93150781MA0ABCDE1"), None),
        (credit_code("N2150781MF0ABCDE1"), None),
        ("91110000600037341L", None),  # published example of python-stdnum
        ("91110000600037342L", P.CHECK),
    ],
)
def test_credit_codes(text: str, problem: IdentityProblem | None) -> None:
    assert check_credit_code(text) == problem


@pytest.mark.parametrize(
    "text, problem",
    [
        (resident_id("15010219900307123"), None),
        (resident_id("15010220000229001"), None),
        ("11010519491231002X", None),  # the example of GB 11643 itself
        ("11010519491231002x", None),
        ("110105194912310021", P.CHECK),
        ("11010519491231002", P.LENGTH),
        ("", P.LENGTH),
        ("1101051949123100211", P.LENGTH),
        ("1101051949123100A1", P.CHARACTERS),
        ("X10105194912310021", P.CHARACTERS),
        ("11010519491231002Y", P.CHARACTERS),
        (resident_id("16010219900307123"), P.REGION),
        (resident_id("00010219900307123"), P.REGION),
        (resident_id("15010219900229123"), P.BIRTH_DATE),
        (resident_id("15010219901307123"), P.BIRTH_DATE),
        (resident_id("15010220261125123"), P.BIRTH_DATE),  # tomorrow
        (resident_id("15010220261124123"), None),  # today
        (resident_id("15010218751231123"), P.BIRTH_DATE),
        (resident_id("15010218760101123"), None),
        (resident_id("83000019900307123"), None),
    ],
)
def test_resident_ids(text: str, problem: IdentityProblem | None) -> None:
    assert check_resident_id(text, TODAY) == problem


@pytest.mark.parametrize(
    "text, problem",
    [
        ("4111 1111 1111 1111", None),  # the test number of the payment networks
        ("4111 1111 1111 1112", P.CHECK),
        (bank_card("622848000000000000"), None),
        ("1", P.LENGTH),
        ("1" * 20, P.LENGTH),
        ("62284800000000O0000", P.CHARACTERS),
    ],
)
def test_bank_cards(text: str, problem: IdentityProblem | None) -> None:
    assert check_bank_card(text) == problem


@pytest.mark.parametrize(
    "text, problem",
    [
        ("201710601862.3", None),  # explained in public with its sum
        ("95115608.X", None),
        ("ZL 2012 2 0687633.0", None),
        ("CN201710601862.3", None),
        ("2017106018623", None),
        ("zl95115608x", None),
        ("201710601862.4", P.CHECK),
        ("95115608.1", P.CHECK),
        ("", P.LENGTH),
        ("201710601862", P.LENGTH),  # without its check character
        ("2017106018.3", P.LENGTH),
        ("20171060186A.3", P.CHARACTERS),
        ("201710601862.A", P.CHARACTERS),
        (patent("202611234567"), None),
        (patent("202711234567"), P.YEAR),
        (patent("200211234567"), P.YEAR),  # long numbers came in 2003
        (patent("84100001"), P.YEAR),
        (patent("04100001"), P.YEAR),
        (patent("03100001"), None),
        (patent("85100001"), None),
        (patent("202340000000"), P.KIND),
        (patent("202380000017"), None),
        (patent("202390000017"), None),
    ],
)
def test_patent_numbers(text: str, problem: IdentityProblem | None) -> None:
    assert check_patent_number(text, TODAY) == problem


@pytest.mark.parametrize(
    "text, form",
    [
        ("ZL 2017 1 0601862.3", "201710601862.3"),
        ("2017106018623", "201710601862.3"),
        ("cn 95115608.x", "95115608.X"),
        ("２０１７１０６０１８６２．３", "201710601862.3"),  # noqa: RUF001
    ],
)
def test_a_patent_number_has_one_form(text: str, form: str) -> None:
    assert patent_number(text) == form
    assert check_patent_number(text, TODAY) is None


def test_what_people_type_around_a_number_is_removed() -> None:
    assert tidy(" 9115-0100 \uff4d\uff410\uff41\u3000bc \t") == "91150100MA0ABC"
    assert tidy("9" * (INPUT_MAX + 1)) == ""
    assert tidy("①") == "1"


# One slip of the finger.

CREDIT_CODES = st.builds(
    lambda head, region, rest: credit_code(head + region + rest),
    st.sampled_from(["91", "92", "93", "11", "12", "13", "51", "52", "53", "N1", "Y1", "A1"]),
    st.text("0123456789", min_size=6, max_size=6),
    st.text(CREDIT, min_size=9, max_size=9),
)
RESIDENT_IDS = st.builds(
    lambda region, born, serial: resident_id(f"{region}{format_day(Day(born)).replace('-', '')}{serial:03}"),
    st.sampled_from(["150102", "110105", "440305", "650102", "810000"]),
    st.integers(day_from_civil(1900, 1, 1), TODAY),
    st.integers(0, 999),
)
BANK_CARDS = st.builds(bank_card, st.text("0123456789", min_size=11, max_size=18))
PATENTS = st.one_of(
    st.builds(lambda y, k, n: patent(f"{y}{k}{n:07}"), st.integers(2003, 2026), st.sampled_from("12389"), st.integers(0, 9_999_999)),
    st.builds(lambda y, k, n: patent(f"{y % 100:02}{k}{n:05}"), st.integers(1985, 2003), st.sampled_from("12389"), st.integers(0, 99_999)),
)  # fmt: skip
SCHEMES = {
    "credit": (CREDIT_CODES, check_credit_code, CREDIT),
    "resident": (RESIDENT_IDS, lambda text: check_resident_id(text, TODAY), "0123456789X"),
    "card": (BANK_CARDS, check_bank_card, "0123456789"),
    "patent": (PATENTS, lambda text: check_patent_number(text, TODAY), "0123456789X"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_one_changed_character_is_always_found(scheme: str, data: st.DataObject) -> None:
    numbers, check, alphabet = SCHEMES[scheme]
    number = data.draw(numbers)
    assert check(number) is None
    place = data.draw(st.integers(0, len(number) - 1).filter(lambda index: number[index] != "."))
    other = data.draw(st.sampled_from([c for c in alphabet if c != number[place]]))
    assert check(number[:place] + other + number[place + 1 :]) is not None


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_two_swapped_neighbours_are_always_found(scheme: str, data: st.DataObject) -> None:
    numbers, check, _ = SCHEMES[scheme]
    number = data.draw(numbers).replace(".", "")
    pairs = [
        place
        for place in range(len(number) - 1)
        # Luhn is blind to 09 and 90, and promises no more.
        if number[place] != number[place + 1] and not (scheme == "card" and {*number[place : place + 2]} == {"0", "9"})
    ]
    if pairs:
        place = data.draw(st.sampled_from(pairs))
        swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
        assert check(swapped) is not None


@given(st.text(max_size=100))
def test_anything_can_be_typed(text: str) -> None:
    for _, check, _ in SCHEMES.values():
        assert check(text) is None or isinstance(check(text), IdentityProblem)


def test_every_problem_has_a_text_in_both_languages() -> None:
    for language in ("zh_CN", "en"):
        path = Path(__file__).parents[3] / "gateway" / "locales" / language / "LC_MESSAGES" / "codes.po"
        keys = re.findall(r'^msgid "identity\.(.+)"$', path.read_text(encoding="utf-8"), re.MULTILINE)
        assert sorted(keys) == sorted(problem.value for problem in IdentityProblem)
