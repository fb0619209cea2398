"""Pages of parties: who I am here, my colleagues, my bank account, relations and agents; the operator's checks.

A form becomes the same wish as over REST and goes the same way; what was typed is never lost to a refusal.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from multidict import MultiDictProxy
from pydantic import BaseModel, ValidationError

from engine.catalogue.codes.party_natures import PARTY_NATURES
from engine.catalogue.codes.regions import REGIONS
from engine.catalogue.parties.party import HolderKind, PartyKind
from engine.catalogue.parties.ties import Power
from engine.rules.conflicts import RelationKind
from engine.rules.real_name import RealNameAct
from engine.values import PartyId
from gateway.accounts.model import MemberRole
from gateway.errors import Code, Refused
from gateway.http.api import parties as api
from gateway.http.api.calls import Call
from gateway.http.asking import CALLER, network_of, origin_of
from gateway.pages.i18n import language_of
from gateway.pages.rendering import page, see_other
from gateway.parties.names import names_of
from gateway.services import SERVICES

Form = MultiDictProxy[Any]
_FIELDS: Final = (
    "kind", "name_zh", "name_en", "number", "nature", "holder_kind", "region", "country", "contact", "phone",
)  # fmt: skip
_DECISIONS: Final = (RealNameAct.VERIFY, RealNameAct.REFUSE, RealNameAct.EXPIRE, RealNameAct.REVOKE)


async def show_own(request: web.Request) -> web.Response:
    """GET /me/party."""
    return await _own_page(request, "")


async def act_on_own(request: web.Request) -> web.Response:
    """POST /me/party: one of the forms of the page."""
    form = await request.post()
    act = str(form.get("act", ""))
    if act not in _ACTS:
        raise Refused(Code.MALFORMED, fields="act")
    try:
        done = await _ACTS[act](_call(request), form)
    except ValidationError as error:
        places = [".".join(map(str, one["loc"])) for one in error.errors(include_url=False, include_input=False)]
        return await _own_page(request, act, Refused(Code.MALFORMED, fields=", ".join(places)), form)
    except Refused as refused:
        return await _own_page(request, act, refused, form)
    if isinstance(done, api.InvitationView):
        return await _own_page(request, act, secret=done.secret)
    return see_other("/me/party")


async def show_invitation(request: web.Request) -> web.Response:
    """GET /invitations/{secret}: what one would join."""
    services = request.app[SERVICES]
    offered = await services.ties.invitation(request.match_info["secret"])
    if offered is None:
        raise Refused(Code.NOT_FOUND)
    party = await services.parties.read(offered.party)
    return page(request, "parties/invitation.html", party=party, offered=offered, refused=None)


async def accept_invitation(request: web.Request) -> web.Response:
    """POST /invitations/{secret}."""
    try:
        await api.accept(_call(request), api.AcceptWish(secret=request.match_info["secret"]))
    except Refused as refused:
        if refused.code is not Code.CONFLICT:
            raise
        return page(request, "parties/invitation.html", 409, party=None, offered=None, refused=refused)
    return see_other("/me/party")


async def show_desk(request: web.Request) -> web.Response:
    """GET /desk/parties: identities to check, agents, brokers; or a search."""
    services, words = request.app[SERVICES], request.query.get("words", "").strip()[:100]
    agents = await services.ties.agents_waiting()
    names = await names_of(services, [*(a.agent for a in agents), *(a.principal for a in agents)])
    found = None
    if words:
        await services.accounts.note(request[CALLER], network_of(request), "party.find", words[:60])
        found = await services.parties.find(words)
    return page(
        request, "parties/desk.html", waiting=await services.parties.waiting(), agents=agents, names=names,
        brokers=await services.parties.brokers_asking(), found=found, words=words, now_us=services.now_us,
    )  # fmt: skip


async def act_on_desk(request: web.Request) -> web.Response:
    """POST /desk/parties: confirm an agent."""
    form = await request.post()
    wish = _wish(api.ConfirmAgentWish, agent=form.get("agent"), subject=form.get("subject"))
    await api.confirm_agent(_call(request), wish)
    return see_other("/desk/parties")


async def show_party(request: web.Request) -> web.Response:
    """GET /desk/parties/{party}."""
    return await _party_page(request, None)


async def decide_party(request: web.Request) -> web.Response:
    """POST /desk/parties/{party}: decide on an identity or on a broker."""
    form = await request.post()
    act, reason = str(form.get("act", "")), str(form.get("reason", "")).strip()
    try:
        if act in ("broker_yes", "broker_no"):
            await api.decide_broker(_call(request), api.BrokerWish(confirmed=act == "broker_yes", reason=reason))
        else:
            await api.decide(_call(request), _wish(api.RealNameWish, act=_act_of(act), reason=reason))
    except Refused as refused:
        return await _party_page(request, refused, reason)
    return see_other(f"/desk/parties/{request.match_info['party']}")


def _act_of(text: str) -> RealNameAct:
    known = {act.value: act for act in _DECISIONS}
    if text not in known:
        raise Refused(Code.MALFORMED, fields="act")
    return known[text]


async def _own_page(
    request: web.Request, act: str, refused: Refused | None = None, form: Form | None = None, secret: str = ""
) -> web.Response:
    services = request.app[SERVICES]
    own = await api.own(_call(request))
    typed = {} if form is None else {name: str(value) for name, value in form.items() if isinstance(value, str)}
    party = own.party
    values = {name: str(getattr(party, name, "") or "") for name in _FIELDS} if party is not None else {}
    values = {
        "country": "CN",
        "kind": "organisation",
        **values,
        "number": "" if party is None else party.credit_code or "",
    }
    names = await names_of(services, [*(r.other for r in own.relations if r.other), *(a.agent for a in own.agents)])
    wrong = dict.fromkeys(_FIELDS, "")
    if refused is not None and act == "register" and "fields" in refused.data:
        words = str(refused.data.get("problem", "")).split(", ")
        fields = str(refused.data["fields"]).split(", ")
        wrong |= dict(zip(fields, words if len(words) == len(fields) else ["length"] * len(fields), strict=True))
    return page(
        request, "parties/own.html", 200 if refused is None else 422, origin=f"{request.scheme}://{request.host}",
        own=own, values={**values, **(typed if act == "register" else {})}, typed=typed, wrong=wrong, act=act,
        refused=refused, secret=secret, names=names, caller_roles=request[CALLER].account.member_roles,  # type: ignore[union-attr]
        administers=request[CALLER].may_as(MemberRole.ADMINISTRATOR), options=_options(request),
    )  # fmt: skip


async def _party_page(request: web.Request, refused: Refused | None, reason: str = "") -> web.Response:
    services, party_id = request.app[SERVICES], PartyId(request.match_info["party"])
    party = await services.parties.read(party_id)
    if party is None:
        raise Refused(Code.NOT_FOUND)
    await services.accounts.note(request[CALLER], network_of(request), "party.read", party_id)
    account = await services.parties.bank_account(party_id)
    history = await services.parties.history(party_id)
    return page(
        request, "parties/party.html", 200 if refused is None else 422, party=party,
        bank_account=None if account is None else account, members=await services.accounts.of_party(party_id),
        relations=await services.ties.declared(party_id), agents=await services.ties.agents_of(party_id),
        history=history, names=await names_of(services, [event.actor for event in history]),
        refused=refused, reason=reason,
    )  # fmt: skip


def _options(request: web.Request) -> dict[str, list[tuple[str, str]]]:
    language = language_of(request)
    regions = [(code, REGIONS[code].name(language)) for code in REGIONS if REGIONS[code].parent in ("", "150000")]
    return {
        "natures": [("", "—"), *((code, f"{code} {entry.name(language)}") for code, entry in PARTY_NATURES.items())],
        "regions": [("", "—"), *regions],
        "kinds": [(kind.value, kind.value) for kind in PartyKind],
        "holders": [("", "—"), *((kind.value, kind.value) for kind in HolderKind)],
        "relations": [(kind.value, kind.value) for kind in RelationKind],
        "roles": [(role.value, role.value) for role in MemberRole],
    }


def _call(request: web.Request) -> Call:
    return Call(request.app[SERVICES], request[CALLER], origin_of(request), request.match_info)


def _wish(model: type[Any], **fields: Any) -> Any:
    try:
        return model(**fields)
    except ValidationError as error:
        places = [".".join(map(str, one["loc"])) for one in error.errors(include_url=False, include_input=False)]
        raise Refused(Code.MALFORMED, fields=", ".join(places)) from None


def _text(form: Form, name: str) -> str:
    return str(form.get(name, "")).strip()


async def _register(call: Call, form: Form) -> BaseModel | Any:
    given = {name: _text(form, name) for name in _FIELDS}
    given["country"] = given["country"] or "CN"
    kind = PartyKind.PERSON if given.pop("kind") == PartyKind.PERSON.value else PartyKind.ORGANISATION
    return await api.register(call, api.PartyWish(kind=kind, **given))


async def _submit(call: Call, _form: Form) -> Any:
    return await api.submit(call)


async def _bank(call: Call, form: Form) -> Any:
    given = {name: _text(form, f"bank_{name}") for name in ("holder", "number", "bank")}
    return await api.set_bank_account(call, api.BankAccountWish(**given))


async def _invite(call: Call, form: Form) -> Any:
    roles = [MemberRole(str(value)) for value in form.getall("roles", []) if str(value) in set(MemberRole)]
    return await api.invite(call, api.InvitationWish(roles=roles))


async def _member(call: Call, form: Form) -> Any:
    roles = [MemberRole(str(value)) for value in form.getall("roles", []) if str(value) in set(MemberRole)]
    return await api.set_member(call, api.MemberWish(account=_text(form, "account"), roles=roles))


async def _relation(call: Call, form: Form) -> Any:
    kind = _text(form, "kind")
    if kind not in set(RelationKind):
        raise Refused(Code.MALFORMED, fields="kind")
    wish = api.RelationWish(
        other=_text(form, "other"), kind=RelationKind(kind), note=_text(form, "note"), ended=form.get("ended") == "1"
    )
    return await api.declare(call, wish)


async def _agent(call: Call, form: Form) -> Any:
    wish = api.AgentWish(
        login=_text(form, "login"), subject=_text(form, "subject"), document=_text(form, "document"),
        powers=[power for power in Power if form.get(f"power_{power.value}") == "1"] or [Power.TRADE],
        ended=form.get("ended") == "1",
    )  # fmt: skip
    return await api.name_agent(call, wish)


async def _broker(call: Call, _form: Form) -> Any:
    return await api.ask_broker(call)


_ACTS: Final[dict[str, Callable[[Call, Form], Awaitable[Any]]]] = {
    "register": _register,
    "submit": _submit,
    "bank": _bank,
    "invite": _invite,
    "member": _member,
    "relation": _relation,
    "agent": _agent,
    "broker": _broker,
}

ROUTES = [
    web.get("/me/party", show_own),
    web.post("/me/party", act_on_own),
    web.get("/invitations/{secret}", show_invitation),
    web.post("/invitations/{secret}", accept_invitation),
    web.get("/desk/parties", show_desk),
    web.post("/desk/parties", act_on_desk),
    web.get("/desk/parties/{party}", show_party),
    web.post("/desk/parties/{party}", decide_party),
]
