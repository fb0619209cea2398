"""Acts on one session that cannot be taken back: more time, excluding a bidder, refusing a sealed bid. Each is asked twice, with what
follows from it in words; the reason is published.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from msgspec import Struct

from engine.evidence.receipts import Receipt
from engine.journal.codec import decode_event
from engine.rules.auction.formats.sealing import closed_codes
from engine.rules.auction.formats.terms import Sealed, SealedPricing, clock_of
from engine.rules.auction.state import LotState, Phase
from engine.rules.visibility import HistoryRow, history_row
from engine.values import PartyId
from gateway.desk.further_rounds import next_round
from gateway.errors import Code, Refused
from gateway.http.api import formats as api
from gateway.http.api.calls import Call, RefusedByEngine
from gateway.http.api.format_wishes import ExcludeWish, ExtendWish, RefuseBidWish
from gateway.http.asking import CALLER, origin_of
from gateway.http.commands import find_lot
from gateway.pages.lot import incident_records
from gateway.pages.rendering import page, see_other
from gateway.pages.typed import REASON_MAX, command_id
from gateway.services import SERVICES, Services

MINUTE_US: Final = 60_000_000
MINUTES_MAX: Final = 30 * 1_440
ACTS: Final = ("extend", "exclude", "refuse")


class ActOnRecord(Struct, frozen=True):
    """An incident as staff see it: the public line, and who did it (a party id, or `engine`)."""

    row: HistoryRow
    actor: str


def may_refuse(state: LotState) -> list[str]:
    """Return the codes whose sealed bids an operator may refuse now: of a procurement, closed, before any share is there."""
    play = state.play
    if play is None or state.phase is not Phase.CLOSED or play.opened or play.shares:
        return []
    kind = play.terms.format
    if not isinstance(kind, Sealed) or kind.pricing is not SealedPricing.LOWEST:
        return []
    return [code for code in closed_codes(state) if code not in play.refused]


def may_exclude(state: LotState) -> list[str]:
    """Return the codes of those who may still be excluded."""
    if state.phase.is_final:
        return []
    return sorted(code for party, code in state.codes.items() if party not in state.excluded)


def may_extend(state: LotState) -> bool:
    """Tell whether more time can be given: somebody may bid until an end, and no falling clock runs."""
    falls = state.play is not None and clock_of(state.play.terms) is not None and state.phase is Phase.OPEN
    return state.phase.is_bidding and (state.closes_at_us or state.free_ends_at_us) is not None and not falls


def consequence(state: LotState, act: str, code: str) -> str:
    """Return which text says what an act leads to; what becomes of an excluded bidder's bid follows from the terms' format."""
    if act != "exclude":
        return f"operator.then.{act}"
    party = next((party for party, one in state.codes.items() if one == code), None)
    if party is not None and party == state.leader:
        return "operator.then.exclude_leader"
    sealed = state.play is not None and party in state.play.envelopes
    return "operator.then.exclude_sealed" if sealed else "operator.then.exclude"


async def act_on_session(request: web.Request) -> web.Response:
    """POST /desk/lots/{lot}/acts: what it means first, the act when it is confirmed."""
    services, form = request.app[SERVICES], await request.post()
    state = await find_lot(services, request.match_info["lot"])
    names = ("act", "code", "minutes", "reason", "command_id")
    typed = {name: str(form.get(name, "")).strip()[:REASON_MAX] for name in names}
    wrong = _wrong(state, typed)
    call = Call(services, request[CALLER], origin_of(request), {"lot": state.lot_id})
    refused: Receipt | None = None
    if not wrong and form.get("confirmed") == "1":
        try:
            await _act(call, typed)
            return see_other(f"/desk/lots/{state.lot_id}")
        except RefusedByEngine as error:
            refused = error.receipt
    status = 422 if wrong else 409 if refused is not None else 200
    return page(
        request, "desk_sure.html", status, lot=state.lot_id, subject=state.subject, terms=state.terms, typed=typed, wrong=wrong,
        refused=refused, then=consequence(state, typed["act"], typed["code"]), command_id=str(command_id(typed)),
        codes=may_refuse(state) if typed["act"] == "refuse" else may_exclude(state),
    )  # fmt: skip


def _wrong(state: LotState, typed: dict[str, str]) -> dict[str, str]:
    if typed["act"] not in ACTS:
        raise Refused(Code.MALFORMED, fields="act")
    wrong = {} if typed["reason"] else {"reason": "required"}
    minutes = typed["minutes"]
    if typed["act"] == "extend":
        if not (minutes.isascii() and minutes.isdigit() and 0 < int(minutes) <= MINUTES_MAX):
            wrong["minutes"] = "number"
    elif typed["code"] not in state.codes.values():
        wrong["code"] = "required"
    return wrong


async def _act(call: Call, typed: dict[str, str]) -> None:
    act_id, reason = command_id(typed), typed["reason"]
    match typed["act"]:
        case "extend":
            await api.extend(call, ExtendWish(id=act_id, reason=reason, by_us=int(typed["minutes"]) * MINUTE_US))
        case "exclude":
            await api.exclude(call, ExcludeWish(id=act_id, reason=reason, code=typed["code"]))
        case _:
            await api.refuse_bid(call, RefuseBidWish(id=act_id, reason=reason, code=typed["code"]))


async def acts_on_record(services: Services, state: LotState) -> tuple[list[ActOnRecord], dict[PartyId, str]]:
    """Return what was done to a session out of the ordinary, newest first, with the names of who did it; for staff."""
    found, play = [], None if state.play is None else state.play.terms
    for record in await incident_records(services, state.lot_id):
        row = history_row(record.stream_seq, record.at_us, decode_event(record.type, record.version, record.body), play)
        if row is not None:
            found.append(ActOnRecord(row, record.actor))
    people = [PartyId(one.actor) for one in found if one.actor.startswith("p")]
    known = await services.accounts.by_ids(list(dict.fromkeys(people)))
    return found[::-1], {party: account.display_name for party, account in known.items()}


def acts_context(state: LotState) -> dict[str, Any]:
    """Return which acts the desk's page offers."""
    return {
        "may_extend": may_extend(state),
        "may_exclude": may_exclude(state),
        "may_refuse": may_refuse(state),
        "follows": next_round(state),
    }


ROUTES = [web.post("/desk/lots/{lot}/acts", act_on_session)]
