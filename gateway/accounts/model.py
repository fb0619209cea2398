"""Words of this package: roles, scopes, accounts, and the caller behind a request."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

import asyncpg
from msgspec import Struct

from engine.catalogue.parties.ties import Power
from engine.journal.follower import GONE
from engine.journal.queries import load_queries
from engine.values import PartyId

ACCOUNT_MIGRATIONS: Final = Path(__file__).parent / "sql" / "migrations"
QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")
LOGIN_LENGTH: Final = range(3, 61)
NAME_LENGTH_MAX: Final = 60
LANGUAGES: Final = ("zh", "en")
UNREACHABLE: Final = GONE
"""The database cannot be asked now."""


class Role(StrEnum):
    """What an account is in the market; it has one role."""

    BIDDER = "bidder"
    SELLER = "seller"
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    REGISTRAR = "registrar"
    """登记员: recognises and registers technology contracts; sees contracts and their parties, nothing of bidding."""

    @property
    def trades(self) -> bool:
        """May buy and sell; nobody of the market's or a registrar's staff does."""
        return self in (Role.BIDDER, Role.SELLER)

    @property
    def is_staff(self) -> bool:
        """Staff of the platform: sees who is who, and never bids."""
        return self in (Role.OPERATOR, Role.SUPERVISOR)


class Scope(StrEnum):
    """What a token may be used for; never more than its account's role opens."""

    READ = "read"
    BID = "bid"
    DESK = "desk"


class MemberRole(StrEnum):
    """What an account may do inside its organisation."""

    ADMINISTRATOR = "administrator"
    """Invites colleagues and gives roles."""
    APPLICANT = "applicant"
    """Prepares: achievements, listings, applications."""
    APPROVER = "approver"
    """Releases what an applicant prepared."""
    FINANCE = "finance"
    """Sees deposits, the bank account, statements."""


class Account(Struct, frozen=True, kw_only=True):
    """A login. It acts for one party: itself (a natural person, `party` equals `id`), or the organisation it belongs to."""

    id: PartyId
    party: PartyId
    """Who trades when this account acts."""
    login: str
    """Normalised by `normalised_login`."""
    display_name: str
    role: Role
    language: str
    created_at_us: int
    disabled_at_us: int | None = None
    member_roles: frozenset[MemberRole] = frozenset()
    """Inside its organisation; empty for a natural person, who does everything himself."""


class Mandate(Struct, frozen=True):
    """What a confirmed agent may do for whom on one subject."""

    principal: PartyId
    powers: frozenset[Power]


class Caller(Struct, frozen=True, kw_only=True):
    """Who is asking, as proved by a session cookie or a token; nobody in particular without one."""

    account: Account | None = None
    session: str = ""
    """Hexadecimal SHA-256 of the session id; empty for tokens and anonymous callers."""
    csrf: str = ""
    """What forms of this session must carry."""
    token: str = ""
    """Id of the token, empty otherwise."""
    scopes: frozenset[Scope] = frozenset(Scope)
    expires_at_us: int = 0
    acts_for: Mapping[str, PartyId] = {}
    """As a confirmed agent who may trade: listing or lot (or group of lots) -> the principal's party."""
    mandates: Mapping[str, Mandate] = {}
    """As a confirmed agent: listing, lot (or group of lots) or notice -> the whole mandate."""
    version: int = 0
    """Revocations up to this one were known when the proof was read."""

    @property
    def role(self) -> Role | None:
        """Return the role, None for anonymous callers."""
        return None if self.account is None else self.account.role

    @property
    def party_id(self) -> PartyId:
        """Return the id of the party that trades; only for callers with an account."""
        assert self.account is not None, "the door lets no anonymous caller in"
        return self.account.party

    def party_on(self, subject: str) -> PartyId:
        """Return the party that trades on a listing or lot: the principal of a confirmed agent, else the caller's own."""
        if not self.acts_for:
            return self.party_id
        return self.acts_for.get(subject) or self.acts_for.get(subject.partition(".")[0]) or self.party_id

    def mandate_on(self, subject: str) -> Mandate | None:
        """Return the mandate of a confirmed agent on a listing, lot or notice; None where he acts for nobody."""
        return self.mandates.get(subject) or self.mandates.get(subject.partition(".")[0])

    @property
    def login_id(self) -> PartyId:
        """Return the id of the login itself: what audit, tokens and passwords are about."""
        assert self.account is not None, "the door lets no anonymous caller in"
        return self.account.id

    def may_as(self, role: MemberRole) -> bool:
        """Tell whether the caller may do what a member of this role does: natural persons do everything themselves."""
        account = self.account
        if account is None:
            return False
        return account.party == account.id or role in account.member_roles


ANONYMOUS: Final = Caller()


def account_of(row: asyncpg.Record) -> Account:
    """Return a stored row as an account."""
    return Account(
        id=PartyId(row["id"]),
        login=row["login"],
        display_name=row["display_name"],
        role=Role(row["role"]),
        language=row["language"],
        created_at_us=row["created_at_us"],
        disabled_at_us=row["disabled_at_us"],
        party=PartyId(row["party"]),
        member_roles=frozenset(MemberRole(role) for role in row["member_roles"]),
    )


def normalised_login(text: str) -> str | None:
    """Return the one form of a login name (NFKC, case folded); None if it cannot be one.

    Letters and digits of any script and `. _ - @ +`, 3 to 60 characters.
    """
    if len(text) > 4 * LOGIN_LENGTH.stop:
        return None
    login = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text.strip()).casefold())
    if len(login) not in LOGIN_LENGTH or not all(c.isalnum() or c in "._-@+" for c in login):
        return None
    return login


def cleaned_name(text: str) -> str | None:
    """Return a name fit to be shown (NFC, single spaces); None if it is empty, too long or has invisible characters."""
    if len(text) > 4 * NAME_LENGTH_MAX:
        return None
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not 1 <= len(name) <= NAME_LENGTH_MAX or not name.isprintable():
        return None
    return name


def mandates_of(row: asyncpg.Record) -> dict[str, Mandate]:
    """Return what a stored row says about confirmed agencies."""
    return {
        subject: Mandate(PartyId(principal), frozenset(Power(one) for one in powers.split(",")))
        for subject, principal, powers in (line.split(" ") for line in row["acts_for"])
    }


def traded_for(mandates: Mapping[str, Mandate]) -> dict[str, PartyId]:
    """Return for whom an agent applies and bids, by subject."""
    return {subject: one.principal for subject, one in mandates.items() if Power.TRADE in one.powers}
