"""Endpoints of the catalogue: search, needs, suggestions, saved searches, notices, imports."""

from __future__ import annotations

import contextlib
from typing import Annotated, Final

from msgspec import Struct
from pydantic import Field, StringConstraints

from engine.catalogue.importing.jobs import Choice, ImportRefused, Job, Target, is_job_id
from engine.catalogue.importing.reading import BULK_BYTES_MAX, BYTES_MAX
from engine.catalogue.importing.rows import LineProblem
from engine.catalogue.matching.matches import Suggestion
from engine.catalogue.needs.store import NeedLine, NeedRefused, OwnNeed, PublicNeed, TooManyNeeds
from engine.catalogue.search.entries import Facet, Kind
from engine.catalogue.search.notices import Notice
from engine.catalogue.search.saved import NAME_MAX, NothingAsked, SavedSearch, TooManySaved
from engine.catalogue.search.searching import PAGE_MAX, Order, Results
from engine.rules.achievement.record import Mode
from engine.rules.needs import BUDGET_MAX, LINE_MAX, LIST_MAX, TEXT_MAX, TITLE_MAX, Need, NeedAct, NeedActor
from engine.rules.rejections import Reject
from engine.rules.words import QUERY_MAX, parse
from gateway.accounts.model import Role
from gateway.catalogue.asking import CURSOR_MAX, known_filters
from gateway.errors import Code, Refused
from gateway.http.api.calls import Call
from gateway.http.api.views import DoneView
from gateway.http.api.wishes import Digits, Query, Wish

Codes = Annotated[str, StringConstraints(max_length=400, pattern=r"^[A-Za-z0-9_,-]*$")]
"""Values of a facet with commas between them; one that the facet does not have narrows nothing."""
SUGGESTED: Final = 10


class CatalogueQuery(Query):
    """A search."""

    q: str = Field("", max_length=QUERY_MAX, description="Words that must all occur; between quotation marks a phrase.")
    field: Codes = Field("", description="Technical fields 01–11.")
    industry: Codes = Field("", description="Sections of GB/T 4754, letters.")
    region: Codes = Field("", description="GB/T 2260; a code ending in 00 is a whole league or city.")
    band: Codes = Field("", description="Readiness: 1-3, 4-6, 7-9.")
    mode: Codes = ""
    holder: Codes = ""
    listed: Codes = Field("", description="1: offered on the market now; 0: not.")
    sort: Order = Order.RELEVANCE
    after: str = Field("", max_length=CURSOR_MAX, description="`next` of the page before.")
    limit: int = Field(20, ge=1, le=PAGE_MAX)
    counts: bool = Field(True, description="Count the values of the facets, too.")

    def filters(self) -> dict[Facet, list[str]]:
        """Return the filters that name something."""
        return known_filters({facet.value: [v for v in getattr(self, facet.value).split(",") if v] for facet in Facet})


class MatchesQuery(Query):
    """How many."""

    limit: int = Field(SUGGESTED, ge=1, le=20)


class NoticesQuery(Query):
    """A page of the inbox."""

    before: int | None = Field(None, ge=0, description="`id` of the last notice of the page before.")
    limit: int = Field(50, ge=1, le=100)


class ReportQuery(Query):
    """A page of a report."""

    after: int = Field(-1, ge=-1, description="`next` of the page before.")
    limit: int = Field(100, ge=1, le=200)


class OwnNeedsQuery(Query):
    """A page of own needs."""

    after: str = Field("", max_length=CURSOR_MAX)


class NeedWish(Wish):
    """A technology need; amounts in fen as strings of digits."""

    title: str = Field(max_length=TITLE_MAX)
    problem: str = Field(max_length=TEXT_MAX)
    indicators: list[Annotated[str, StringConstraints(max_length=LINE_MAX)]] = Field([], max_length=LIST_MAX)
    company: str = Field(max_length=LINE_MAX)
    field: str = Field(max_length=2)
    industry: str = Field(max_length=5)
    region: str = Field(max_length=6)
    trl_min: int | None = Field(None, ge=1, le=9)
    budget_min_fen: Digits | None = None
    budget_max_fen: Digits | None = None
    negotiable: bool = False
    deadline: str = Field(max_length=10, description="ISO day, Asia/Shanghai: the last on which answers are welcome.")
    modes: list[Annotated[Mode, Field(strict=False)]] = Field([], max_length=7)
    contact: str = Field(max_length=LINE_MAX, description="For the operator, never public.")

    def need(self) -> Need:
        """Return the need."""
        given = self.model_dump(exclude={"budget_min_fen", "budget_max_fen", "modes", "indicators"})
        return Need(
            **given,
            indicators=tuple(self.indicators),
            modes=tuple(self.modes),
            budget_min_fen=_fen(self.budget_min_fen),
            budget_max_fen=_fen(self.budget_max_fen),
        )


