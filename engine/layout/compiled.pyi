from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from engine.layout.reference import Plan, Wire
from engine.values import Amount

R = TypeVar("R")

DIRECT_SHA256: int
"""1 if SHA-256 is called in OpenSSL itself, 0 if by way of hashlib."""

def accepted_frame(receipt: Any, bid: Any) -> bytes: ...
def content_bytes(tag: bytes, salt: bytes, body: bytes, *columns: Any) -> bytes: ...
def copy_hidden_rows(
    rows: Sequence[Any],
    names: tuple[str, ...],
    kinds: str,
    lengths: Sequence[int],
    head: bytes,
    block: int,
    ciphered: bytes,
) -> bytes: ...
def copy_rows(rows: Sequence[Any], names: tuple[str, ...], kinds: str) -> bytes: ...
def flat_object(plan: Plan, otherwise: Callable[[Any], bytes], value: Any) -> bytes: ...
def flat_digest(tag: bytes, plan: Plan, otherwise: Callable[[Any], bytes], value: Any) -> bytes: ...
def id_text(command_id: bytes) -> str: ...
def read_bid(payload: bytes) -> tuple[bytes, str, Amount | None, Amount | None, bool] | None: ...
def read_id(text: str) -> bytes | None: ...
def seal(
    make: Callable[..., R],
    content_tag: bytes,
    chain_tag: bytes,
    shard: int,
    seq: int,
    epoch: int,
    stream: str,
    stream_seq: int,
    kind: str,
    version: int,
    at_us: int,
    arrived_at_us: int | None,
    command_id: bytes | None,
    request_digest: bytes | None,
    actor: str,
    body: bytes,
    salt: bytes,
    previous: bytes,
    entry_id: str | None,
) -> R: ...
def seal_event(
    make: Callable[..., R],
    content_tag: bytes,
    chain_tag: bytes,
    wire: Wire,
    event: Any,
    live: Any,
    cause: Any,
    epoch: int,
    seq: int,
    stream_seq: int,
    at_us: int,
    salt: bytes,
) -> R: ...
def sha256_of(tag: bytes, content: bytes) -> bytes: ...
def secrets(rows: Sequence[Any], prefix: str, public: frozenset[str], step: int) -> tuple[bytes, list[int]]: ...
