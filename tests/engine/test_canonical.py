"""Canonical bytes: the vectors, the reference library, and what has no form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from engine.canonical import INTEGER_MAX, NotCanonical, canonical_bytes

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "canonical.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vector(vector: dict[str, Any]) -> None:
    assert canonical_bytes(vector["value"]).hex() == vector["bytes"]


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=8), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(plain)
def test_the_same_bytes_as_the_reference_library(value: Any) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [1.0, INTEGER_MAX + 1, {"ключ": 1}, {1: 2}, b"x", "\ud800", [{"a": float("nan")}]])
def test_no_form(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical_bytes(value)
