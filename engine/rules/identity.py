"""Identity numbers that carry a check character: what is wrong with one, before anybody relies on it.

A number that passes is well formed; whether it was ever given out, and to whom, only the register knows. Each check answers
None or the first problem found: length, characters, fixed parts, dates, check character. It takes the number as it was typed
(`tidy` removes what people add) and never repeats it: a problem is a code, so that no number reaches a log or an error text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from engine.calendar import Day, civil_of, parse_day

INPUT_MAX: Final = 64
"""Longer input is not looked at."""


class IdentityProblem(StrEnum):
    """What is wrong with a number. Codes are stable; the texts are `identity.<code>` in the message catalogues."""

    LENGTH = "length"
    """Too few or too many characters, or none."""
    CHARACTERS = "characters"
    """A character that the scheme does not use, or not at its place."""
    AUTHORITY = "authority"
    """Credit code: no registering authority or sort of organisation has these first two characters."""
    REGION = "region"
    """Resident id: the first two digits name no province."""
    BIRTH_DATE = "birth_date"
    """Resident id: no such day, or one in the future, or more than 150 years ago."""
    YEAR = "year"
    """Patent: a year before patents (1985), or one that has not come."""
    KIND = "kind"
    """Patent: a kind other than 1, 2, 3, 8 and 9."""
    CHECK = "check"
    """The last character does not fit the others: most often one is mistyped, or two are swapped."""


_CREDIT_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""GB 32100-2015: digits and capitals without I, O, S, V, Z; their place is their value."""
_CREDIT_WEIGHTS: Final = tuple(pow(3, place, 31) for place in range(17))
_AUTHORITIES: Final = frozenset("123456789ANY")
_SORTS: Final = frozenset("123459")
"""First and second character as registers use them (Wikidata P6795, taken 2026-11-24); the standard reserves more."""

_PROVINCE_RANGES: Final = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
_PROVINCES: Final = frozenset(str(code) for first, last in _PROVINCE_RANGES for code in range(first, last + 1))
"""GB/T 2260; 81, 82 and 83 are on residence permits of people from Hong Kong, Macao and Taiwan."""
_RESIDENT_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_CHECKS: Final = "10X98765432"
_AGE_MAX: Final = 150

_PATENT_WEIGHTS: Final = (2, 3, 4, 5, 6, 7, 8, 9)
_PATENT_KINDS: Final = frozenset("12389")
"""Invention, utility model, design; 8 and 9: international applications for the first two in their Chinese phase."""
_FIRST_PATENT_YEAR: Final = 1985
_LONG_NUMBERS_FROM: Final = 2003
"""Since 2003-10-01 numbers have the whole year and a longer serial."""


def tidy(text: str) -> str:
    """Return a number without spaces and hyphens, in ASCII capitals and digits; empty if the input is out of bounds."""
    if len(text) > INPUT_MAX:
        return ""
    plain = unicodedata.normalize("NFKC", text).upper()
    return "".join(
        character for character in plain if not character.isspace() and character not in "-\u2010\u2013\u2014"
    )


def check_credit_code(text: str) -> IdentityProblem | None:
    """Check a unified social credit code (统一社会信用代码, GB 32100-2015): 18 characters, the sum of places times 3^i is 0 modulo 31.

    31 is prime and 3 generates all its remainders, so one changed character and two swapped neighbours are always found. The
    region digits are not compared with today's regions and the organisation code inside is not checked by its own scheme: old codes
    outlive both.
    """
    code = tidy(text)
    if len(code) != 18:
        return IdentityProblem.LENGTH
    if any(character not in _CREDIT_ALPHABET for character in code) or not code[2:8].isdigit():
        return IdentityProblem.CHARACTERS
    if code[0] not in _AUTHORITIES or code[1] not in _SORTS:
        return IdentityProblem.AUTHORITY
    values = [_CREDIT_ALPHABET.index(character) for character in code]
    return IdentityProblem.CHECK if (_weighted(values[:17], _CREDIT_WEIGHTS) + values[17]) % 31 else None


