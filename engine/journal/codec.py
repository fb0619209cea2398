"""Events, commands and states as canonical JSON bytes and back.

Amounts become strings of digits, enums their values, unions carry their tag; everything else is an integer, a string, a boolean
or null. The converters are derived once from the declared types, so a new event class needs no code here.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from enum import Enum, StrEnum
from functools import partial
from operator import attrgetter
from typing import Any, Final, TypeVar

import msgspec

from engine.canonical import canonical_bytes_unchecked
from engine.layout import flat_digest, flat_object, sha256_of
from engine.layout.reference import Plan, Wire
from engine.rules.auction.events import WIRE_NAMES
from engine.rules.availability.probing import PROBE_WIRE_NAMES
from engine.rules.listing.events import LISTING_WIRE_NAMES
from engine.rules.publicity.events import NOTICE_WIRE_NAMES
from engine.values import Amount

Convert = Callable[[Any], Any]


class UnknownEvent(Exception):
    """A stored event has a type or version this program does not know: it is newer, or the log is corrupt."""


S = TypeVar("S", bound=msgspec.Struct)

_NAMES: Final = {**WIRE_NAMES, **LISTING_WIRE_NAMES, **NOTICE_WIRE_NAMES, **PROBE_WIRE_NAMES}
_BY_NAME: Final = {name: cls for cls, name in _NAMES.items()}


def encode_event(event: msgspec.Struct) -> tuple[str, int, bytes]:
    """Return (wire name, version, canonical body)."""
    name, version, _, encode = WIRES[type(event)]
    return name, version, encode(event)


def type_of(event: type[Any]) -> str:
    """Return the wire name of a class of events, as the log's column `type` holds it."""
    return _NAMES[event][0]


def decode_event(name: str, version: int, body: bytes) -> Any:
    """Rebuild an event; its class follows from its name, which begins with the kind of its stream.

    Raises:
        UnknownEvent: no class carries this name and version.
        msgspec.DecodeError, KeyError, ValueError: the body is not what was once written.
    """
    cls = _BY_NAME.get((name, version))
    if cls is None:
        raise UnknownEvent(f"{name} version {version}")
    return _codec(cls)[1](msgspec.json.decode(body))


def encode_state(state: msgspec.Struct) -> bytes:
    """Return the canonical bytes of a state; equal states have equal bytes."""
    return _canonical(state)


def decode_state(cls: type[S], body: bytes) -> S:
    """Rebuild a state of a class from `encode_state`'s bytes."""
    state: S = _codec(cls)[1](msgspec.json.decode(body))
    return state


def request_digest(command: msgspec.Struct) -> bytes:
    """Return the digest of what a client asked for: the same id with another digest is another wish, and refused."""
    digest = _DIGESTS.get(type(command))
    if digest is None:
        digest = _DIGESTS[type(command)] = _digester(type(command))
    return digest(command)


def command_bytes(command: msgspec.Struct) -> bytes:
    """Return the canonical bytes of a command, as it travels between processes."""
    return _canonical(command)


def _canonical(value: msgspec.Struct) -> bytes:
    """Return the canonical bytes of a struct by an encoder made once per class."""
    encode = _ENCODERS.get(type(value))
    if encode is None:
        encode = _ENCODERS[type(value)] = _encoder(type(value))
    return encode(value)


def _encoder(cls: type[msgspec.Struct]) -> Callable[[Any], bytes]:
    mirrored = _mirror(cls)

    def by_mirror(value: Any) -> bytes:
        return canonical_bytes_unchecked(mirrored(value))

    plan = _plan(cls)
    return by_mirror if plan is None else partial(flat_object, plan, by_mirror)


def _digester(cls: type[msgspec.Struct]) -> Callable[[Any], bytes]:
    tag, plan = cls.__name__.encode() + b"\n", _plan(cls)
    encode = _encoder(cls)
    return (lambda value: sha256_of(tag, encode(value))) if plan is None else partial(flat_digest, tag, plan, encode)


def _mirror(cls: type[msgspec.Struct]) -> Convert:
    """Return what makes of a struct its mirror, whose fields are already plain."""
    hints = typing.get_type_hints(cls)
    names = cls.__struct_fields__
    config = cls.__struct_config__
    shape = msgspec.defstruct(
        f"{cls.__name__}Body",
        _fields_of(cls),
        tag_field=config.tag_field,
        tag=config.tag,
        omit_defaults=config.omit_defaults,
    )
    converted = [(place, _codec(hints[name])[0]) for place, name in enumerate(names)]
    converted = [(place, encode) for place, encode in converted if encode is not _same and encode is not _value_of]
    values_of = attrgetter(*names) if len(names) > 1 else lambda value: [getattr(value, name) for name in names]

    def mirrored(value: Any) -> msgspec.Struct:
        values = list(values_of(value))
        for place, encode in converted:
            values[place] = encode(values[place])
        return shape(*values)

    return mirrored


def _fields_of(cls: type[msgspec.Struct]) -> list[Any]:
    """Return the fields of a mirror: bare names, and with the default of None where that is left out of the body."""
    optional = _left_out(cls)
    return [(name, Any, None) if name in optional else name for name in cls.__struct_fields__]


def _left_out(cls: type[msgspec.Struct]) -> frozenset[str]:
    """Return the fields that a body leaves out while they are None: added later, so that older bodies stay what they are."""
    if not cls.__struct_config__.omit_defaults:
        return frozenset()
    optional = [field for field in msgspec.structs.fields(cls) if not field.required]
    assert all(field.default is None for field in optional), f"{cls}: only None is the same before and after conversion"
    return frozenset(field.name for field in optional)


