"""Endpoints of the two-person rule: ask to void a session that has bids, see the requests, confirm or refuse another's."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct
from pydantic import Field

from engine.evidence.receipts import Outcome
from engine.rules.auction import commands as c
from engine.rules.rejections import Reject
from gateway.desk.voiding import REASON_MAX, VoidGround, VoidRequest, needs_second_person
from gateway.errors import Code, Refused
from gateway.http.api.calls import Call, RefusedByEngine
from gateway.http.api.wishes import CommandWish, Wish
from gateway.http.commands import ask as ask_engine
from gateway.http.commands import find_lot, outcome_of


class VoidWish(CommandWish):
    """Ask to void: the ground of art. 31 and the reason, both published once confirmed."""

    ground: VoidGround
    reason: str = Field(min_length=1, max_length=REASON_MAX)


class VoidAnswer(Wish):
    """Answer somebody else's request."""

    confirm: bool


class VoidRequestView(Struct, frozen=True):
    """A request as staff see it; `outcome` null while it is open."""

    id: str
    ground: str
    reason: str
    asked_by: str
    asked_at_us: int
    expires_at_us: int
    outcome: str | None
    ended_by: str | None
    ended_at_us: int | None


class VoidRequestsView(Struct, frozen=True):
    """The requests of a lot, newest first."""

    requests: list[VoidRequestView]


def _view(one: VoidRequest) -> VoidRequestView:
    return VoidRequestView(
        str(one.id), one.ground.value, one.reason, one.asked_by, one.asked_at_us, one.expires_at_us, one.outcome,
        one.ended_by, one.ended_at_us,
    )  # fmt: skip


async def list_requests(call: Call) -> VoidRequestsView:
    """The requests to void a lot, newest first."""
    return VoidRequestsView([_view(one) for one in await call.services.voiding.of_lot(call.lot_id)])


async def ask(call: Call, wish: VoidWish) -> VoidRequestView:
    """Ask that another person voids a session that has bids."""
    state = await find_lot(call.services, call.lot_id)
    if state.phase.is_final or not needs_second_person(state):
        raise Refused(Reject.WRONG_PHASE)
    if not wish.reason.strip():
        raise Refused(Reject.REASON_REQUIRED)
    found = await call.services.voiding.ask(wish.id, state.lot_id, wish.ground, wish.reason, call.caller.login_id)
    await call.services.accounts.note(call.caller, call.origin.network, "lot.void_asked", state.lot_id, str(found.id))
    return _view(found)


async def answer(call: Call, wish: VoidAnswer) -> VoidRequestView:
    """Confirm a request, which voids the session at once, or refuse it."""
    services, login = call.services, call.caller.login_id
    state = await find_lot(services, call.lot_id)
    found = await services.voiding.open_for(_request_id(call), state.lot_id, login)
    if wish.confirm:
        # The command's id is the request's: confirmed twice, or after a cut, the session is voided once.
        receipt = await ask_engine(
            services, call.caller, state.lot_id, c.VoidLot(reason=found.published), found.id.bytes
        )
        if receipt.decision is not Outcome.ACCEPTED:
            await services.accounts.note(
                call.caller, call.origin.network, "lot.void_confirmed", state.lot_id, outcome_of(receipt)
            )
            raise RefusedByEngine(receipt)
    await services.voiding.end(found.id, "confirmed" if wish.confirm else "refused", login)
    act = "lot.void_confirmed" if wish.confirm else "lot.void_refused"
    await services.accounts.note(call.caller, call.origin.network, act, state.lot_id, str(found.id))
    ended = await services.voiding.read(found.id, state.lot_id)
    assert ended is not None, "requests are never deleted"
    return _view(ended)


def _request_id(call: Call) -> UUID:
    try:
        return UUID(call.path["request"])
    except ValueError:
        raise Refused(Code.NOT_FOUND) from None
