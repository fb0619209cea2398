"""Endpoints of contracts and registrations: one's own, the registrar's desk, the feed. Amounts are strings of digits in fen."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Struct
from pydantic import Field, StringConstraints

from gateway.errors import Code, Refused
from gateway.http.api.calls import Call
from gateway.http.api.views import DoneView
from gateway.http.api.wishes import Digits, Query, Wish
from gateway.registrations import acting
from settlement.contracts.drafting import draft
from settlement.contracts.life import Contract
from settlement.registration.deciding import TEXT_MAX
from settlement.registration.events import ExpertView
from settlement.registration.evolving import Registration
from settlement.registration.feed.outbox import Letter
from settlement.registration.files import File
from settlement.registration.form import form_fields
from settlement.registration.package import schema

PAGE_MAX: Final = 100
Reason = Annotated[str, StringConstraints(max_length=TEXT_MAX)]
Short = Annotated[str, StringConstraints(max_length=200)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]


class RegistrationView(Struct, frozen=True, kw_only=True):
    """A registration. Instants are 0 where they do not apply."""

    id: str
    state: str
    deal: str
    contract: str
    contract_version: int
    project: str
    contract_kind: str
    seller: str
    buyer: str
    total: str
    technical: str
    revision: int
    number: str
    submitted_at_us: int
    accepted_at_us: int
    due_at_us: int
    due_certain: bool
    registered_at_us: int
    return_reason: str
    return_fields: list[str]
    ground: int
    """Ground of the refusal, or of the proposal to refuse; 0: none."""
    reason: str
    ended_ground: str
    in_force: bool
    demonstration: bool


class FoundView(Struct, frozen=True, kw_only=True):
    """One finding of the pre-check: where, what, how sure. Its texts are `finding.<word>` and `finding.<word>.mend`."""

    where: str
    word: str
    ground: int
    level: str
    data: dict[str, str]


class FieldView(Struct, frozen=True, kw_only=True):
    """One field of the form, in its order."""

    key: str
    national: str
    label: str
    value: str
    shown: str
    origin: str
    answerable: bool


class RegistrationFileView(Struct, frozen=True, kw_only=True):
    """A registration with its form and what was found."""

    registration: RegistrationView
    fields: list[FieldView]
    findings: list[FoundView]
    clear: bool


class RegistrationsView(Struct, frozen=True):
    """A page of registrations."""

    registrations: list[RegistrationView]
    next: str | None


class ContractView(Struct, frozen=True, kw_only=True):
    """A contract as text."""

    id: str
    state: str
    version: int
    deal: str
    contract_kind: str
    title: str
    text_sha256: str
    total: str
    technical: str
    clauses: list[list[str]]
    """Id, title, text, articles."""


class LetterView(Struct, frozen=True, kw_only=True):
    """A message of the feed that was not delivered."""

    id: str
    registration: str
    revision: int
    news: str
    attempts: int
    problem: str
    since_us: int


class FeedView(Struct, frozen=True, kw_only=True):
    """What an outside system has not taken."""

    waiting: list[LetterView]
    dead: list[LetterView]


class RegistrationsQuery(Query):
    """Which of one's own."""

    after: str = Field("", max_length=100, description="`next` of the page before.")
    limit: int = Field(20, ge=1, le=PAGE_MAX)


class RegistrarQueueQuery(Query):
    """Which queue of the desk."""

    queue: Literal[
        "incoming",
        "pre_check",
        "accepted",
        "first_review",
        "expert_review",
        "second_review",
        "objected",
        "overdue",
        "returned",
        "done",
    ] = "incoming"
    prefecture: str = Field("", pattern=r"^([0-9]{6})?$", description="League or city of the registrant.")
    after: str = Field("", pattern=r"^([0-9]{1,18}~[A-Za-z0-9._-]{1,100})?$", description="`next` of the page before.")
    limit: int = Field(50, ge=1, le=PAGE_MAX)


class AnswersWish(Wish):
    """Answers of the registrant by field; explanations by the word of a finding about wording."""

    answers: Annotated[dict[Short, Reason], Field(max_length=100)]
    explanations: Annotated[dict[Short, Reason], Field(max_length=20)] = {}


