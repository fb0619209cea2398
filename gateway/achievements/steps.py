"""The guided form: one question, or one small group, a step; each step reads its own fields and touches nothing else.

What cannot be read (a share that is no number) is named and leaves the record as it was; everything else is kept as typed, and the
check list at the end says what is still wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, NamedTuple, TypeVar

from msgspec.structs import replace
from multidict import MultiMapping

from engine.rules.achievement import record as r
from engine.rules.achievement.checking import Problem
from engine.values import Currency, parse_amount

E = TypeVar("E", bound=Enum)
Form = MultiMapping[str]
_PERCENT: Final = Currency("", 2)
"""A share in percent with two decimals is a whole number of basis points."""
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")


class Wrong(NamedTuple):
    """A field that could not be read; the text is the catalogue entry `achievement.wrong.<code>`."""

    field: str
    code: str
    typed: str


class Step(NamedTuple):
    """A step: its name, the fields of the record that it asks for, and how it reads them."""

    name: str
    fields: tuple[str, ...]
    read: Callable[[_Reader, r.Achievement], r.Achievement]


class _Reader:
    def __init__(self, form: Form) -> None:
        self._form = form
        self.wrong: list[Wrong] = []

    def text(self, name: str, most: int = r.LINE_MAX) -> str:
        return str(self._form.get(name, "")).replace("\r\n", "\n").strip()[:most]

    def ticked(self, name: str) -> bool:
        return self._form.get(name) == "1"

    def choice(self, name: str, kind: type[E]) -> E | None:
        value = self._form.get(name, "")
        return kind(value) if value in {one.value for one in kind} else None

    def choices(self, name: str, kind: type[E]) -> tuple[E, ...]:
        chosen = set(self._form.getall(name, []))
        return tuple(one for one in kind if one.value in chosen)

    def lines(self, name: str) -> tuple[str, ...]:
        found = (line.strip()[: r.LINE_MAX] for line in str(self._form.get(name, "")).splitlines())
        return tuple(line for line in found if line)[: r.LIST_MAX]

    def rows(self, *names: str) -> list[dict[str, str]]:
        """Return repeated groups of fields, place by place; groups of nothing but spaces are left out."""
        columns = [[str(v).strip()[: r.LINE_MAX] for v in self._form.getall(name, [])] for name in names]
        longest = max((len(column) for column in columns), default=0)
        rows = [{n: c[i] if i < len(c) else "" for n, c in zip(names, columns, strict=True)} for i in range(longest)]
        return rows[: r.LIST_MAX]

    def percent(self, name: str, text: str) -> int:
        plain = text.replace("\uff05", "%").rstrip("% ").strip()
        share = parse_amount(plain, _PERCENT) if plain else 0
        if share is None or share > r.ALL_BP:
            self.wrong.append(Wrong(name, "percent", text[:20]))
            return 0
        return int(share)


def _secrecy(form: _Reader, record: r.Achievement) -> r.Achievement:
    return replace(record, secrecy=form.choice("secrecy", r.Secrecy))


def _name(form: _Reader, record: r.Achievement) -> r.Achievement:
    titles = {name: form.text(name, r.TITLE_MAX) for name in ("title_zh", "title_en", "title_mn")}
    return replace(record, **titles)


def _abstract(form: _Reader, record: r.Achievement) -> r.Achievement:
    words = tuple(w for w in re.split(r"[\s,，;；、]+", form.text("keywords")) if w)
    return replace(
        record,
        abstract_zh=form.text("abstract_zh", r.ABSTRACT_MAX),
        abstract_en=form.text("abstract_en", r.ABSTRACT_MAX),
        keywords=tuple(dict.fromkeys(words))[: r.LIST_MAX],
    )


def _holder(form: _Reader, record: r.Achievement) -> r.Achievement:
    return replace(
        record,
        holder_zh=form.text("holder_zh", r.TITLE_MAX),
        holder_en=form.text("holder_en", r.TITLE_MAX),
        holder_kind=form.choice("holder_kind", r.HolderKind),
        region=form.text("region"),
    )


def _field(form: _Reader, record: r.Achievement) -> r.Achievement:
    codes = tuple(dict.fromkeys(code for name in ("field", "field_2", "field_3") if (code := form.text(name))))
    return replace(record, fields=codes, industry=form.text("industry"))


def _readiness(form: _Reader, record: r.Achievement) -> r.Achievement:
    level = form.text("trl")
    trl = int(level) if level in {str(n) for n in r.TRL_LEVELS} else None
    kept = {one.level: one for one in record.trl_evidence}
    evidence = []
    for number in r.TRL_LEVELS:
        text = form.text(f"evidence_{number}", r.ABSTRACT_MAX)
        attachment = kept[number].attachment if number in kept else ""
        if text or attachment:
            evidence.append(r.Evidence(level=number, text=text, attachment=attachment))
    return replace(record, trl=trl, trl_evidence=tuple(evidence), maturity=form.choice("maturity", r.Maturity))


def _use(form: _Reader, record: r.Achievement) -> r.Achievement:
    indicators = tuple(
        r.Indicator(name=row["indicator_name"], value=row["indicator_value"], basis=row["indicator_basis"])
        for row in form.rows("indicator_name", "indicator_value", "indicator_basis")
        if any(row.values())
    )
    awards = []
    for line in form.lines("awards"):
        year = _YEAR.search(line)
        awards.append(r.Award(name=line, year=int(year[0]) if year else None))
    return replace(record, scenes=form.lines("scenes"), indicators=indicators, awards=tuple(awards))


def _people(form: _Reader, record: r.Achievement) -> r.Achievement:
    public = set(form._form.getall("completer_public", []))
    people = [
        r.Completer(
            name=row["completer_name"],
            unit=row["completer_unit"],
            share_bp=form.percent("completers", row["completer_share"]),
            named_publicly=str(place) in public,
        )
        for place, row in enumerate(form.rows("completer_name", "completer_unit", "completer_share"))
        if any(row.values())
    ]
    return replace(record, completers=tuple(people))


def _project(form: _Reader, record: r.Achievement) -> r.Achievement:
    project = r.Project(
        plan=form.text("plan"),
        number=form.text("project_number"),
        fiscal={"yes": True, "no": False}.get(form.text("fiscal")),
        obligations=form.text("obligations", r.ABSTRACT_MAX),
    )
    return replace(record, project=project)


def _export(form: _Reader, record: r.Achievement) -> r.Achievement:
    number = form.text("letter_number")
    letter = r.ExportLetter(number=number, issued_on=form.text("letter_on")) if number else None
    return replace(
        record,
        export_class=form.choice("export_class", r.ExportClass),
        export_letter=letter,
        special=form.choices("special", r.Special),
        ethics_approval=form.text("ethics_approval"),
    )


def _rights(form: _Reader, record: r.Achievement) -> r.Achievement:
    return replace(record, without_rights=form.ticked("without_rights"))


def _full(form: _Reader, record: r.Achievement) -> r.Achievement:
    return replace(record, full_text=form.text("full_text", r.TEXT_MAX), nda_text=form.text("nda_text", r.ABSTRACT_MAX))


def _documents(form: _Reader, record: r.Achievement) -> r.Achievement:
    shown = {one.value: one for one in r.Visibility}
    documents = tuple(
        replace(one, visibility=shown.get(form.text(f"visibility_{one.id}"), one.visibility))
        for one in record.documents
    )
    return replace(record, documents=documents)


def _offer(form: _Reader, record: r.Achievement) -> r.Achievement:
    return replace(record, modes=form.choices("modes", r.Mode), defects=form.text("defects", r.ABSTRACT_MAX))


STEPS: Final = (
    Step("secrecy", ("secrecy",), _secrecy),
    Step("name", ("title_zh", "title_en", "title_mn"), _name),
    Step("abstract", ("abstract_zh", "abstract_en", "keywords"), _abstract),
    Step("holder", ("holder_zh", "holder_en", "holder_kind", "region"), _holder),
    Step("field", ("fields", "industry"), _field),
    Step("readiness", ("trl", "trl_evidence", "maturity"), _readiness),
    Step("use", ("scenes", "indicators", "awards"), _use),
    Step("people", ("completers",), _people),
    Step("rights", ("without_rights", "rights"), _rights),
    Step("export", ("export_class", "export_letter", "special", "ethics_approval"), _export),
    Step("project", ("project",), _project),
    Step("offer", ("modes", "defects"), _offer),
    Step("full", ("full_text", "nda_text"), _full),
    Step("documents", ("documents",), _documents),
)
BY_NAME: Final[Mapping[str, Step]] = {step.name: step for step in STEPS}
STEP_OF: Final[Mapping[str, str]] = {field: step.name for step in STEPS for field in step.fields}
"""Step that asks for a field of the record."""


def read_step(step: Step, record: r.Achievement, form: Form) -> tuple[r.Achievement, list[Wrong]]:
    """Return the record with what a step's form says, and what could not be read."""
    reader = _Reader(form)
    return step.read(reader, record), reader.wrong