class NeedActWish(Wish):
    """Something to do with a need."""

    act: Annotated[NeedAct, Field(strict=False)]
    reason: str = Field("", max_length=500)


class SearchWish(Wish):
    """A search to keep."""

    kind: Annotated[Kind, Field(strict=False)] = Kind.ACHIEVEMENT
    q: str = Field("", max_length=QUERY_MAX)
    filters: dict[Annotated[Facet, Field(strict=False)], list[Annotated[str, StringConstraints(max_length=20)]]] = (
        Field({}, max_length=7)
    )
    name: str = Field("", max_length=NAME_MAX)


class ReadWish(Wish):
    """Which notices were read."""

    up_to: int = Field(ge=0, description="This one and all before it.")


class ImportWish(Wish):
    """What to do with a checked file: `all` rows or none, only the `good` ones, or `cancel`."""

    act: Annotated[str, StringConstraints(pattern="^(all|good|cancel)$")]


class SuggestionsView(Struct, frozen=True):
    """What may fit, best first."""

    suggestions: list[Suggestion]


class OwnNeedsView(Struct, frozen=True):
    """A page of own needs."""

    needs: list[OwnNeed]
    next: str | None


class OwnNeedView(Struct, frozen=True):
    """An own need with what was done."""

    need: OwnNeed
    lines: list[NeedLine]


class SearchesView(Struct, frozen=True):
    """Saved searches."""

    searches: list[SavedSearch]


class NoticesView(Struct, frozen=True):
    """A page of the inbox."""

    notices: list[Notice]
    unread: int


class JobsView(Struct, frozen=True):
    """Own imports, newest first."""

    jobs: list[Job]


class ImportReportView(Struct, frozen=True):
    """A page of a report, line by line."""

    job: Job
    problems: list[LineProblem]
    next: int | None


async def search(call: Call, query: CatalogueQuery) -> Results:
    """Achievements that match, with exact counts of the facets."""
    return await _search(call, query, Kind.ACHIEVEMENT)


async def needs(call: Call, query: CatalogueQuery) -> Results:
    """Needs that match."""
    return await _search(call, query, Kind.NEED)


async def _search(call: Call, query: CatalogueQuery, kind: Kind) -> Results:
    return await call.services.search.find(
        parse(query.q),
        kind=kind,
        filters=query.filters(),
        order=query.sort,
        after=query.after,
        limit=query.limit,
        counts=query.counts,
    )


async def need(call: Call) -> PublicNeed:
    """One published need; its contact is not in it."""
    found = await call.services.needs.public(call.path["id"])
    if found is None:
        raise Refused(Code.NOT_FOUND)
    return found


async def need_matches(call: Call, query: MatchesQuery) -> SuggestionsView:
    """Achievements that may answer a need, with the reasons."""
    return await _matches(call, Kind.NEED, query.limit)


async def achievement_matches(call: Call, query: MatchesQuery) -> SuggestionsView:
    """Needs that an achievement may answer, with the reasons."""
    return await _matches(call, Kind.ACHIEVEMENT, query.limit)


async def _matches(call: Call, kind: Kind, limit: int) -> SuggestionsView:
    party = None if call.caller.account is None else call.caller.party_id
    return SuggestionsView(await call.services.matches.of(kind, call.path["id"], party=party, limit=limit))


async def own_needs(call: Call, query: OwnNeedsQuery) -> OwnNeedsView:
    """Own needs, last saved first."""
    return OwnNeedsView(*await call.services.needs.of_owner(call.caller.party_id, query.after))


async def create_need(call: Call, wish: NeedWish) -> OwnNeedView:
    """Keep a new need as a draft; `acts` submits it."""
    account = call.caller.account
    assert account is not None, "the door lets no anonymous caller in"
    try:
        need_id = await call.services.needs.create(call.caller.party_id, account.id, wish.need())
    except NeedRefused as refused:
        raise _malformed(refused) from None
    except TooManyNeeds:
        raise Refused(Code.CONFLICT) from None
    return await _own_need(call, need_id)


async def act_on_need(call: Call, wish: NeedActWish) -> OwnNeedView:
    """Submit, publish, send back, end a need."""
    own = await call.services.needs.read(call.path["id"])
    account = call.caller.account
    assert account is not None, "the door lets no anonymous caller in"
    operator = account.role is Role.OPERATOR
    if own is None or not (operator or own.owner == call.caller.party_id):
        raise Refused(Code.NOT_FOUND)
    actors = frozenset({NeedActor.OPERATOR if operator else NeedActor.AUTHOR})
    try:
        await call.services.needs.act(own.id, wish.act, actors=actors, account=account.id, reason=wish.reason)
    except NeedRefused as refused:
        raise _malformed(refused) from None
    return await _own_need(call, own.id)


