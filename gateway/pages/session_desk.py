"""The desk's page for a session of another format: choose it, fill in its fields, read the rules in words, publish.

One form without a script. Nothing is kept before it is published, and nothing is published that was not read as rules just before.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from engine.rules.auction.commands import PublishSession
from engine.rules.auction.formats.terms import Ascending, session_problems
from engine.rules.rejections import Reject
from engine.values import LotId
from gateway.accounts.model import Account, Role
from gateway.desk.further_rounds import filled_in, next_round
from gateway.desk.rehearsing import Spread, rehearse
from gateway.errors import Code, Refused
from gateway.http.api import formats as api
from gateway.http.api.calls import Call, RefusedByEngine
from gateway.http.api.format_wishes import SessionWish
from gateway.http.asking import CALLER, origin_of
from gateway.http.commands import find_lot, outcome_of
from gateway.pages.format_words import format_sentences
from gateway.pages.i18n import language_of
from gateway.pages.plain_words import sentences
from gateway.pages.rendering import page, see_other
from gateway.pages.session_form import (
    CROWD_DEFAULTS,
    FORMATS,
    GROUNDS,
    OWN_FIELDS,
    SESSION_DEFAULTS,
    SessionForm,
    digest_of,
    problem_field,
    read_crowd,
    read_session,
    typed_session,
)
from gateway.pages.typed import command_id
from gateway.services import SERVICES


class Asked:
    """One sending of the form: what was typed, what it means, what is wrong."""

    def __init__(self, call: Call, values: dict[str, str], sent_id: uuid.UUID) -> None:
        self.call = call
        self.values = values
        self.id = sent_id
        self.wrong: dict[str, str] = {}
        self.wish: SessionWish | None = None
        self.session: PublishSession | None = None
        self.crowd: dict[str, str] = dict(CROWD_DEFAULTS)
        self.spread: Spread | None = None

    @property
    def format(self) -> str:
        """The chosen format."""
        return self.values["format"]

    async def read(self) -> None:
        """Find out what the form means; `wrong` names what keeps it from being a session."""
        form = read_session(self.values)
        self.wrong = dict(form.wrong)
        body = await self._with_people(form)
        if self.wrong:
            return
        try:
            self.wish = SessionWish.model_validate_json(_json({**body, "id": str(self.id)}))
            self.session = await api.session_of(self.call, self.wish)
        except ValidationError:
            self.wrong["terms"] = "form"
        except Refused as refused:
            if refused.code is Code.NOT_FOUND or "achievement." in str(refused.data.get("problems")):
                self.wrong["achievement"] = "achievement"
                return
            if refused.code is Reject.TERMS_INVALID:
                return self.take_problems([str(refused.data["problems"])])
            if refused.code is Reject.NO_SUCH_LOT:
                return self.take_problems(["rounds: previous_not_without_sale"])
            self.wrong["officer_1" if "officers" in str(refused.data.get("fields")) else "terms"] = "form"
        if self.session is None:
            return
        problems = session_problems(self.session.terms, self.session.play)
        closes_at_us = self.session.terms.closing.closes_at_us
        if closes_at_us is not None and closes_at_us <= self.call.services.now_us:
            problems.append("closing: closes_in_the_past")
        self.take_problems(problems)

    def take_problems(self, problems: list[str]) -> None:
        """Put problems of the terms beside their fields."""
        for problem in problems:
            field, key = problem_field(problem, self.format)
            self.wrong.setdefault(field, key)

    async def _with_people(self, form: SessionForm) -> dict[str, Any]:
        body, found = form.body, {}
        for field, logins in form.logins.items():
            accounts = [await self.call.services.accounts.by_login(login) for login in logins]
            missing = [login for login, account in zip(logins, accounts, strict=True) if account is None]
            if missing:
                self.wrong.setdefault(field, "seller" if field == "seller" else "login")
            found[field] = [account for account in accounts if account is not None]
        sellers: list[Account] = found["seller"]
        if not self.wrong and sellers[0].role is not Role.SELLER:
            self.wrong["seller"] = "seller"
        if self.wrong:
            return {}
        if "assessors" in found:
            body["play"]["format"]["assessors"] = [account.party for account in found["assessors"]]
        for holder, account in zip(
            body["play"].get("priority", {}).get("holders", ()), found.get("priority_holders", ()), strict=True
        ):
            holder["party"] = account.party
        return {**body, "seller": sellers[0].id}

    async def rehearse(self) -> None:
        """Run the session against the crowd that the form describes."""
        crowd, wrong = read_crowd(self.crowd)
        self.wrong.update(wrong)
        if self.session is None or crowd is None or self.wrong:
            return
        self.spread = await rehearse(self.session, crowd)

    def rules(self, language: str) -> list[str] | None:
        """Return the rules in words, as bidders will read them; None while something is wrong."""
        if self.session is None or self.wrong:
            return None
        terms, play = self.session.terms, self.session.play
        open_terms = sentences(terms, language)[:-2] if isinstance(play.format, Ascending) else []
        return [*open_terms, *format_sentences(terms, play, language)]


def _json(body: Mapping[str, Any]) -> str:
    import json

    return json.dumps(body, ensure_ascii=False)


async def new_session(request: web.Request) -> web.Response:
    """GET /desk/sessions/new: the form of one format."""
    name = request.query.get("format", FORMATS[0])
    if name not in FORMATS:
        raise Refused(Code.NOT_FOUND)
    values = {**SESSION_DEFAULTS, "format": name, "lot_id": f"session-{secrets.token_hex(3)}"}
    if "after" in request.query:
        values |= await _after(request, request.query["after"])
    return await _form_page(request, _asked(request, values))


async def _after(request: web.Request, lot: str) -> Mapping[str, str]:
    """Return the fields of the round that may follow a lot.

    Raises:
        Refused: WRONG_PHASE: none may.
    """
    services = request.app[SERVICES]
    before = await find_lot(services, lot)
    follows = next_round(before)
    if follows is None:
        raise Refused(Reject.WRONG_PHASE)
    seller = (await services.accounts.by_ids([before.seller_id])).get(before.seller_id)
    return filled_in(before, follows, "" if seller is None else seller.login)


async def send_session(request: web.Request) -> web.Response:
    """POST /desk/sessions/new: another format (`to:…`), a preview, or the publication of what was previewed."""
    form = await request.post()
    values, act = typed_session(form), str(form.get("act", "preview"))
    chosen = act.removeprefix("to:")
    if act.startswith("to:") and chosen in FORMATS:
        defaults = {name: text for name, text in SESSION_DEFAULTS.items() if not values.get(name)}
        return await _form_page(request, _asked(request, {**values, **defaults, "format": chosen}))
    if values["format"] not in FORMATS:
        raise Refused(Code.MALFORMED, fields="format")
    asked = _asked(request, values, command_id({"command_id": str(form.get("command_id", ""))}))
    await asked.read()
    asked.crowd = {name: str(form.get(name, ""))[:20] for name in CROWD_DEFAULTS}
    if act == "rehearse":
        await asked.rehearse()
    previewed = str(form.get("previewed", "")) == digest_of(values)
    if act == "publish" and previewed and not asked.wrong and asked.wish is not None:
        try:
            await api.publish(asked.call, asked.wish)
            return see_other(f"/desk/lots/{LotId(asked.wish.lot)}")
        except RefusedByEngine as refused:
            _take_refusal(asked, refused)
    return await _form_page(request, asked, status=422 if asked.wrong else 200)


def _take_refusal(asked: Asked, refused: RefusedByEngine) -> None:
    receipt = refused.receipt
    if receipt.code is Reject.TERMS_INVALID:
        asked.take_problems(str(receipt.data.get("problems", "")).split("; "))
    else:
        asked.wrong["lot_id" if receipt.code is Reject.LOT_EXISTS else "terms"] = f"code.{outcome_of(receipt)}"


def _asked(request: web.Request, values: dict[str, str], sent_id: uuid.UUID | None = None) -> Asked:
    call = Call(request.app[SERVICES], request[CALLER], origin_of(request), request.match_info)
    return Asked(call, values, sent_id or uuid.uuid4())


async def _form_page(request: web.Request, asked: Asked, status: int = 200) -> web.Response:
    rules = asked.rules(language_of(request))
    session = asked.session
    return page(
        request, "session_form.html", status, values=asked.values, wrong=asked.wrong, formats=FORMATS, grounds=GROUNDS,
        own=OWN_FIELDS[asked.format], officers=await asked.call.services.officer_keys.known(), rules=rules,
        closes_at_us=session.terms.closing.closes_at_us if session is not None and rules else None,
        crowd=asked.crowd, spread=asked.spread, tallest=max((bar.count for bar in asked.spread.bars), default=1) if asked.spread else 1,
        command_id=str(asked.id), previewed=digest_of(asked.values),
    )  # fmt: skip


ROUTES = [web.get("/desk/sessions/new", new_session), web.post("/desk/sessions/new", send_session)]
