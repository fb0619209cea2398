"""Keys shared with an outside registrar, in a JSON file that both sides hold: several at once, so that they change without a gap.

To change: add a key with a `since` in the near future on both sides; from then on it signs. Give the old one an `until`; after that it is
not believed any more.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

SECRET_BYTES: Final = 32
KEYS_MAX: Final = 20
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")


class KeysUnusable(Exception):
    """The file of keys cannot be used; none is made in its place, the other side would know nothing of it."""


class Key(Struct, frozen=True, kw_only=True):
    """One key. Times in seconds since 1970."""

    id: str
    secret: str
    """Hexadecimal, at least 32 bytes."""
    since_s: int = 0
    until_s: int | None = None

    @property
    def secret_bytes(self) -> bytes:
        """The secret."""
        return bytes.fromhex(self.secret)

    def in_force(self, now_s: int) -> bool:
        """Tell whether it is believed now."""
        return self.until_s is None or now_s < self.until_s


class Keys(Struct, frozen=True):
    """The keys of a file, in its order."""

    keys: tuple[Key, ...]

    def signing(self, now_s: int) -> Key:
        """Return the newest key in force.

        Raises:
            KeysUnusable: none is.
        """
        found = [key for key in self.keys if key.since_s <= now_s and key.in_force(now_s)]
        if not found:
            raise KeysUnusable("no key of the registrar's file is in force: add one on both sides")
        return max(found, key=lambda key: key.since_s)

    def believed(self, key_id: str, now_s: int) -> Key | None:
        """Return the key with an id if it is in force; one whose time is still to come is believed already, clocks differ."""
        return next((key for key in self.keys if key.id == key_id and key.in_force(now_s)), None)


def read_keys(path: Path) -> Keys:
    """Return the keys of a file.

    Raises:
        KeysUnusable: it is missing, others may read it, or it holds something else.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise KeysUnusable(f"{path}: others may read the registrar's keys: chmod 600")
        keys = Keys(msgspec.json.decode(path.read_bytes(), type=tuple[Key, ...]))
    except FileNotFoundError:
        raise KeysUnusable(f"{path}: there are no keys yet: ortoo registrar-keys {path} add") from None
    except msgspec.MsgspecError as damage:
        raise KeysUnusable(f"{path}: {damage}") from None
    for key in keys.keys:
        if not _ID.fullmatch(key.id) or not _is_secret(key.secret):
            raise KeysUnusable(f"{path}: key {key.id!r} has no usable id or secret")
    if not 1 <= len(keys.keys) <= KEYS_MAX or len({key.id for key in keys.keys}) != len(keys.keys):
        raise KeysUnusable(f"{path}: between 1 and {KEYS_MAX} keys with different ids")
    return keys


def added(keys: Keys, key_id: str, since_s: int) -> Keys:
    """Return the keys with a new one.

    Raises:
        KeysUnusable: the id is taken or cannot be one.
    """
    if not _ID.fullmatch(key_id) or any(key.id == key_id for key in keys.keys):
        raise KeysUnusable(f"{key_id!r}: taken, or not of 1 to 40 letters, digits and . _ -")
    return Keys((*keys.keys, Key(id=key_id, secret=secrets.token_hex(SECRET_BYTES), since_s=since_s)))


def retired(keys: Keys, key_id: str, until_s: int) -> Keys:
    """Return the keys with one that ends.

    Raises:
        KeysUnusable: there is no such key.
    """
    if all(key.id != key_id for key in keys.keys):
        raise KeysUnusable(f"{key_id!r}: no such key")
    return Keys(tuple(replace(key, until_s=until_s) if key.id == key_id else key for key in keys.keys))


def write_keys(path: Path, keys: Keys) -> None:
    """Write the file, whole or not at all; only the owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    text = json.dumps([msgspec.to_builtins(key) for key in keys.keys], indent=1) + "\n"
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _is_secret(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) >= SECRET_BYTES
    except ValueError:
        return False
