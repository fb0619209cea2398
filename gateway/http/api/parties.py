"""Endpoints of parties: who one is, colleagues, bank account, relations, agents; operators check and decide."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct
from pydantic import Field, StringConstraints

from engine.catalogue.parties.party import (
    BankAccount,
    Party,
    PartyKind,
    Registration,
    bank_account_problems,
    problems,
)
from engine.catalogue.parties.store import AlreadyRegistered, DoesNotHold, Stale
from engine.catalogue.parties.ties import Agency, DeclaredRelation, Power
from engine.rules.auction.state import Phase
from engine.rules.conflicts import RelationKind
from engine.rules.real_name import RealName, RealNameAct
from engine.values import ListingId, LotId, PartyId
from gateway.accounts.model import Account, MemberRole
from gateway.errors import Code, Refused
from gateway.http.api.calls import Call
from gateway.http.api.views import DoneView
from gateway.http.api.wishes import Query, ShortText, Wish
from gateway.services import Services

PARTY_PATTERN = r"^[op][0-9a-f]{16}$"
SUBJECT_PATTERN = r"^[a-z0-9][a-z0-9-]{0,39}(\.[0-9]{1,4})?$"
Reason = Annotated[str, StringConstraints(max_length=500)]
PartyName = Annotated[str, StringConstraints(pattern=PARTY_PATTERN)]


class PartyWish(Wish):
    """What a party says about itself."""

    kind: PartyKind
    name_zh: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    name_en: ShortText = ""
    number: Annotated[str, StringConstraints(max_length=64)] = Field(
        "", description="Credit code of an organisation, resident id of a person; never shown again."
    )
    nature: Annotated[str, StringConstraints(max_length=4)] = ""
    holder_kind: Annotated[str, StringConstraints(max_length=30)] = ""
    region: Annotated[str, StringConstraints(max_length=6)] = ""
    country: Annotated[str, StringConstraints(max_length=2)] = "CN"
    contact: ShortText = ""
    phone: Annotated[str, StringConstraints(max_length=40)] = ""

    def registration(self) -> Registration:
        """Return the register's form."""
        return Registration(**dict(self))


class BankAccountWish(Wish):
    """The party's own bank account."""

    holder: ShortText
    number: Annotated[str, StringConstraints(max_length=64)]
    bank: ShortText


class InvitationWish(Wish):
    """Invite a colleague under these roles."""

    roles: Annotated[list[MemberRole], Field(min_length=1, max_length=4)]


class AcceptWish(Wish):
    """Join the organisation of an invitation."""

    secret: Annotated[str, StringConstraints(max_length=100)]


class MemberWish(Wish):
    """Set a colleague's roles; without any he leaves."""

    account: PartyName
    roles: Annotated[list[MemberRole], Field(max_length=4)]


class RelationWish(Wish):
    """Declare a relation; `other` is a party's id, empty for the platform's staff."""

    other: Annotated[str, StringConstraints(pattern=r"^([op][0-9a-f]{16})?$")]
    kind: RelationKind
    note: Reason = ""
    ended: bool = False


class AgentWish(Wish):
    """Name (or, `ended`, dismiss) an agent for one listing, lot or notice, with what he may do."""

    login: Annotated[str, StringConstraints(max_length=60)]
    subject: Annotated[str, StringConstraints(pattern=SUBJECT_PATTERN)]
    document: ShortText = ""
    powers: Annotated[list[Power], Field(min_length=1, max_length=3)] = [Power.TRADE]
    ended: bool = False


class ConfirmAgentWish(Wish):
    """Confirm an agent."""

    agent: PartyName
    subject: Annotated[str, StringConstraints(pattern=SUBJECT_PATTERN)]


class RealNameWish(Wish):
    """An operator's decision on an identity."""

    act: RealNameAct
    reason: Reason = ""


class BrokerWish(Wish):
    """An operator's decision on a broker."""

    confirmed: bool
    reason: Reason = ""


class FindQuery(Query):
    """Find parties."""

    words: Annotated[str, StringConstraints(max_length=100)] = ""
    after: Annotated[str, StringConstraints(max_length=17)] = ""