async def _own_need(call: Call, need_id: str) -> OwnNeedView:
    own = await call.services.needs.read(need_id)
    assert own is not None, "it was just written"
    return OwnNeedView(own, await call.services.needs.acts(need_id))


def _malformed(refused: NeedRefused) -> Refused:
    if refused.why == "problems":
        names = dict.fromkeys(f"{problem.field}:{problem.code}" for problem in refused.problems)
        return Refused(Code.MALFORMED, fields=", ".join(names))
    return Refused(Reject.REASON_REQUIRED if refused.why == "reason" else Code.WRONG_STATE)


async def searches(call: Call) -> SearchesView:
    """Saved searches of the party."""
    return SearchesView(await call.services.saved_searches.of_party(call.caller.party_id))


async def save_search(call: Call, wish: SearchWish) -> SavedSearch:
    """Keep a search: the inbox tells of everything new that it matches. No e-mail is sent."""
    filters = known_filters({facet.value: values for facet, values in wish.filters.items()})
    try:
        return await call.services.saved_searches.save(
            call.caller.party_id, wish.kind, wish.q, dict(filters), wish.name
        )
    except NothingAsked:
        raise Refused(Code.MALFORMED, fields="q, filters") from None
    except TooManySaved:
        raise Refused(Code.CONFLICT) from None


async def forget_search(call: Call) -> DoneView:
    """Forget a saved search."""
    if not await call.services.saved_searches.forget(call.caller.party_id, call.path["id"]):
        raise Refused(Code.NOT_FOUND)
    return DoneView()


async def notices(call: Call, query: NoticesQuery) -> NoticesView:
    """The inbox of the party, newest first."""
    inbox, party = call.services.notices, call.caller.party_id
    return NoticesView(await inbox.page(party, query.before, query.limit), await inbox.unread(party))


async def read_notices(call: Call, wish: ReadWish) -> DoneView:
    """Note that notices were read."""
    await call.services.notices.mark_all_read(call.caller.party_id, wish.up_to)
    return DoneView()


async def imports(call: Call) -> JobsView:
    """Own imports, newest first."""
    return JobsView(await call.services.imports.of_party(call.caller.party_id))


async def take_import(call: Call) -> Job:
    """Give a file (a multipart form: `target` draft or publish, then `file`); the same file again is the same job."""
    upload = await call.upload(BULK_BYTES_MAX if call.caller.role is Role.OPERATOR else BYTES_MAX)
    account = call.caller.account
    assert account is not None, "the door lets no anonymous caller in"
    target = Target.PUBLISH if upload.fields.get("target") == Target.PUBLISH else Target.DRAFT
    if target is Target.PUBLISH and account.role is not Role.OPERATOR:
        raise Refused(Code.FORBIDDEN)
    try:
        return (
            await call.services.imports.take(call.caller.party_id, account.id, upload.name, upload.chunks(), target)
        )[0]
    except ImportRefused as refused:
        if refused.why == "too_large":
            raise Refused(Code.TOO_LARGE, limit_bytes=BYTES_MAX) from None
        raise Refused(
            Code.CONFLICT if refused.why == "too_many_jobs" else Code.MALFORMED, problem=refused.why
        ) from None


async def report(call: Call, query: ReportQuery) -> ImportReportView:
    """One import and its report, line by line."""
    job = await _job(call)
    found = await call.services.imports.problems(job.id, query.after, query.limit)
    return ImportReportView(job, [problem for _, problem in found], found[-1][0] if len(found) == query.limit else None)


async def decide_import(call: Call, wish: ImportWish) -> Job:
    """Bring a checked file in, or call it off."""
    job = await _job(call)
    try:
        if wish.act == "cancel":
            await call.services.imports.cancel(job.id)
        else:
            await call.services.imports.start(job.id, Choice(wish.act))
    except ImportRefused as refused:
        raise Refused(Code.CONFLICT, problem=refused.why) from None
    return await _job(call)


async def _job(call: Call) -> Job:
    job_id = call.path["id"]
    job = await call.services.imports.read(job_id) if is_job_id(job_id) else None
    if job is None or job.party != call.caller.party_id:
        raise Refused(Code.NOT_FOUND)
    return job


def _fen(digits: str | None) -> int | None:
    with contextlib.suppress(TypeError):
        return min(int(digits), BUDGET_MAX + 1)  # type: ignore[arg-type]
    return None