def check_resident_id(text: str, today: Day) -> IdentityProblem | None:
    """Check a citizen's number (公民身份号码, GB 11643-1999): 18 digits, the last of which may be X; ISO 7064 MOD 11-2.

    One changed digit and two swapped neighbours are always found.

    Args:
        text: As typed.
        today: The day now; nobody is born later.
    """
    number = tidy(text)
    if len(number) != 18:
        return IdentityProblem.LENGTH
    if not _is_digits(number[:17]) or number[17] not in _RESIDENT_CHECKS:
        return IdentityProblem.CHARACTERS
    if number[:2] not in _PROVINCES:
        return IdentityProblem.REGION
    born = parse_day(f"{number[6:10]}-{number[10:12]}-{number[12:14]}")
    if born is None or born > today or civil_of(born)[0] < civil_of(today)[0] - _AGE_MAX:
        return IdentityProblem.BIRTH_DATE
    check = _RESIDENT_CHECKS[_weighted(list(map(int, number[:17])), _RESIDENT_WEIGHTS) % 11]
    return None if number[17] == check else IdentityProblem.CHECK


def check_bank_card(text: str) -> IdentityProblem | None:
    """Check the number of a bank card: 12 to 19 digits, Luhn (ISO/IEC 7812-1). Accounts of organisations have no check digit.

    One changed digit is always found, two swapped neighbours except 0 and 9.
    """
    number = tidy(text)
    if not 12 <= len(number) <= 19:
        return IdentityProblem.LENGTH
    if not _is_digits(number):
        return IdentityProblem.CHARACTERS
    digits = [int(digit) for digit in reversed(number)]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return IdentityProblem.CHECK if (sum(digits[0::2]) + doubled) % 10 else None


def check_patent_number(text: str, today: Day) -> IdentityProblem | None:
    """Check a Chinese patent (application) number with its check character: `202310000000.5`, `ZL95115608.X`, `CN…` before it.

    ZC 0006-2003: year, kind, serial of 7 digits; before 2003-10-01 two digits of the year and a serial of 5. The check character
    is the sum of the digits times 2, 3, … 9, 2, 3, 4, 5, modulo 11, X for 10. The standard leaves the formula to the office; it is read
    in public explanations of it and fits published numbers (201710601862.3, 95115608.X). One changed digit and two swapped
    neighbours are always found.

    Args:
        text: As typed.
        today: The day now; no number has a later year.
    """
    number = patent_number(text)
    digits, _, check = number.partition(".")
    if len(digits) not in (8, 12):
        return IdentityProblem.LENGTH
    if not _is_digits(digits) or check not in tuple("0123456789X"):
        return IdentityProblem.CHARACTERS
    short = len(digits) == 8
    if not _is_patent_year(digits, civil_of(today)[0]):
        return IdentityProblem.YEAR
    if digits[2 if short else 4] not in _PATENT_KINDS:
        return IdentityProblem.KIND
    weights = [_PATENT_WEIGHTS[place % 8] for place in range(len(digits))]
    expected = "0123456789X"[_weighted(list(map(int, digits)), weights) % 11]
    return None if check == expected else IdentityProblem.CHECK


def patent_number(text: str) -> str:
    """Return a patent number in its one form, `202310000000.5`: without CN or ZL, with the dot. Malformed input stays malformed."""
    number = tidy(text).removeprefix("CN").removeprefix("ZL").replace(".", "")
    return f"{number[:-1]}.{number[-1:]}"


def _is_patent_year(digits: str, this_year: int) -> bool:
    if len(digits) == 12:
        return _LONG_NUMBERS_FROM <= int(digits[:4]) <= this_year
    # Two digits: 85 … 99 and 00 … 03.
    return int(digits[:2]) >= _FIRST_PATENT_YEAR % 100 or int(digits[:2]) <= _LONG_NUMBERS_FROM % 100


def _weighted(values: Sequence[int], weights: Sequence[int]) -> int:
    return sum(value * weight for value, weight in zip(values, weights, strict=False))


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