class PartyView(Struct, frozen=True, kw_only=True):
    """A party for itself and for staff; of a person's number only the last four characters exist here."""

    id: PartyId
    kind: PartyKind
    name_zh: str
    name_en: str
    credit_code: str | None
    id_last4: str
    nature: str
    holder_kind: str
    region: str
    country: str
    contact: str
    phone: str
    real_name: RealName
    real_name_reason: str
    real_name_since_us: int
    broker: str
    demonstration: bool


class MemberView(Struct, frozen=True, kw_only=True):
    """A colleague."""

    account: PartyId
    login: str
    name: str
    roles: list[MemberRole]


class OwnPartyView(Struct, frozen=True, kw_only=True):
    """The caller's party with everything around it. `party` null: it has not said who it is."""

    id: PartyId
    party: PartyView | None
    bank_account: str | None
    members: list[MemberView]
    relations: list[DeclaredRelation]
    agents: list[Agency]


class InvitationView(Struct, frozen=True):
    """The secret of an invitation; it is shown once."""

    secret: str


class PartiesView(Struct, frozen=True):
    """A list of parties."""

    parties: list[PartyView]


class AgenciesView(Struct, frozen=True):
    """Agents to be confirmed."""

    agents: list[Agency]


async def own(call: Call) -> OwnPartyView:
    """The party for which the caller acts."""
    services, party_id = call.services, call.caller.party_id
    party, account = await services.parties.read(party_id), await services.parties.bank_account(party_id)
    return OwnPartyView(
        id=party_id,
        party=None if party is None else party_view(party),
        bank_account=None if account is None else account.masked,
        members=[member_view(one) for one in await services.accounts.of_party(party_id)],
        relations=await services.ties.declared(party_id),
        agents=await services.ties.agents_of(party_id),
    )


async def register(call: Call, wish: PartyWish) -> OwnPartyView:
    """Register the caller's own person, or an organisation whose administrator he becomes; or change what it says."""
    services, caller, said = call.services, call.caller, wish.registration()
    party = await services.parties.read(caller.party_id)
    if party is not None and said.number == "" and said.kind is party.kind:
        said = _with_number(said, party)
    wrong = problems(said, services.now_us)
    if wrong:
        raise Refused(Code.MALFORMED, fields=", ".join(wrong), problem=", ".join(wrong.values()))
    try:
        if party is not None:
            _must_administer(call)
            await services.parties.change(party, said, caller.login_id)
        elif said.kind is PartyKind.PERSON:
            await services.parties.register(said, caller.login_id, party_id=caller.login_id)
        else:
            party_id = await services.parties.register(said, caller.login_id)
            await services.accounts.join(caller.login_id, party_id, MemberRole, call.origin)
            return await _of(call, party_id)
    except AlreadyRegistered:
        raise Refused(Code.CONFLICT, field="number") from None
    except Stale:
        raise Refused(Code.CONFLICT) from None
    return await own(call)


async def submit(call: Call) -> OwnPartyView:
    """Hand the party's identity in for checking."""
    _must_administer(call)
    await _act(call, call.caller.party_id, RealNameAct.SUBMIT, "")
    return await own(call)


async def set_bank_account(call: Call, wish: BankAccountWish) -> OwnPartyView:
    """Put the party's own bank account on file."""
    services, caller = call.services, call.caller
    if not caller.may_as(MemberRole.FINANCE):
        raise Refused(Code.FORBIDDEN)
    party = await services.parties.read(caller.party_id)
    if party is None:
        raise Refused(Code.PARTY_NOT_VERIFIED)
    account = BankAccount(holder=wish.holder, number=wish.number, bank=wish.bank)
    wrong = bank_account_problems(account, party)
    if wrong:
        raise Refused(Code.MALFORMED, fields=", ".join(wrong), problem=", ".join(wrong.values()))
    await services.parties.set_bank_account(caller.party_id, account, caller.login_id)
    return await own(call)


