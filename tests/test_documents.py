"""Documents tell the truth: tests they name exist, files they link exist, generated tables are current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_named_tests_and_files_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for place, name in re.findall(r"`((?:tests/)[\w/.]+\.(?:py|mjs))(?:::(\w+))?`", text):
        assert (ROOT / place).exists(), place
        if name:
            assert f"def {name}(" in (ROOT / place).read_text(encoding="utf-8"), f"{place}::{name}"
    for name in re.findall(r"`(?:test_\w+\.py)?::(test_\w+)`", text):
        assert any(f"def {name}(" in other.read_text(encoding="utf-8") for other in (ROOT / "tests").rglob("*.py")), (
            name
        )
    for place in re.findall(r"`((?:engine|gateway|loadtests|docs|deploy|tools)/[\w/.-]+\.\w+)`", text):
        assert (ROOT / place).exists(), place


def test_the_project_speaks_only_of_itself() -> None:
    words = re.compile(r"\b(" + "TODO" + "|" + "FIXME" + "|" + "XXX" + r")\b|raise Not" + "ImplementedError")
    for path in [
        *(ROOT / "engine").rglob("*.py"),
        *(ROOT / "gateway").rglob("*.py"),
        *(ROOT / "loadtests").rglob("*.py"),
        *(ROOT / "settlement").rglob("*.py"),
    ]:
        assert not words.search(path.read_text(encoding="utf-8")), path


def test_files_can_be_read_in_one_sitting() -> None:
    for package in ("engine", "gateway", "loadtests", "settlement", "tests", "tools"):
        for path in (ROOT / package).rglob("*.py"):
            length = len(path.read_text(encoding="utf-8").splitlines())
            assert length <= 600, f"{path}: {length} lines"
