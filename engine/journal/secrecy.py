"""What lies in the database is not for its readers: rows of lots are encrypted at rest until they are results (ADR 0018).

Digests are of what was said, not of what is stored: a row is hidden when it is written and shown when it is read, and everything
above the journal (replay, receipts, verification) is as if it lay there in clear. Hidden with the body: the salt, without which
its published digest could be tried out, and the digest of the request, which has none. A result is public and stays in clear.

    body  = 0x01 ‖ counter block (16) ‖ AES-256-CTR(salt (32) ‖ request digest (32, zeros for none) ‖ body ‖ zeros up to 64)
    state = 0x01 ‖ nonce (12) ‖ AES-256-GCM(state)

What begins with `{` was written in clear, by an older program or without a key, and is read as it stands. That nothing was
changed is shown by the digest chain, for either.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from msgspec.structs import replace

from engine.journal.records import COLUMNS, KINDS, LOT_STREAM, Record
from engine.layout import copy_hidden_rows, copy_rows, secrets
from engine.layout.reference import NOTHING

KEY_LENGTH: Final = 32
MARK: Final = b"\x01"
"""First byte of what is hidden; clear bodies are JSON and begin with a brace."""
PUBLIC_TYPES: Final = frozenset({"lot.sold", "lot.passed", "lot.allocated", "lot.voided", "lot.withdrawn"})
"""Results: public from the moment they are in the log."""
_STEP: Final = 64
"""Hidden bodies are as long as the next multiple: how many digits an amount has does not show."""
_BLOCK: Final = 16
_BLOCKS_MAX: Final = 1 << 32
"""Blocks under one nonce: their number is the last four bytes of the counter block."""
_NONCE: Final = 12


class LogHidden(Exception):
    """A row is hidden and whoever reads it has no key of the log."""


class LogKeyUnusable(Exception):
    """The key of the log cannot be used; a new one is never made in its place. The text says what to do."""


def is_hidden(stored: bytes) -> bool:
    """Tell whether a stored body or state is hidden."""
    return stored.startswith(MARK)


class Vault:
    """Hides rows on their way into the database and shows them on their way out. Each writer has one of its own."""

    def __init__(self, key: bytes) -> None:
        assert len(key) == KEY_LENGTH
        self._key = AES(key)
        self._states = AESGCM(sha256(b"ortoo/states/v1\n" + key).digest())
        self._begin()

    def rows(self, records: Sequence[Record]) -> bytes:
        """Return the COPY of the rows as they are stored. The cipher is called once for all, so that a bid costs its bytes and no
        more.
        """
        taken = list(records)
        plain, lengths = secrets(taken, LOT_STREAM, PUBLIC_TYPES, _STEP)
        blocks = len(plain) // _BLOCK
        if self._blocks + blocks > _BLOCKS_MAX:
            self._begin()
        head, block = MARK + self._nonce, self._blocks
        self._blocks += blocks
        return copy_hidden_rows(taken, COLUMNS, KINDS, lengths, head, block, self._encrypt(plain))

    def show(self, record: Record) -> Record:
        """Return a stored row as it was said. If its bytes were changed something else comes out, which its digest shows."""
        if not is_hidden(record.body):
            return record
        plain = self._shown(record.body)
        digest, said = plain[32:64], plain[64:].rstrip(b"\0")
        return replace(record, body=said, salt=plain[:32], request_digest=None if digest == NOTHING else digest)

    def show_body(self, stored: bytes) -> bytes:
        """Return a stored body as it was said."""
        return self._shown(stored)[64:].rstrip(b"\0") if is_hidden(stored) else stored

    def hide_state(self, state: bytes) -> bytes:
        """Return a state of a lot as it is stored."""
        nonce = os.urandom(_NONCE)
        return MARK + nonce + self._states.encrypt(nonce, state, None)

    def show_state(self, stored: bytes) -> bytes:
        """Return a stored state in clear; nothing, which is no state, if its bytes were changed."""
        if not is_hidden(stored):
            return stored
        try:
            return self._states.decrypt(stored[1:13], stored[13:], None)
        except InvalidTag:
            return b""

    def _shown(self, stored: bytes) -> bytes:
        return Cipher(self._key, CTR(stored[1:17])).decryptor().update(stored[17:])

    def _begin(self) -> None:
        self._nonce, self._blocks = os.urandom(_NONCE), 0
        self._encrypt = Cipher(self._key, CTR(self._nonce + bytes(4))).encryptor().update


class Clear:
    """Without a key: rows are written in clear; what others hid is not shown."""

    def rows(self, records: Sequence[Record]) -> bytes:
        """Return the COPY of the rows as they are."""
        return copy_rows(list(records), COLUMNS, KINDS)

    def show(self, record: Record) -> Record:
        """Return a row that lies in clear.

        Raises:
            LogHidden: it does not.
        """
        self.show_body(record.body)
        return record

    def show_body(self, stored: bytes) -> bytes:
        """Return a body that lies in clear.

        Raises:
            LogHidden: it does not.
        """
        if is_hidden(stored):
            raise LogHidden("rows of lots are hidden: the key of the log is needed")
        return stored

    def hide_state(self, state: bytes) -> bytes:
        """Return a state as it is."""
        return state

    def show_state(self, stored: bytes) -> bytes:
        """Return a state that lies in clear.

        Raises:
            LogHidden: it does not.
        """
        if is_hidden(stored):
            raise LogHidden("states of lots are hidden: the key of the log is needed")
        return stored


Secrecy = Vault | Clear
CLEAR: Final = Clear()


def fingerprint(key: bytes) -> bytes:
    """Return what names a key without giving it away; the database holds that of its own."""
    return sha256(b"ortoo/log-key/v1\n" + key).digest()[:16]


def read_log_key(path: Path) -> bytes:
    """Return the key of the log, made at the first start; only the owner may read the file.

    Raises:
        LogKeyUnusable: others may read the file, or it holds no key.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise LogKeyUnusable(f"{path}: others may read the key of the log: chmod 600")
        key = path.read_bytes()
    except FileNotFoundError:
        return _made(path)
    if len(key) != KEY_LENGTH:
        raise LogKeyUnusable(f"{path}: this is no key of the log; restore it from the back-up")
    return key


def _made(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key, partial = os.urandom(KEY_LENGTH), path.with_name(f"{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(partial, path)  # whole or not at all, and never over a key that another process has just made
    except FileExistsError:
        key = path.read_bytes()
    partial.unlink()
    return key