async def invite(call: Call, wish: InvitationWish) -> InvitationView:
    """Invite a colleague; the secret is for him alone."""
    _must_administer(call)
    if call.caller.party_id == call.caller.login_id:
        raise Refused(Code.CONFLICT)
    try:
        secret = await call.services.ties.invite(
            call.caller.party_id, [role.value for role in wish.roles], call.caller.login_id
        )
    except DoesNotHold:
        raise Refused(Code.CONFLICT) from None
    return InvitationView(secret)


async def accept(call: Call, wish: AcceptWish) -> OwnPartyView:
    """Join the organisation of an invitation; somebody who acts for one leaves it first."""
    services, caller = call.services, call.caller
    if caller.party_id != caller.login_id:
        raise Refused(Code.CONFLICT)
    taken = await services.ties.accept(wish.secret, caller.login_id)
    if taken is None:
        raise Refused(Code.NOT_FOUND)
    await services.accounts.join(caller.login_id, taken.party, map(MemberRole, taken.roles), call.origin)
    return await _of(call, taken.party)


async def set_member(call: Call, wish: MemberWish) -> OwnPartyView:
    """Set a colleague's roles; the last administrator stays one."""
    _must_administer(call)
    services, caller = call.services, call.caller
    members = {one.id: one for one in await services.accounts.of_party(caller.party_id)}
    member = members.get(PartyId(wish.account))
    if member is None or caller.party_id == caller.login_id:
        raise Refused(Code.NOT_FOUND)
    left = [one for one in members.values() if one.id != member.id and MemberRole.ADMINISTRATOR in one.member_roles]
    if not left and MemberRole.ADMINISTRATOR not in wish.roles:
        raise Refused(Code.CONFLICT)
    party_id = caller.party_id if wish.roles else member.id
    await services.accounts.join(member.id, party_id, wish.roles, call.origin)
    return await _of(call, caller.party_id)


async def declare(call: Call, wish: RelationWish) -> OwnPartyView:
    """Declare a relation, or say that one is over."""
    ties, caller = call.services.ties, call.caller
    if wish.ended:
        await ties.end_relation(caller.party_id, wish.other, wish.kind, caller.login_id)
    else:
        await ties.declare(caller.party_id, wish.other, wish.kind, wish.note, caller.login_id)
    return await own(call)


async def name_agent(call: Call, wish: AgentWish) -> OwnPartyView:
    """Name an agent for one listing or lot, or dismiss him. He acts once an operator has confirmed him."""
    services, caller = call.services, call.caller
    if not caller.may_as(MemberRole.APPROVER):
        raise Refused(Code.FORBIDDEN)
    agent = await services.accounts.by_login(wish.login)
    if agent is None or not agent.role.trades or agent.party == caller.party_id:
        raise Refused(Code.MALFORMED, fields="login")
    if await services.parties.read(caller.party_id) is None:
        raise Refused(Code.PARTY_NOT_VERIFIED)
    try:
        if wish.ended:
            await services.ties.end_agency(caller.party_id, agent.id, wish.subject, caller.login_id)
            await services.accounts.prove_anew(agent.id)
        else:
            await services.ties.authorise(
                caller.party_id, agent.id, wish.subject, wish.document, wish.powers, caller.login_id
            )
            await services.accounts.prove_anew(agent.id)
    except DoesNotHold:
        raise Refused(Code.CONFLICT) from None
    return await own(call)


async def ask_broker(call: Call) -> OwnPartyView:
    """Ask to be confirmed as a broker."""
    if await call.services.parties.read(call.caller.party_id) is None:
        raise Refused(Code.PARTY_NOT_VERIFIED)
    await call.services.parties.ask_broker(call.caller.party_id, call.caller.login_id)
    return await own(call)


async def waiting(call: Call) -> PartiesView:
    """Identities to check, longest waiting first."""
    return PartiesView([party_view(party) for party in await call.services.parties.waiting()])


async def find(call: Call, query: FindQuery) -> PartiesView:
    """Find parties by name, credit code or id; looking is noted."""
    await call.services.accounts.note(call.caller, call.origin.network, "party.find", query.words[:60])
    return PartiesView([party_view(party) for party in await call.services.parties.find(query.words, query.after)])