class SubmitWish(Wish):
    """Hand it in; the same key again changes nothing."""

    key: Key | None = None


class ObjectionWish(Wish):
    """Why the decision should be another one."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=TEXT_MAX)]


class ExpertWish(Wish):
    """One expert's opinion."""

    name: Short
    unit: Short
    agrees: bool


class RegistrarActWish(Wish):
    """An act of the desk. Which members an act needs: docs/REGISTRATION.md."""

    act: Literal[
        "start_pre_check", "return", "accept", "start_review", "dispute", "opinion", "experts", "send_back", "register", "refuse",
        "change", "cancel", "revoke", "object", "decide_objection", "archive",
    ]  # fmt: skip
    key: Key | None = None
    reason: Reason = ""
    fields: Annotated[list[Short], Field(max_length=60)] = []
    outcome: Literal["register", "refuse"] = "register"
    technical: Digits | None = None
    total: Digits | None = None
    ground: int = Field(0, ge=0, le=9)
    number: Short = ""
    confirmed: bool = False
    experts: Annotated[list[ExpertWish], Field(max_length=30)] = []
    cause: Short = ""
    revocation: Short = ""
    by: Short = ""
    upheld: bool = False


async def own(call: Call, query: RegistrationsQuery) -> RegistrationsView:
    """One's own registrations, as registrant."""
    found = await call.services.registering.registrations.of_applicant(
        call.caller.party_id, query.after, query.limit + 1
    )
    more = found[query.limit - 1].id if len(found) > query.limit else None
    return RegistrationsView([registration_view(one) for one in found[: query.limit]], more)


async def one(call: Call) -> RegistrationFileView:
    """A registration with form and findings; for the sides of the contract, the registrar and the market's staff."""
    return file_view(await _seen(call))


async def package(call: Call) -> dict[str, Any]:
    """The package: as it was handed in, or as it would be now. Its schema: /api/v1/registration-schema."""
    file = await _seen(call)
    files = call.services.registering.registrations.files
    body = await files.package_of(file.registration) or await files.preview(file.registration.id)
    assert body is not None, "it was read just now"
    said: dict[str, Any] = msgspec.json.decode(body)
    return said


async def answer(call: Call, wish: AnswersWish) -> RegistrationFileView:
    """Keep answers."""
    await acting.save(call.services, call.caller, call.origin.network, call.path["id"], wish.answers, wish.explanations)
    return file_view(await acting.own_file(call.services, call.caller, call.path["id"]))


async def submit(call: Call, wish: SubmitWish) -> RegistrationView:
    """Hand it in, or hand it in again."""
    return registration_view(
        await acting.submit(call.services, call.caller, call.origin.network, call.path["id"], wish.key)
    )


async def object_to(call: Call, wish: ObjectionWish) -> RegistrationView:
    """Object to a decision, as a side of the contract."""
    return registration_view(
        await acting.object_to(call.services, call.caller, call.origin.network, call.path["id"], wish.text)
    )


async def contract(call: Call) -> ContractView:
    """A contract as text."""
    found = await call.services.registering.contracts.read(call.path["id"])
    if found is None or not (_sees_all(call) or call.caller.party_id in acting.sides(found)):
        raise Refused(Code.NOT_FOUND)
    return contract_view(found)


def contract_view(found: Contract) -> ContractView:
    """Return a contract as programs see it."""
    made = draft(found.signed_facts)
    return ContractView(
        id=found.id, state=found.state.value, version=found.version, deal=found.facts.deal, contract_kind=found.facts.kind,
        title=made.title, text_sha256=found.text, total=str(made.amount.total_fen), technical=str(made.amount.technical_fen),
        clauses=[
            [clause.id, clause.zh, clause.text, "; ".join(article.cited for article in clause.articles)]
            for clause in made.clauses
        ],
    )  # fmt: skip


async def queue(call: Call, query: RegistrarQueueQuery) -> RegistrationsView:
    """A queue of the desk, longest waiting first."""
    since, _, after = query.after.partition("~")
    desk = call.services.registering.registrations
    found = await desk.queue(query.queue, (int(since or 0), after), query.limit + 1, query.prefecture)
    shown, last = found[: query.limit], None
    if len(found) > query.limit:
        last = f"{shown[-1].since_us}~{shown[-1].registration.id}"
    return RegistrationsView([registration_view(one.registration) for one in shown], last)


