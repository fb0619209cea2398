"""Words of a text as the search and the matching see them: pure, the same for what is stored and what is asked.

Chinese has no spaces, so a run of Han characters gives every character and every pair of neighbours (bigram); everything else gives
whole words. A dictionary would miss what is newest in technology, which is what people look for (钕铁硼晶界扩散).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

QUERY_MAX: Final = 200
"""Characters of a query; the rest is not read."""
TERMS_MAX: Final = 32
"""Terms of a query; later ones are not asked for, and `Query.cut` says so."""
WORD_MAX: Final = 40
"""Characters of a word; longer ones are known by their beginning."""
MARK_SPAN: Final = 110
"""Characters of a snippet."""

_HAN: Final = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUN: Final = re.compile(
    rf"(?P<han>[{_HAN}]+)|(?P<word>(?:(?![{_HAN}])[^\W_])+(?:(?<=[0-9])\.(?=[0-9])(?:(?![{_HAN}])[^\W_])+)*)"
)
_QUOTED: Final = re.compile('["“”„「『«]([^"“”„「」『』«»]{1,200})["“”」』»]')
_DROPPED: Final = frozenset({"Mn", "Me", "Cf"})


class _Fold(dict[int, str]):
    """Folding of one character, remembered: width, case, accents and invisible characters make no difference."""

    def __missing__(self, point: int) -> str:
        plain = unicodedata.normalize("NFKD", chr(point))
        kept = "".join(c for c in plain if unicodedata.category(c) not in _DROPPED)
        folded = unicodedata.normalize("NFKC", kept).casefold()
        found = "".join(c if unicodedata.category(c)[0] not in "CZ" else " " for c in folded)
        if len(self) < 200_000:  # there are 1.1 million characters; nobody fills the memory with them
            self[point] = found
        return found


_FOLD: Final = _Fold()


class Word(Struct, frozen=True):
    """One thing asked for: all its terms must occur; for a phrase the text itself, too."""

    text: str
    """Folded."""
    terms: tuple[str, ...]
    phrase: bool = False

    @property
    def needs_reading(self) -> bool:
        """The terms alone do not prove that the phrase is there."""
        return self.phrase and self.terms != (self.text,)


class Query(Struct, frozen=True):
    """What was asked, in order, without repetitions."""

    words: tuple[Word, ...] = ()
    cut: bool = False
    """More was asked than is looked for."""

    @property
    def terms(self) -> tuple[str, ...]:
        """Every term once."""
        return tuple(dict.fromkeys(term for word in self.words for term in word.terms))

    @property
    def phrases(self) -> tuple[str, ...]:
        """Phrases that the text must be read for."""
        return tuple(word.text for word in self.words if word.needs_reading)


def fold(text: str) -> str:
    """Return the text as it is compared: half width, lower case, no accents, control characters as spaces."""
    return text.translate(_FOLD)


def fold_line(text: str) -> str:
    """Return the folded text with single spaces."""
    return " ".join(fold(text).split())


def terms_of(text: str) -> set[str]:
    """Return every term of a text: characters and pairs of Han runs, words of the rest."""
    found: set[str] = set()
    for run in _RUN.finditer(fold(text)):
        han = run["han"]
        if han is None:
            found.add(run[0][:WORD_MAX])
        else:
            found.update(han)
            found.update(map(str.__add__, han, han[1:]))
    return found


def asked_terms(text: str) -> list[str]:
    """Return the terms that a query asks for: pairs of a Han run (a single character as itself), words of the rest; in order."""
    found: list[str] = []
    for run in _RUN.finditer(fold(text)):
        han = run["han"]
        if han is None:
            found.append(run[0][:WORD_MAX])
        elif len(han) == 1:
            found.append(han)
        else:
            found += [han[at : at + 2] for at in range(len(han) - 1)]
    return list(dict.fromkeys(found))


def parse(text: str) -> Query:
    """Read what a person typed. Every text is a query: what has no letters or digits asks for nothing.

    Words between quotation marks of any script are a phrase, to be found letter by letter; other words may stand apart.
    """
    cut = len(text) > QUERY_MAX
    words: dict[Word, None] = {}
    room = TERMS_MAX
    for piece, phrase in _pieces(text[:QUERY_MAX]):
        terms = asked_terms(piece)
        cut = cut or len(terms) > room
        terms = terms[:room]
        if terms and room:
            word = Word(fold_line(piece), tuple(terms), phrase)
            room -= 0 if word in words else len(terms)
            words[word] = None
    return Query(tuple(words), cut)


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    end = 0
    for quoted in _QUOTED.finditer(text):
        yield from ((piece, False) for piece in text[end : quoted.start()].split())
        yield quoted[1], True
        end = quoted.end()
    yield from ((piece, False) for piece in text[end:].split())


class Piece(Struct, frozen=True):
    """A stretch of a text to show; `hit` is one of the words asked for."""

    text: str
    hit: bool = False


def marked(text: str, query: Query, span: int = MARK_SPAN) -> list[Piece]:
    """Return the stretch of `text` around the first word found, cut into pieces; its beginning if no word is in it."""
    hits = _hits(text, query)
    first = hits[0][0] if hits else 0
    start = 0 if len(text) <= span or first < span // 2 else first - span // 4
    end = min(len(text), start + span)
    pieces = [Piece("…")] if start else []
    at = start
    for begin, stop in hits:
        begin, stop = max(begin, at), min(stop, end)
        if begin >= stop:
            continue
        if begin > at:
            pieces.append(Piece(text[at:begin]))
        pieces.append(Piece(text[begin:stop], True))
        at = stop
    if at < end:
        pieces.append(Piece(text[at:end]))
    return [*pieces, Piece("…")] if end < len(text) else pieces


def _hits(text: str, query: Query) -> list[tuple[int, int]]:
    """Return where words of the query stand in the text, as merged half-open ranges in order."""
    folded, places = _with_places(text)
    needles = sorted({needle for word in query.words for needle in (word.text, *word.terms)}, key=len, reverse=True)
    if not needles or not folded:
        return []
    found: list[tuple[int, int]] = []
    for match in re.finditer("|".join(map(re.escape, needles)), folded):
        begin, stop = places[match.start()], places[match.end() - 1] + 1
        if _cuts_a_word(folded, match.start(), match.end()):
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((begin, stop))
    return found


def _cuts_a_word(folded: str, begin: int, stop: int) -> bool:
    """Tell whether a match is only a part of a Latin word: `n5` is not in `n52`."""
    return any(
        0 < edge < len(folded) and _is_word(folded[edge - 1]) and _is_word(folded[edge]) for edge in (begin, stop)
    )


def _is_word(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _with_places(text: str) -> tuple[str, list[int]]:
    """Return the folded text and, for each of its characters, the place in the original."""
    folded: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for one in fold(character):
            folded.append(one)
            places.append(place)
    return "".join(folded), places


def joined(texts: Iterable[str]) -> str:
    """Return folded texts on lines of their own: a phrase never reaches from one into the next."""
    return "\n".join(line for text in texts if (line := fold_line(text)))
