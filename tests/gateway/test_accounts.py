"""Accounts on a real database: names, passwords, throttling, sessions, revocation across processes, tokens, the audit log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from engine.values import LotId
from gateway.accounts import audit, throttle
from gateway.accounts.accounts import TOKENS_MAX, Accounts
from gateway.accounts.admissions import Admissions
from gateway.accounts.audit import Origin
from gateway.accounts.identities import CACHED_US, FOLLOW_S, Identities, Revocation
from gateway.accounts.model import Role, Scope, cleaned_name, normalised_login
from gateway.accounts.passwords import Passwords, weakness
from gateway.errors import Code, Refused

HERE = Origin("test", "192.0.2.1")
PASSWORD = "correct horse battery"
SECOND_US = 1_000_000


class Clock:
    """Time that moves when the test says so."""

    def __init__(self) -> None:
        self.us = 1_800_000_000_000_000

    def __call__(self) -> int:
        return self.us

    def pass_s(self, seconds: float) -> None:
        self.us += int(seconds * SECOND_US)


class Bureau:
    """Accounts over a database, as one process has them; `another` is a second process over the same database."""

    def __init__(self, dsn: str, clock: Clock) -> None:
        self.dsn = dsn
        self.clock = clock
        self.pools: list[asyncpg.Pool] = []
        self.passwords = Passwords(time_cost=1, memory_kib=64)

    async def another(self) -> Accounts:
        pool = await asyncpg.create_pool(self.dsn, min_size=1, max_size=8)
        self.pools.append(pool)
        identities = Identities(pool, self.clock)
        await identities.start()
        return Accounts(pool, identities, self.passwords, session_hours=2, now_us=self.clock)

    async def close(self) -> None:
        self.passwords.close()
        for pool in self.pools:
            await pool.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def bureau(fresh_database: str, clock: Clock) -> AsyncIterator[Bureau]:
    bureau = Bureau(fresh_database, clock)
    yield bureau
    await bureau.close()


@pytest.fixture
async def accounts(bureau: Bureau) -> Accounts:
    return await bureau.another()


async def refusal(awaitable) -> Refused:
    with pytest.raises(Refused) as raised:
        await awaitable
    return raised.value


# Names.


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("Anna", "anna"),
        (" ANNA ", "anna"),
        ("\uff41\uff4e\uff4e\uff41", "anna"),
        ("Straße", "strasse"),
        ("李四光", "李四光"),
        ("a.b@c.example", "a.b@c.example"),
        ("ab", None),
        ("a b c", None),
        ("anna\u200b", None),
        ("anna\x00", None),
        ("a" * 61, None),
        ("a" * 100_000, None),
        ("\ud800abc", None),
    ],
)
def test_login_names_have_one_form(text, login):
    assert normalised_login(text) == login


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("  内蒙古  大学 ", "内蒙古 大学"),
        ("", None),
        ("x" * 61, None),
        ("a\u202eb", None),
        ("a\x00b", None),
        ("x" * 10_000_000, None),
    ],
)
def test_display_names_show_what_they_are(text, name):
    assert cleaned_name(text) == name


# Passwords.


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("short", "too_short"),
        ("x" * 129, "too_long"),
        ("my name is anna!", "contains_login"),
        ("aaaaaaaaaaaa", "too_common"),
        ("Password123", "too_common"),
        (PASSWORD, None),
        ("五月的草原上有马群和羊群", None),
    ],
)
def test_weak_passwords_are_named(password, problem):
    assert weakness(password, "anna") == problem


async def test_a_password_is_stored_as_argon2id(bureau: Bureau, accounts: Accounts):
    await accounts.register("anna", "Anna", PASSWORD, HERE)
    stored = await bureau.pools[0].fetchval("SELECT password_hash FROM account")
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


async def test_a_hash_with_other_work_factors_is_made_anew_at_login(bureau: Bureau, accounts: Accounts):
    await accounts.register("anna", "Anna", PASSWORD, HERE)
    before = await bureau.pools[0].fetchval("SELECT password_hash FROM account")
    bureau.passwords = Passwords(time_cost=2, memory_kib=64)
    await (await bureau.another()).log_in("anna", PASSWORD, "192.0.2.1")
    after = await bureau.pools[0].fetchval("SELECT password_hash FROM account")
    assert "t=1" in before
    assert "t=2" in after


async def test_hashing_refuses_a_crowd_instead_of_queueing_it():
    passwords = Passwords(time_cost=1, memory_kib=64)
    results = await asyncio.gather(*(passwords.hash("x") for _ in range(100)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, Refused)]
    assert len(refused) == 60
    assert {r.code for r in refused} == {Code.RATE_LIMITED}
    passwords.close()


# Registration and login.


async def test_a_name_is_taken_whatever_its_case(accounts: Accounts):
    await accounts.register("Anna", "Anna", PASSWORD, HERE)
    assert (
        await refusal(accounts.register("\uff21\uff2e\uff2e\uff21", "Anna", PASSWORD, HERE))
    ).code is Code.NAME_TAKEN


async def test_two_registrations_of_one_name_at_once_make_one_account(accounts: Accounts):
    results = await asyncio.gather(
        *(accounts.register("anna", "Anna", PASSWORD, HERE) for _ in range(5)), return_exceptions=True
    )
    assert sum(not isinstance(result, Exception) for result in results) == 1


async def test_what_is_wrong_with_a_registration_is_named(accounts: Accounts):
    refused = await refusal(accounts.register("a", "\x00", PASSWORD, HERE))
    assert (refused.code, refused.data) == (Code.MALFORMED, {"fields": "login, display_name"})
    assert (await refusal(accounts.register("anna", "A", "x", HERE))).data == {"problem": "too_short"}


async def test_a_visitor_cannot_fill_the_market_with_accounts(accounts: Accounts, clock: Clock):
    visitor = Origin(audit.NOBODY, "192.0.2.9")
    for number in range(31):
        await accounts.register(f"visitor{number}", "V", PASSWORD, visitor)
    assert (await refusal(accounts.register("visitor99", "V", PASSWORD, visitor))).code is Code.LOGIN_THROTTLED
    await accounts.register("elsewhere", "V", PASSWORD, Origin(audit.NOBODY, "192.0.2.10"))
    clock.pass_s(61)
    await accounts.register("visitor99", "V", PASSWORD, visitor)


async def test_every_login_has_a_session_of_its_own(accounts: Accounts):
    await accounts.register("anna", "Anna", PASSWORD, HERE)
    first, second = [await accounts.log_in("anna", PASSWORD, "192.0.2.1") for _ in range(2)]
    assert first.id != second.id
    assert first.caller.csrf != second.caller.csrf
    assert len(first.id) >= 22  # at least 128 bits in base64


async def test_the_database_does_not_hold_what_opens_a_session(bureau: Bureau, accounts: Accounts):
    account = await accounts.register("anna", "Anna", PASSWORD, HERE)
    session = await accounts.log_in("anna", PASSWORD, "192.0.2.1")
    _, secret = await accounts.create_token(account.id, "t", [Scope.READ], 1, HERE)
    rows = [
        dict(r)
        for t in ("web_session", "api_token", "audit_entry", "account")
        for r in await bureau.pools[0].fetch(f"TABLE {t}")
    ]
    dump = str(rows)
    assert session.id not in dump
    assert secret.partition(".")[2] not in dump
    assert PASSWORD not in dump


async def test_unknown_name_wrong_password_and_disabled_account_look_the_same(accounts: Accounts):
    account = await accounts.register("anna", "Anna", PASSWORD, HERE)
    await accounts.register("bert", "Bert", PASSWORD, HERE)
    await accounts.disable(account.id, HERE)
    for login, password in (("nobody", PASSWORD), ("bert", "wrong password"), ("anna", PASSWORD), ("\x00", PASSWORD)):
        refused = await refusal(accounts.log_in(login, password, "192.0.2.1"))
        assert (refused.code, refused.data) == (Code.LOGIN_FAILED, {})


async def test_an_unknown_name_costs_as_much_as_a_known_one(accounts: Accounts, bureau: Bureau, monkeypatch):
    """Counted, not timed: the hash is computed in both cases."""
    await accounts.register("anna", "Anna", PASSWORD, HERE)
    checked: list[str] = []
    real = bureau.passwords._check

    def counted(stored: str, password: str) -> bool:
        checked.append(stored)
        return real(stored, password)

    monkeypatch.setattr(bureau.passwords, "_check", counted)
    for login in ("anna", "nobody"):
        await refusal(accounts.log_in(login, "wrong password", "192.0.2.1"))
    assert len(checked) == 2
    assert all(stored.startswith("$argon2id$v=19$m=64,t=1") for stored in checked)


# Throttling.


async def test_pauses_grow_with_failures_and_never_lock(accounts: Accounts, clock: Clock):
    await accounts.register("anna", "Anna", PASSWORD, HERE)
    waits = []
    for _ in range(12):
        refused = await refusal(accounts.log_in("anna", "wrong", "192.0.2.1"))
        if refused.code is Code.LOGIN_THROTTLED:
            waits.append(int(refused.data["retry_after_ms"]))
            clock.pass_s(waits[-1] / 1_000)
            refused = await refusal(accounts.log_in("anna", "wrong", "192.0.2.1"))
        assert refused.code is Code.LOGIN_FAILED
    assert waits == [1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 60_000, 60_000]
    clock.pass_s(60)
    await accounts.log_in("anna", PASSWORD, "192.0.2.1")  # the right password is good after the pause


async def test_a_rival_elsewhere_cannot_shut_anybody_out(accounts: Accounts):
    await accounts.register("anna", "Anna", PASSWORD, HERE)
    for _ in range(5):
        await refusal(accounts.log_in("anna", "wrong", "198.51.100.66"))
    await accounts.log_in("anna", PASSWORD, "192.0.2.1")


async def test_two_tabs_do_not_get_two_tries(accounts: Accounts):
    await accounts.register("anna", "Anna", PASSWORD, HERE)
    results = await asyncio.gather(
        *(accounts.log_in("anna", "wrong", "192.0.2.1") for _ in range(20)), return_exceptions=True
    )
    codes = [result.code for result in results if isinstance(result, Refused)]
    # Three failures are free; the fourth begins the first pause.
    assert codes.count(Code.LOGIN_FAILED) == 4
    assert codes.count(Code.LOGIN_THROTTLED) == 16


async def test_a_restart_does_not_forget_failures(bureau: Bureau, accounts: Accounts):
    await accounts.register("anna", "Anna", PASSWORD, HERE)
    for _ in range(4):
        await refusal(accounts.log_in("anna", "wrong", "192.0.2.1"))
    restarted = await bureau.another()
    assert (await refusal(restarted.log_in("anna", PASSWORD, "192.0.2.1"))).code is Code.LOGIN_THROTTLED


async def test_success_and_time_forgive(accounts: Accounts, clock: Clock):
    await accounts.register("anna", "Anna", PASSWORD, HERE)
    for _ in range(3):
        await refusal(accounts.log_in("anna", "wrong", "192.0.2.1"))
    await accounts.log_in("anna", PASSWORD, "192.0.2.1")
    for _ in range(4):
        assert (await refusal(accounts.log_in("anna", "wrong", "192.0.2.1"))).code is Code.LOGIN_FAILED
    clock.pass_s(throttle.FORGET_US / SECOND_US + 1)
    for _ in range(3):
        assert (await refusal(accounts.log_in("anna", "wrong", "192.0.2.1"))).code is Code.LOGIN_FAILED


async def test_one_password_on_many_names_is_slowed_down(accounts: Accounts):
    codes = [(await refusal(accounts.log_in(f"name{n}", "Spring 2026!", "192.0.2.1"))).code for n in range(40)]
    assert codes[:31] == [Code.LOGIN_FAILED] * 31
    assert codes[31:] == [Code.LOGIN_THROTTLED] * 9


# Sessions and what is taken back.


async def test_a_session_opens_until_it_expires(accounts: Accounts, clock: Clock):
    await accounts.register("anna", "Anna", PASSWORD, HERE)
    session = await accounts.log_in("anna", PASSWORD, "192.0.2.1")
    identities = accounts.identities
    found = await identities.by_session(session.id)
    assert found is not None
    assert found.account is not None
    assert found.account.login == "anna"
    clock.pass_s(2 * 3600 + 1)
    assert await identities.by_session(session.id) is None
    assert not identities.is_current(session.caller)
    assert await identities.by_session("x" * 43) is None
    assert await identities.by_session("") is None


async def test_the_hot_path_does_not_read_the_database(bureau: Bureau, accounts: Accounts):
    await accounts.register("anna", "Anna", PASSWORD, HERE)
    session = await accounts.log_in("anna", PASSWORD, "192.0.2.1")
    await bureau.pools[0].close()
    for _ in range(3):
        assert await accounts.identities.by_session(session.id) is not None


async def test_logout_ends_one_session_everywhere(bureau: Bureau, accounts: Accounts):
    await accounts.register("anna", "Anna", PASSWORD, HERE)
    leaving, staying = [await accounts.log_in("anna", PASSWORD, "192.0.2.1") for _ in range(2)]
    elsewhere = (await bureau.another()).identities
    seen = await elsewhere.by_session(leaving.id)
    assert seen is not None
    await accounts.log_out(leaving.caller, "192.0.2.1")
    assert await accounts.identities.by_session(leaving.id) is None
    await elsewhere.catch_up()
    assert await elsewhere.by_session(leaving.id) is None
    assert not elsewhere.is_current(seen)
    assert await elsewhere.by_session(staying.id) is not None


@pytest.mark.parametrize("act", ["disable", "password", "role"])
async def test_what_ends_all_sessions_is_told_to_sockets_in_another_process(
    bureau: Bureau, accounts: Accounts, act: str
):
    account = await accounts.register("anna", "Anna", PASSWORD, HERE)
    sessions = [await accounts.log_in("anna", PASSWORD, "192.0.2.1") for _ in range(2)]
    elsewhere = (await bureau.another()).identities
    told: list[Revocation] = []
    elsewhere.subscribe_revocations(told.append)
    callers = [await elsewhere.by_session(session.id) for session in sessions]
    following = asyncio.create_task(elsewhere.follow())
    if act == "disable":
        await accounts.disable(account.id, HERE)
    elif act == "password":
        await accounts.change_password(account.id, PASSWORD, "another good password", HERE)
    else:
        await accounts.set_role(account.id, Role.SELLER, HERE)
    assert FOLLOW_S < 1, "the promise: a socket is closed within a second"
    async with asyncio.timeout(30):
        while not told:
            await asyncio.sleep(0.01)
    following.cancel()
    assert [(r.kind, r.subject) for r in told] == [("account", account.id)]
    for caller, session in zip(callers, sessions, strict=True):
        assert caller is not None
        assert told[0].concerns(caller)
        assert not elsewhere.is_current(caller)
        assert await elsewhere.by_session(session.id) is None


async def test_a_login_after_a_revocation_is_good(accounts: Accounts):
    account = await accounts.register("anna", "Anna", PASSWORD, HERE)
    await accounts.log_in("anna", PASSWORD, "192.0.2.1")
    await accounts.set_role(account.id, Role.SELLER, HERE)
    session = await accounts.log_in("anna", PASSWORD, "192.0.2.1")
    found = await accounts.identities.by_session(session.id)
    assert found is not None
    assert found.role is Role.SELLER


async def test_revocations_of_concurrent_transactions_are_never_missed(bureau: Bureau, accounts: Accounts):
    """With a plain sequence a later number can be visible before an earlier one; here the follower would miss it."""
    people = [await accounts.register(f"person{n}", "P", PASSWORD, HERE) for n in range(12)]
    elsewhere = (await bureau.another()).identities
    told: list[str] = []
    elsewhere.subscribe_revocations(lambda revocation: told.append(revocation.subject))

    async def follow() -> None:
        while len(told) < len(people):
            await elsewhere.catch_up()

    async with asyncio.timeout(20):
        await asyncio.gather(follow(), *(accounts.disable(person.id, HERE) for person in people))
    assert sorted(told) == sorted(person.id for person in people)


async def test_a_broken_listener_does_not_keep_others_from_hearing(bureau: Bureau, accounts: Accounts):
    account = await accounts.register("anna", "Anna", PASSWORD, HERE)
    told: list[Revocation] = []

    def broken(revocation: Revocation) -> None:
        raise RuntimeError("broken")

    accounts.identities.subscribe_revocations(broken)
    accounts.identities.subscribe_revocations(told.append)
    await accounts.disable(account.id, HERE)
    assert len(told) == 1


async def test_a_proof_is_read_again_after_a_while(bureau: Bureau, accounts: Accounts, clock: Clock):
    await accounts.register("anna", "Anna", PASSWORD, HERE)
    session = await accounts.log_in("anna", PASSWORD, "192.0.2.1")
    seen = "SELECT seen_at_us FROM web_session"
    before = await bureau.pools[0].fetchval(seen)
    clock.pass_s(CACHED_US / SECOND_US + 1)
    await accounts.identities.by_session(session.id)
    assert await bureau.pools[0].fetchval(seen) > before


async def test_an_unreachable_database_is_said_to_be_one(bureau: Bureau, accounts: Accounts):
    await bureau.pools[0].close()
    assert (await refusal(accounts.identities.by_session("x" * 43))).code is Code.UNAVAILABLE


# Tokens.


async def test_a_token_opens_with_its_scopes_until_revoked(accounts: Accounts):
    account = await accounts.register("anna", "Anna", PASSWORD, HERE)
    token, secret = await accounts.create_token(account.id, "bot", [Scope.BID, Scope.READ], 30, HERE)
    found = await accounts.identities.by_token(secret)
    assert found is not None
    assert (found.token, found.scopes, found.session) == (token.id, {Scope.BID, Scope.READ}, "")
    assert [t.id for t in await accounts.tokens_of(account.id)] == [token.id]
    await accounts.revoke_token(account.id, token.id, HERE)
    assert await accounts.identities.by_token(secret) is None
    assert await accounts.tokens_of(account.id) == []
    assert (await refusal(accounts.revoke_token(account.id, token.id, HERE))).code is Code.NOT_FOUND


NOT_QUITE = {
    "another secret": lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
    "no secret": lambda text: text.partition(".")[0],
    "another id": lambda text: "t" + text,
    "far too long": lambda text: text * 9,
}


@pytest.mark.parametrize("change", NOT_QUITE.values(), ids=NOT_QUITE.keys())
async def test_a_token_that_is_not_quite_right_opens_nothing(accounts: Accounts, change):
    account = await accounts.register("anna", "Anna", PASSWORD, HERE)
    _, secret = await accounts.create_token(account.id, "bot", [Scope.READ], 30, HERE)
    assert await accounts.identities.by_token(change(secret)) is None


async def test_tokens_of_a_disabled_account_open_nothing(accounts: Accounts):
    account = await accounts.register("anna", "Anna", PASSWORD, HERE)
    _, secret = await accounts.create_token(account.id, "bot", [Scope.READ], 30, HERE)
    assert await accounts.identities.by_token(secret) is not None
    await accounts.disable(account.id, HERE)
    assert await accounts.identities.by_token(secret) is None
    await accounts.enable(account.id, HERE)
    assert await accounts.identities.by_token(secret) is not None


async def test_nobody_revokes_anothers_token(accounts: Accounts):
    anna, bert = [await accounts.register(name, "X", PASSWORD, HERE) for name in ("anna", "bert")]
    token, secret = await accounts.create_token(anna.id, "bot", [Scope.READ], 30, HERE)
    assert (await refusal(accounts.revoke_token(bert.id, token.id, HERE))).code is Code.NOT_FOUND
    assert await accounts.identities.by_token(secret) is not None


async def test_tokens_are_bounded_in_number_and_life(accounts: Accounts, clock: Clock):
    account = await accounts.register("anna", "Anna", PASSWORD, HERE)
    for number in range(TOKENS_MAX):
        await accounts.create_token(account.id, f"bot {number}", [Scope.READ], 1, HERE)
    assert (await refusal(accounts.create_token(account.id, "one more", [Scope.READ], 1, HERE))).code is Code.CONFLICT
    clock.pass_s(86_401)
    _, secret = await accounts.create_token(account.id, "one more", [Scope.READ], 1, HERE)
    assert await accounts.identities.by_token(secret) is not None
    clock.pass_s(86_401)
    assert await accounts.identities.by_token(secret) is None
    assert (
        await refusal(accounts.create_token(account.id, "for ever", [Scope.READ], 100_000, HERE))
    ).code is Code.MALFORMED


# The audit log and housekeeping.


async def test_every_act_leaves_a_line(bureau: Bureau, accounts: Accounts):
    account = await accounts.register("anna", "Anna", PASSWORD, HERE)
    await refusal(accounts.log_in("anna", "wrong", "192.0.2.1"))
    session = await accounts.log_in("anna", PASSWORD, "192.0.2.1")
    token, _ = await accounts.create_token(account.id, "t", [Scope.READ], 1, HERE)
    await accounts.revoke_token(account.id, token.id, HERE)
    await accounts.set_role(account.id, Role.SELLER, HERE)
    await accounts.log_out(session.caller, "192.0.2.1")
    await accounts.disable(account.id, HERE)
    lines = [(e.actor, e.act, e.subject, e.result) for e in await audit.read_page(bureau.pools[0])]
    assert lines[::-1] == [
        ("test", "account.registered", account.id, "done"),
        ("-", "session.begun", account.id, "login_failed"),
        (account.id, "session.begun", account.id, "done"),
        ("test", "token.created", token.id, "done"),
        ("test", "token.revoked", token.id, "done"),
        ("test", "account.role_set.seller", account.id, "done"),
        (account.id, "session.ended", account.id, "done"),
        ("test", "account.disabled", account.id, "done"),
    ]


async def test_a_failed_act_leaves_no_half(bureau: Bureau, accounts: Accounts):
    """The act and its line are one transaction: when the line cannot be written, nothing happened."""
    account = await accounts.register("anna", "Anna", PASSWORD, HERE)
    await bureau.pools[0].execute("ALTER TABLE audit_entry ADD CONSTRAINT closed CHECK (act <> 'account.disabled')")
    with pytest.raises(asyncpg.CheckViolationError):
        await accounts.disable(account.id, HERE)
    await accounts.log_in("anna", PASSWORD, "192.0.2.1")


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_entry SET actor = 'x'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"]
)
async def test_the_audit_log_cannot_be_changed(bureau: Bureau, accounts: Accounts, statement: str):
    await accounts.register("anna", "Anna", PASSWORD, HERE)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await bureau.pools[0].execute(statement)


async def test_what_has_expired_is_swept(bureau: Bureau, accounts: Accounts, clock: Clock):
    account = await accounts.register("anna", "Anna", PASSWORD, HERE)
    await accounts.log_in("anna", PASSWORD, "192.0.2.1")
    await refusal(accounts.log_in("anna", "wrong", "192.0.2.1"))
    await accounts.set_role(account.id, Role.SELLER, HERE)
    await accounts.log_in("anna", PASSWORD, "192.0.2.1")
    clock.pass_s(31 * 86_400)
    await accounts.sweep()
    left = [
        await bureau.pools[0].fetchval(f"SELECT count(*) FROM {t}")
        for t in ("web_session", "login_attempt", "revocation")
    ]
    assert left == [0, 0, 0]


async def test_who_asks_for_admission_waits_once(bureau: Bureau, accounts: Accounts, clock: Clock):
    anna, bert = [await accounts.register(name, "X", PASSWORD, HERE) for name in ("anna", "bert")]
    lot = LotId("a1")
    admissions = Admissions(bureau.pools[0], clock)
    await admissions.ask(lot, bert.id)
    clock.pass_s(1)
    await admissions.ask(lot, anna.id)
    await admissions.ask(lot, bert.id)
    assert [r.party_id for r in await admissions.waiting(lot)] == [bert.id, anna.id]
    assert await admissions.has_asked(lot, anna.id)
    await admissions.close(lot, anna.id)
    assert not await admissions.has_asked(lot, anna.id)
    assert await admissions.waiting(LotId("a2")) == []