def read_right(form: Form, before: r.Right | None) -> r.Right | None:
    """Return one right as its form says; None without a kind. What the form does not ask for stays as it was."""
    reader = _Reader(form)
    kind = reader.choice("kind", r.RightKind)
    if kind is None:
        return None
    co_owners = tuple(
        r.CoOwner(name=row["co_owner_name"], consent=row["co_owner_consent"])
        for row in reader.rows("co_owner_name", "co_owner_consent")
        if row["co_owner_name"]
    )
    licences = tuple(
        r.RunningLicence(mode=r.Mode(row["licence_mode"]), until_on=row["licence_until"], note=row["licence_note"])
        for row in reader.rows("licence_mode", "licence_until", "licence_note")
        if row["licence_mode"] in set(r.Mode)
    )
    texts = {
        name: reader.text(name)
        for name in (
            "name", "number", "owner", "filed_on", "granted_on", "expires_on", "annuity_paid_to", "pledge_consent",
            "disputes", "evaluation_report", "approval",
        )
    }  # fmt: skip
    default = r.RightStatus.HELD if kind is r.RightKind.KNOW_HOW else r.RightStatus.GRANTED
    return replace(
        before or r.Right(kind=kind),
        kind=kind,
        status=reader.choice("status", r.RightStatus) or default,
        co_owners=co_owners,
        licences=licences,
        pledged=reader.ticked("pledged"),
        family=reader.lines("family"),
        **texts,
    )


def step_of(problem: Problem) -> str:
    """Return the step where a problem can be put right."""
    return STEP_OF[re.split(r"[.\[]", problem.path, maxsplit=1)[0]]


def first_record(before: r.Achievement | None, shown_name: str) -> r.Achievement:
    """Return an empty record that repeats what the owner has said already: nothing is asked twice."""
    if before is None:
        return r.Achievement(holder_zh=shown_name)
    return r.Achievement(
        holder_zh=before.holder_zh or shown_name,
        holder_en=before.holder_en,
        holder_kind=before.holder_kind,
        region=before.region,
        nda_text=before.nda_text,
    )