async def act(call: Call, wish: RegistrarActWish) -> RegistrationView:
    """Do an act of the desk."""
    asked = acting.RegistrarAct(
        act=wish.act, reason=wish.reason, fields=tuple(wish.fields), outcome=wish.outcome,
        technical_fen=None if wish.technical is None else int(wish.technical), total_fen=None if wish.total is None else int(wish.total),
        ground=wish.ground, number=wish.number, confirmed=wish.confirmed,
        experts=tuple(ExpertView(name=one.name, unit=one.unit, agrees=one.agrees) for one in wish.experts), cause=wish.cause,
        revocation=wish.revocation, by=wish.by, upheld=wish.upheld,
    )  # fmt: skip
    return registration_view(
        await acting.act(call.services, call.caller, call.origin.network, call.path["id"], asked, wish.key)
    )


async def feed(call: Call) -> FeedView:
    """What an outside registrar's system has not taken: messages that wait, and dead letters."""
    outbox = call.services.registering.outbox
    return FeedView(
        waiting=[_letter(one) for one in await outbox.waiting()], dead=[_letter(one) for one in await outbox.dead()]
    )


async def requeue(call: Call) -> DoneView:
    """Send a dead letter again from the beginning."""
    if not await call.services.registering.outbox.requeue(call.path["message"], call.services.now_us):
        raise Refused(Code.NOT_FOUND)
    await call.services.accounts.note(call.caller, call.origin.network, "registrar_feed.requeued", call.path["message"])
    return DoneView()


async def package_schema(call: Call) -> dict[str, Any]:  # noqa: ARG001  # the form of every endpoint
    """The JSON Schema of packages."""
    return schema()


def registration_view(registration: Registration) -> RegistrationView:
    """Return a registration as programs see it."""
    return RegistrationView(
        id=registration.id, state=registration.state.value, deal=registration.deal, contract=registration.contract_id,
        contract_version=registration.contract_version, project=registration.project, contract_kind=registration.kind,
        seller=registration.seller, buyer=registration.buyer, total=str(registration.total_fen), technical=str(registration.technical_fen),
        revision=registration.revision, number=registration.number, submitted_at_us=registration.submitted_at_us,
        accepted_at_us=registration.accepted_at_us, due_at_us=registration.due_at_us, due_certain=registration.due_certain,
        registered_at_us=registration.registered_at_us, return_reason=registration.return_reason,
        return_fields=list(registration.return_fields), ground=registration.ground, reason=registration.reason,
        ended_ground=registration.ended_ground, in_force=registration.stands, demonstration=registration.demonstration,
    )  # fmt: skip


def file_view(file: File) -> RegistrationFileView:
    """Return a file as programs see it."""
    fields = form_fields()
    return RegistrationFileView(
        registration=registration_view(file.registration),
        fields=[
            FieldView(
                key=key, national=fields[key].national, label=fields[key].zh, value=filled.value, shown=fields[key].shown(filled.value),
                origin=filled.origin.value, answerable=fields[key].answerable,
            )
            for key, filled in file.form.items()
        ],
        findings=[
            FoundView(where=one.where, word=one.word, ground=int(one.ground), level=one.level.value, data=one.data)
            for one in file.found.findings
        ],
        clear=file.found.clear,
    )  # fmt: skip


def _letter(letter: Letter) -> LetterView:
    return LetterView(
        id=letter.id, registration=letter.registration, revision=letter.revision, news=letter.kind, attempts=letter.attempts,
        problem=letter.problem, since_us=letter.at_us,
    )  # fmt: skip


def _sees_all(call: Call) -> bool:
    role = call.caller.role
    return role is not None and not role.trades


async def _seen(call: Call) -> File:
    if not _sees_all(call):
        return await acting.own_file(call.services, call.caller, call.path["id"])
    file = await call.services.registering.registrations.files.file(call.path["id"])
    if file is None:
        raise Refused(Code.NOT_FOUND)
    return file
