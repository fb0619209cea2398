"""Hiding and showing: what was said comes back, nothing of it can be read or tried out, what was changed does not pass for what was said."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.journal.digests import content_of, first_digest
from engine.journal.records import KINDS, Record
from engine.journal.sealing import seal
from engine.journal.secrecy import (
    CLEAR,
    LogHidden,
    LogKeyUnusable,
    Secrecy,
    Vault,
    fingerprint,
    is_hidden,
    read_log_key,
)
from engine.values import InstantUs

KEY = bytes(range(32))


def record(stream: str = "lot/a1", kind: str = "lot.bid_accepted", seq: int = 1, body: bytes = b"{}") -> Record:
    return seal(
        3, seq, 1, stream, seq, (kind, 1), InstantUs(10 + seq), None, os.urandom(16), os.urandom(32), "p1", body, os.urandom(32),
        first_digest(stream),
    )  # fmt: skip


def stored_by(secrecy: Secrecy, said: list[Record]) -> list[Record]:
    """Return what the database is sent: the rows of the COPY, read back."""
    rows, at, found = secrecy.rows(said), 19, list[Record]()
    while rows[at : at + 2] != b"\xff\xff":
        at, cells = at + 2, list[Any]()
        for kind in KINDS:
            (size,) = struct.unpack_from("!i", rows, at)
            cell = rows[at + 4 : at + 4 + max(0, size)]
            at += 4 + len(cell)
            cells.append(None if size < 0 else _value(kind, cell))
        found.append(Record(*cells))
    return found


def _value(kind: str, cell: bytes) -> Any:
    if kind in "hq":
        return int.from_bytes(cell, "big", signed=True)
    return cell.decode() if kind == "t" else cell


def test_what_was_hidden_is_shown_again_bit_for_bit_and_results_stay_in_clear() -> None:
    vault = Vault(KEY)
    said = [
        record(body=b'{"maximum":"593826174"}'),
        record("listing/x", "listing.submitted", 2),
        record(kind="lot.sold", seq=3, body=b'{"price":"593826174"}'),
        record(seq=4, body=b'{"text":"' + b"y" * 1_000 + b'"}'),
        replace(record(seq=5), request_digest=None, command_id=None),
    ]
    stored = stored_by(vault, said) + stored_by(vault, said[:1])
    assert [is_hidden(one.body) for one in stored] == [True, False, False, True, True, True]
    assert [Vault(KEY).show(one) for one in stored] == [*said, said[0]], "by any process that has the key"
    assert b"593826174" not in stored[0].body and stored[0].body != stored[5].body
    assert [len(one.body) % 64 for one in stored if is_hidden(one.body)] == [17] * 4
    assert len(stored[0].body) == len(stored[4].body), "the length of an amount does not show"


def test_neither_salt_nor_request_digest_stand_beside_it_to_be_tried_out() -> None:
    said = record(body=b'{"maximum":"500"}')
    (stored,) = stored_by(Vault(KEY), [said])
    assert stored.request_digest is None and stored.salt == bytes(32)
    assert stored.content == content_of(said) != content_of(stored)
    assert (stored.content, stored.digest, stored.at_us, stored.actor) == (
        said.content,
        said.digest,
        said.at_us,
        said.actor,
    )


def test_a_changed_byte_and_a_wrong_key_show_in_the_digest() -> None:
    said = record(body=b'{"maximum":"500"}')
    (stored,) = stored_by(Vault(KEY), [said])
    for place in (1, 20, len(stored.body) - 60):
        changed = bytearray(stored.body)
        changed[place] ^= 1
        shown = Vault(KEY).show(replace(stored, body=bytes(changed)))
        assert content_of(shown) != said.content
    assert content_of(Vault(bytes(32)).show(stored)) != said.content


def test_without_the_key_nothing_is_shown_and_what_lies_in_clear_stays_readable() -> None:
    said = record(body=b'{"maximum":"500"}')
    (stored,) = stored_by(Vault(KEY), [said])
    for hidden in (
        lambda: CLEAR.show(stored),
        lambda: CLEAR.show_body(stored.body),
        lambda: CLEAR.show_state(stored.body),
    ):
        with pytest.raises(LogHidden):
            hidden()
    assert stored_by(CLEAR, [said]) == [said] and Vault(KEY).show(said) == said, "a log of an older program"
    assert CLEAR.show(said) == said and CLEAR.show_body(said.body) == said.body


def test_a_state_is_hidden_and_one_that_was_changed_is_none() -> None:
    vault, state = Vault(KEY), b'{"leader_maximum":"593826174"}'
    stored = vault.hide_state(state)
    assert b"593826174" not in stored and Vault(KEY).show_state(stored) == state and vault.show_state(state) == state
    assert Vault(bytes(32)).show_state(stored) == b"" == vault.show_state(stored[:-1] + bytes((stored[-1] ^ 1,)))


def test_a_counter_is_never_used_twice_under_one_nonce() -> None:
    vault, seen = Vault(KEY), set[bytes]()
    vault._blocks = (1 << 32) - 4  # near the end of this nonce
    for _ in range(5):
        for stored in stored_by(vault, [record(body=b'{"maximum":"500"}'), record(seq=2)]):
            first = int.from_bytes(stored.body[13:17], "big")
            blocks = {
                stored.body[1:13] + bytes((0,)) + (first + n).to_bytes(8, "big")
                for n in range((len(stored.body) - 17) // 16)
            }
            assert not seen & blocks and first + len(blocks) <= 1 << 32
            seen |= blocks


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "log.key"
    key = read_log_key(path)
    assert read_log_key(path) == key and len(key) == 32 and path.stat().st_mode & 0o077 == 0
    assert fingerprint(key) not in (key[:16], fingerprint(KEY))
    path.chmod(0o644)
    with pytest.raises(LogKeyUnusable, match="chmod 600"):
        read_log_key(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(LogKeyUnusable, match="back-up"):
        read_log_key(path)