def _plan(cls: type[msgspec.Struct]) -> Plan | None:
    """Return the plan of a struct whose fields are all flat, None for any other."""
    if cls.__struct_config__.tag_field is not None or cls.__struct_config__.omit_defaults:
        return None
    hints = typing.get_type_hints(cls)
    kinds = {name: _flat_kind(hints[name]) for name in sorted(cls.__struct_fields__)}
    if None in kinds.values():
        return None
    return tuple((ord(kind), name, f'"{name}":'.encode()) for name, kind in kinds.items() if kind is not None)


def _flat_kind(hint: Any) -> str | None:
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    if typing.get_origin(hint) in (typing.Union, types.UnionType) and len(options) == 1:
        return _flat_kind(options[0])
    if hint is Amount:
        return "a"
    if isinstance(hint, typing.NewType):
        return _flat_kind(hint.__supertype__)
    if hint == dict[str, str | int]:
        return "e"
    is_plain = hint in (str, int, bool) or (isinstance(hint, type) and issubclass(hint, StrEnum))
    return "p" if is_plain else None


class _Wires(dict[type[msgspec.Struct], Wire]):
    """How each class of events goes on the wire, found out when the first one comes."""

    def __missing__(self, cls: type[msgspec.Struct]) -> Wire:
        name, version = _NAMES[cls]
        found = self[cls] = (name, version, _plan(cls), _encoder(cls))
        return found


WIRES: Final = _Wires()
_DIGESTS: dict[type[msgspec.Struct], Callable[[Any], bytes]] = {}
_ENCODERS: dict[type[msgspec.Struct], Callable[[Any], bytes]] = {}
_CODECS: dict[Any, tuple[Convert, Convert]] = {}


def _codec(hint: Any) -> tuple[Convert, Convert]:
    found = _CODECS.get(hint)
    if found is None:
        found = _CODECS[hint] = _make(hint)
    return found


def _same(value: Any) -> Any:
    return value


def _value_of(member: Enum) -> Any:
    return member.value


def _make(hint: Any) -> tuple[Convert, Convert]:
    if hint is Amount:
        return str, int
    if isinstance(hint, typing.NewType):
        return _codec(hint.__supertype__)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _value_of, hint
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _make_struct(hint)
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        return list, (lambda parts: hint(*parts))
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _make_union(arguments)
    if origin is tuple:
        return _make_tuple(arguments)
    if origin is frozenset:
        return sorted, frozenset
    if origin is dict:
        return _make_dict(*arguments)
    if hint in (str, int, bool, float, bytes):
        assert hint is not float and hint is not bytes, "no canonical form"
        return _same, _same
    raise TypeError(f"no codec for {hint!r}")


def _make_struct(cls: type[msgspec.Struct]) -> tuple[Convert, Convert]:
    hints = typing.get_type_hints(cls)
    fields = [(name, *_codec(hints[name])) for name in cls.__struct_fields__]
    converted = [(name, encode) for name, encode, _ in fields if encode is not _same]
    copied = [name for name, encode, _ in fields if encode is _same]
    tag_field, tag = cls.__struct_config__.tag_field, cls.__struct_config__.tag
    optional = _left_out(cls)

    def encode(value: Any) -> dict[str, Any]:
        plain: dict[str, Any] = {name: getattr(value, name) for name in copied}
        for name, convert in converted:
            plain[name] = convert(getattr(value, name))
        if tag_field is not None:
            plain[tag_field] = tag
        for name in optional:
            if plain[name] is None:
                del plain[name]
        return plain

    def decode(plain: dict[str, Any]) -> Any:
        return cls(**{name: convert(plain[name]) for name, _, convert in fields if name in plain})

    return encode, decode


def _make_union(arguments: tuple[Any, ...]) -> tuple[Convert, Convert]:
    options = [a for a in arguments if a is not type(None)]
    if len(options) == 1:
        encode_one, decode_one = _codec(options[0])
        if encode_one is _same:
            return _same, _same
        return (
            lambda value: None if value is None else encode_one(value),
            lambda plain: None if plain is None else decode_one(plain),
        )
    tagged = {option.__struct_config__.tag: option for option in options}
    tag_field = options[0].__struct_config__.tag_field
    return (
        lambda value: _codec(type(value))[0](value),
        lambda plain: _codec(tagged[plain[tag_field]])[1](plain),
    )


def _make_dict(key: Any, value: Any) -> tuple[Convert, Convert]:
    assert _codec(key)[0] is _same, "keys are text"
    encode, decode = _codec(value) if value != (str | int) else (_same, _same)
    if encode is _same:
        return _same, _same
    return (
        lambda items: {name: encode(item) for name, item in items.items()},
        lambda plain: {name: decode(item) for name, item in plain.items()},
    )


def _make_tuple(arguments: tuple[Any, ...]) -> tuple[Convert, Convert]:
    if arguments[-1] is Ellipsis:
        encode_item, decode_item = _codec(arguments[0])
        return (
            lambda items: [encode_item(item) for item in items],
            lambda plain: tuple(decode_item(item) for item in plain),
        )
    codecs = [_codec(argument) for argument in arguments]
    return (
        lambda items: [codec[0](item) for codec, item in zip(codecs, items, strict=True)],
        lambda plain: tuple(codec[1](item) for codec, item in zip(codecs, plain, strict=True)),
    )
