"""Texts in Chinese and English: gettext catalogues with stable keys. Chinese is the source language of the screens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from aiohttp import web
from babel.messages.pofile import read_po

LOCALES: Final[Mapping[str, str]] = {"zh": "zh_CN", "en": "en"}
DEFAULT: Final = "zh"
COOKIE: Final = "ortoo_lang"
_DIRECTORY: Final = Path(__file__).parent.parent / "locales"
_FOR_BROWSER: Final = ("room.", "error.", "phase.", "history.", "pass.", "live.", "clock.", "halt.")


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return the texts of a language by key; no key stands in two files (tests/pages/test_texts.py)."""
    texts: dict[str, str] = {}
    for path in catalogue_files(language):
        with path.open("rb") as file:
            texts.update({str(message.id): str(message.string) for message in read_po(file) if message.id})
    return texts


def catalogue_files(language: str) -> list[Path]:
    """Return the catalogue's files: one for each part of the product, so that each is read in one sitting."""
    return sorted((_DIRECTORY / LOCALES[language] / "LC_MESSAGES").glob("*.po"))


@cache
def browser_texts(language: str) -> str:
    """Return the part of a catalogue that the live room needs, as JSON."""
    texts = {key: text for key, text in catalogue(language).items() if key.startswith(_FOR_BROWSER)}
    return json.dumps(texts, ensure_ascii=False)


def translate(language: str, key: str, **values: object) -> str:
    """Return a text with its values filled in; a key that nobody wrote is shown as it is, so that it is noticed."""
    text = catalogue(language).get(key, key)
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text


def language_of(request: web.Request) -> str:
    """Return the language of a visitor: what he chose, else what his browser prefers, else Chinese."""
    chosen = request.cookies.get(COOKIE, "")
    if chosen in LOCALES:
        return chosen
    for part in request.headers.get("Accept-Language", "").lower().split(",")[:10]:
        tag = part.partition(";")[0].strip()[:2]
        if tag in LOCALES:
            return tag
    return DEFAULT
