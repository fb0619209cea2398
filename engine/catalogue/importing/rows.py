"""One row becomes one record, or a list of what is wrong with it: line, column, what, and what stood there."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from engine.catalogue.importing.columns import BY_KEY, CELL_MAX, CellWrong
from engine.catalogue.importing.reading import Row
from engine.rules.achievement.checking import Stage, problems
from engine.rules.achievement.record import Achievement
from engine.values import InstantUs

VALUE_SHOWN: Final = 60
UNSHOWN: Final = frozenset({"completers"})
"""Columns whose content is personal data: the report says what is wrong, never what stood there (P6)."""


class LineProblem(Struct, frozen=True):
    """What is wrong at one place; the words are `import.problem.<code>`, else those of the record's own check."""

    line: int
    column: str
    code: str
    value: str = ""
    blocking: bool = True
    """False: the row can be imported and completed later."""


class Line(Struct, frozen=True):
    """A row as read."""

    line: int
    record: Achievement
    problems: list[LineProblem]

    @property
    def is_good(self) -> bool:
        """Nothing keeps it out."""
        return not any(problem.blocking for problem in self.problems)


def read_row(row: Row, *, publish: bool, at_us: int) -> Line:
    """Return the record of a row.

    Args:
        row: From the file.
        publish: The record is to be public at once: all that is missing keeps it out; a draft may be completed later.
        at_us: The instant at which terms of rights are reckoned.
    """
    fields: dict[str, Any] = {}
    found: list[LineProblem] = []
    for key, cell in row.cells.items():
        shown = "" if key in UNSHOWN else cell.text[:VALUE_SHOWN]
        if cell.formula:
            found.append(LineProblem(row.line, key, "formula"))
        elif len(cell.text) > CELL_MAX:
            found.append(LineProblem(row.line, key, "cell_too_long", shown))
        elif not _is_text(cell.text):
            found.append(LineProblem(row.line, key, "control_characters"))
        else:
            try:
                fields.update(BY_KEY[key].read(cell.text))
            except CellWrong as wrong:
                value = "" if key in UNSHOWN else wrong.value[:VALUE_SHOWN] or shown
                found.append(LineProblem(row.line, key, wrong.code, value))
    record = Achievement(**fields)
    spoken_for = {problem.column for problem in found}
    for problem in problems(record, Stage.PUBLISH, InstantUs(at_us)):
        column = problem.path.partition("[")[0].partition(".")[0]
        if column == "project":
            column = "fiscal"
        if column in spoken_for or (not problem.blocking and not publish):
            continue
        # A secret is refused always; a title is what a draft is known by; everything else a draft may lack.
        hard = problem.blocking and (publish or problem.code in ("secret_refused", "too_long", "too_many"))
        hard = hard or (problem.code == "required" and column == "title_zh")
        found.append(LineProblem(row.line, column, problem.code, blocking=hard))
    return Line(row.line, record, found)


def _is_text(text: str) -> bool:
    return all(character >= " " or character in "\t\n\r" for character in text) and "\x7f" not in text
