"""Catalogues: both languages complete, the same places to fill, no text in templates or scripts, nothing from another host."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.errors import ERRORS
from gateway.pages.i18n import catalogue, catalogue_files

ROOT = Path(__file__).parents[2] / "gateway"
TEMPLATES = sorted((ROOT / "pages" / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static" / "js").rglob("*.js"))
ZH, EN = catalogue("zh"), catalogue("en")


def test_both_languages_have_the_same_keys_and_places() -> None:
    assert set(ZH) == set(EN)
    for key, text in ZH.items():
        assert sorted(re.findall(r"{\w+}", text)) == sorted(re.findall(r"{\w+}", EN[key])), key
        assert text.strip(), key


def test_no_key_stands_in_two_files_and_both_languages_have_the_same_files() -> None:
    for language in ("zh", "en"):
        seen: dict[str, str] = {}
        for path in catalogue_files(language):
            for key in re.findall(r'^msgid "(.+)"$', path.read_text(encoding="utf-8"), re.MULTILINE):
                assert key not in seen, (key, path.name, seen.get(key))
                seen[key] = path.name
    assert [path.name for path in catalogue_files("zh")] == [path.name for path in catalogue_files("en")]


def test_every_error_code_has_a_text_and_a_short_name() -> None:
    for code in ERRORS:
        assert f"error.{code}" in ZH, code
        assert f"short.{code}" in ZH, code


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_keys_that_exist_and_no_text(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    for key in re.findall(r"""\bt\(["']([a-z_.0-9A-Z]+)["'][,)]""", source):
        assert key in ZH, key
    # The language switch names the other language in itself.
    assert not re.search(r"[\u4e00-\u9fff]", source.replace("中文", ""))
    assert not re.search(r"""(src|href)=["']https?:""", source)
    assert "style=" not in source
    assert not re.search(r"\son\w+=", source)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_hold_keys_that_exist_and_no_foreign_address(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    for key in re.findall(r"""\bt\(["']([a-z_.0-9]+)["'][,)]""", source):
        assert key in ZH, key
    assert "innerHTML" not in source
    assert not re.search(r"""["'`]https?://""", source)


def test_vendored_files_are_what_they_say() -> None:
    vendor = ROOT / "static" / "vendor"
    entries = json.loads((vendor / "VENDORED.json").read_text(encoding="utf-8"))
    assert {entry["file"] for entry in entries} | {"VENDORED.json"} == {
        str(path.relative_to(vendor)) for path in vendor.rglob("*") if path.is_file()
    }
    for entry in entries:
        assert sha256((vendor / entry["file"]).read_bytes()).hexdigest() == entry["sha256"], entry["file"]


def test_committed_lists_name_no_registry() -> None:
    top = ROOT.parent
    for path in [*top.glob("requirements/*.lock"), top / "package-lock.json", top / "pyproject.toml"]:
        assert not re.search(r"https?://|index-url|resolved", path.read_text(encoding="utf-8")), path.name
