"""Canonical bytes: the one way a value becomes bytes that are hashed, signed or compared.

RFC 8785 restricted to null, booleans, strings, arrays, objects with ASCII keys and integers within ±(2**53 - 1). There are no
floats; amounts are strings of digits. Fixed by tests/vectors/canonical.json before the first event was stored (ADR 0001).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

INTEGER_MAX = 2**53 - 1

_ENCODER = msgspec.json.Encoder(order="sorted")


class NotCanonical(ValueError):
    """The value has no canonical form: a float, an integer beyond 2**53 - 1, a key that is not ASCII."""


def canonical_bytes(value: Any) -> bytes:
    """Return the RFC 8785 form of plain values (dict, list, str, int, bool, None).

    Raises:
        NotCanonical: the value, or a part of it, is outside the restricted model.
    """
    _check(value)
    return _ENCODER.encode(value)


canonical_bytes_unchecked: Callable[[Any], bytes] = _ENCODER.encode
"""The same bytes without looking for illegal parts: for records whose types already exclude them (the hot path)."""


def _check(value: Any) -> None:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        if kind is str:
            _check_text(value)
        return
    if kind is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise NotCanonical("integer beyond 2**53 - 1: write it as a string of digits")
    elif kind is dict:
        for key, part in value.items():
            if type(key) is not str or not key.isascii():
                raise NotCanonical("object keys are ASCII strings")
            _check(part)
    elif kind is list or kind is tuple:
        for part in value:
            _check(part)
    else:
        raise NotCanonical(f"no canonical form for {kind.__name__}")


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotCanonical("a string with a lone surrogate has no bytes") from error