async def decide(call: Call, wish: RealNameWish) -> PartyView:
    """Decide on an identity."""
    if wish.act in (RealNameAct.SUBMIT, RealNameAct.CHANGE):
        raise Refused(Code.MALFORMED, fields="act")
    party_id = _party_in(call)
    await _act(call, party_id, wish.act, wish.reason)
    party = await call.services.parties.read(party_id)
    assert party is not None, "it was just decided on"
    return party_view(party)


async def decide_broker(call: Call, wish: BrokerWish) -> DoneView:
    """Confirm or refuse a broker."""
    if not wish.confirmed and not wish.reason.strip():
        raise Refused(Code.MALFORMED, fields="reason")
    await call.services.parties.decide_broker(_party_in(call), wish.confirmed, call.caller.login_id, wish.reason)
    return DoneView()


async def agents_waiting(call: Call) -> AgenciesView:
    """Agents to be confirmed."""
    return AgenciesView(await call.services.ties.agents_waiting())


def _bidding_began(services: Services, subject: str) -> bool:
    """Tell whether a lot, or the session of a listing, takes bids or is over."""
    listing = services.engine.listings.state(ListingId(subject))
    lot_id = subject if listing is None or listing.lot_id is None else listing.lot_id
    lot = services.engine.state(LotId(lot_id))
    return lot is not None and lot.phase is not Phase.SCHEDULED


async def confirm_agent(call: Call, wish: ConfirmAgentWish) -> DoneView:
    """Confirm an agent; from then on he acts for his principal there. For bidding not once it has begun (竞价开始前)."""
    agency = await call.services.ties.agency(PartyId(wish.agent), wish.subject)
    trades = agency is not None and Power.TRADE in agency.powers
    if trades and _bidding_began(call.services, wish.subject):
        raise Refused(Code.WRONG_STATE, state="begun")
    try:
        await call.services.ties.confirm(PartyId(wish.agent), wish.subject, call.caller.login_id)
    except DoesNotHold:
        raise Refused(Code.NOT_FOUND) from None
    await call.services.accounts.prove_anew(PartyId(wish.agent))
    await call.services.accounts.note(call.caller, call.origin.network, "agent.confirm", f"{wish.agent} {wish.subject}")
    return DoneView()


def party_view(party: Party) -> PartyView:
    """Return a party as itself and staff see it."""
    return PartyView(**{name: getattr(party, name) for name in PartyView.__struct_fields__})


def member_view(account: Account) -> MemberView:
    """Return a colleague."""
    return MemberView(
        account=account.id, login=account.login, name=account.display_name, roles=sorted(account.member_roles)
    )


def _with_number(said: Registration, party: Party) -> Registration:
    """Return a registration that keeps an organisation's code; a person's number has to be typed again."""
    if party.credit_code is None:
        return said
    return Registration(
        **{**{n: getattr(said, n) for n in Registration.__struct_fields__}, "number": party.credit_code}
    )


def _must_administer(call: Call) -> None:
    if not call.caller.may_as(MemberRole.ADMINISTRATOR):
        raise Refused(Code.FORBIDDEN)


def _party_in(call: Call) -> PartyId:
    return PartyId(call.path["party"])


async def _act(call: Call, party_id: PartyId, act: RealNameAct, reason: str) -> None:
    try:
        await call.services.parties.act(party_id, act, call.caller.login_id, reason)
    except Stale:
        raise Refused(Code.NOT_FOUND) from None
    except DoesNotHold:
        raise Refused(Code.CONFLICT) from None
    await call.services.accounts.note(call.caller, call.origin.network, f"party.{act.value}", party_id)


async def _of(call: Call, party_id: PartyId) -> OwnPartyView:
    """Return a party right after the caller joined or changed it."""
    services = call.services
    party = await services.parties.read(party_id)
    return OwnPartyView(
        id=party_id,
        party=None if party is None else party_view(party),
        bank_account=None,
        members=[member_view(one) for one in await services.accounts.of_party(party_id)],
        relations=[],
        agents=[],
    )
