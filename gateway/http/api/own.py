"""Endpoints about the caller himself: account, record, receipts, tokens, password."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from engine.evidence.receipts import receipt_document, receipt_of
from engine.journal.digests import first_digest
from engine.journal.records import LOT_STREAM, lot_stream
from gateway.agencies import records_of
from gateway.errors import Code, Refused
from gateway.http.api.calls import Call
from gateway.http.api.views import DoneView, MeView, NewTokenView, OwnCommandsView, TokensView, own_command_view
from gateway.http.api.wishes import CommandsQuery, PasswordWish, TokenWish

SEQ_LENGTH_MAX = 16


async def me(call: Call) -> MeView:
    """The account behind the request."""
    account = call.caller.account
    assert account is not None, "the door lets no anonymous caller in"
    return MeView(account.id, account.login, account.display_name, account.role.value, account.language)


async def commands(call: Call, query: CommandsQuery) -> OwnCommandsView:
    """What the caller did on lots, newest first."""
    records = await records_of(call.services, call.caller, query.before_us, query.limit)
    views = [
        own_command_view(receipt_of(record), str(UUID(bytes=record.command_id)))
        for record in records
        if record.stream.startswith(LOT_STREAM) and record.command_id is not None
    ]
    return OwnCommandsView(views, records[-1].at_us if len(records) == query.limit else None)


async def receipt(call: Call) -> dict[str, Any]:
    """The signed receipt of one of the caller's own commands."""
    return await signed_receipt(call, call.path["seq"])


async def signed_receipt(call: Call, seq_text: str) -> dict[str, Any]:
    """Return the receipt document at a place of the lot's record, if the caller's own command stands there.

    Raises:
        Refused: NOT_FOUND: nothing there, or somebody else's: the answers do not differ.
    """
    if not seq_text.isascii() or not seq_text.isdigit() or len(seq_text) > SEQ_LENGTH_MAX:
        raise Refused(Code.NOT_FOUND)
    reader, seq = call.services.reader, int(seq_text)
    record = await reader.lot_event(call.lot_id, seq)
    if record is None or record.command_id is None or record.actor != call.caller.party_on(call.lot_id):
        raise Refused(Code.NOT_FOUND)
    before = await reader.lot_event(call.lot_id, seq - 1)
    previous = first_digest(lot_stream(call.lot_id)) if before is None else before.digest
    return receipt_document(record, previous, call.services.signing_key, call.services.config.market_name)


async def tokens(call: Call) -> TokensView:
    """The tokens of the account."""
    return TokensView(await call.services.accounts.tokens_of(call.caller.login_id))


async def create_token(call: Call, wish: TokenWish) -> NewTokenView:
    """Make a token."""
    token, secret = await call.services.accounts.create_token(
        call.caller.login_id, wish.name, wish.scopes, wish.days, call.origin
    )
    return NewTokenView(token, secret)


async def revoke_token(call: Call) -> DoneView:
    """Take a token back at once."""
    await call.services.accounts.revoke_token(call.caller.login_id, call.path["id"], call.origin)
    return DoneView()


async def change_password(call: Call, wish: PasswordWish) -> DoneView:
    """Set a new password and end every session of the account."""
    await call.services.accounts.change_password(call.caller.login_id, wish.current, wish.new, call.origin)
    return DoneView()
