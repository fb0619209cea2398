"""The life of a contract: drafted, signed, changed by agreement, rescinded (解除) or annulled (撤销、确认无效). Pure.

The text of each version is fixed by its digest, which is what both sides sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from engine.calendar import parse_day
from engine.canonical import canonical_bytes
from settlement.contracts.drafting import Draft, draft
from settlement.contracts.facts import NAME_MAX, ContractFacts
from settlement.histories import Names

REASON_MAX: Final = 2_000
VERSIONS_MAX: Final = 100


class ContractState(StrEnum):
    """Where a contract stands."""

    DRAFT = "draft"
    SIGNED = "signed"
    RESCINDED = "rescinded"
    ANNULLED = "annulled"


class ContractRefusal(StrEnum):
    """Why an act is refused, in order of precedence. Never renamed."""

    NO_SUCH_CONTRACT = "no_such_contract"
    KEY_REUSED = "key_reused"
    WRONG_STATE = "wrong_state"
    FACTS_INVALID = "facts_invalid"
    OTHER_CONTRACT = "other_contract"
    OTHER_TEXT = "other_text"
    DAY_INVALID = "day_invalid"
    SEAL_REQUIRED = "seal_required"
    REASON_REQUIRED = "reason_required"
    TOO_MANY_VERSIONS = "too_many_versions"


class NotDone(Struct, frozen=True):
    """The answer to an act that the rules do not allow."""

    code: ContractRefusal
    data: dict[str, int | str] = {}


class DraftContract(Struct, frozen=True, kw_only=True):
    """Draft it, or draft it anew before it is signed."""

    facts: ContractFacts


class SignContract(Struct, frozen=True, kw_only=True):
    """Both sides have signed the text with this digest; names as on their seals."""

    text: str
    signed_on: str
    seller_seal: str
    buyer_seal: str


class ChangeContract(Struct, frozen=True, kw_only=True):
    """Both sides have agreed on a change (民法典 art. 543) and signed it."""

    facts: ContractFacts
    reason: str
    signed_on: str


class EndContract(Struct, frozen=True, kw_only=True):
    """Rescinded or annulled on a day."""

    annulled: bool
    reason: str
    on: str


Act = DraftContract | SignContract | ChangeContract | EndContract


class ContractDrafted(Struct, frozen=True, kw_only=True):
    """A version that may still change."""

    version: int
    facts: ContractFacts
    text: str
    templates: str


class ContractSigned(Struct, frozen=True, kw_only=True):
    """In force."""

    signed_on: str
    seller_seal: str
    buyer_seal: str


class ContractChanged(Struct, frozen=True, kw_only=True):
    """Another version is in force."""

    version: int
    facts: ContractFacts
    text: str
    templates: str
    reason: str
    signed_on: str


class ContractEnded(Struct, frozen=True, kw_only=True):
    """Over before it was performed."""

    annulled: bool
    reason: str
    on: str


Event = ContractDrafted | ContractSigned | ContractChanged | ContractEnded
WIRE_NAMES: Final[Mapping[type[Any], str]] = {
    ContractDrafted: "contract.drafted",
    ContractSigned: "contract.signed",
    ContractChanged: "contract.changed",
    ContractEnded: "contract.ended",
}
_NAMES: Final = Names[Event](WIRE_NAMES)
encode_event: Final = _NAMES.encode
decode_event: Final = _NAMES.decode


class Contract(Struct, frozen=True, kw_only=True):
    """A contract after event `seq`."""

    id: str
    seq: int
    state: ContractState
    version: int
    facts: ContractFacts
    """Of the version, without signatures."""
    text: str
    """Digest of the version's text, hexadecimal."""
    templates: str
    signed_on: str = ""
    seller_seal: str = ""
    buyer_seal: str = ""
    changed_on: str = ""
    ended_on: str = ""
    reason: str = ""

    @property
    def signed_facts(self) -> ContractFacts:
        """The facts with day and seals of the signing, as registration needs them; the text drawn up from them is the one signed."""
        facts = self.facts
        return replace(
            facts,
            signed_on=self.signed_on,
            seller=replace(facts.seller, seal_name=self.seller_seal),
            buyer=replace(facts.buyer, seal_name=self.buyer_seal),
        )


def text_statement(made: Draft) -> dict[str, Any]:
    """Return a contract's text as plain values: title, clauses, and who signs. Its canonical bytes are what both sides sign."""
    return {
        "kind": "ortoo.contract-text",
        "v": 1,
        "contract": made.facts.contract_id,
        "deal": made.facts.deal,
        "title": made.title,
        "seller": made.facts.seller.name,
        "buyer": made.facts.buyer.name,
        "clauses": [[clause.id, clause.zh, clause.text] for clause in made.clauses],
    }


def text_digest(made: Draft) -> str:
    """Return the SHA-256 of a contract's text, hexadecimal."""
    return sha256(canonical_bytes(text_statement(made))).hexdigest()


def decide(contract: Contract | None, act: Act) -> tuple[Event, ...] | NotDone:
    """Judge one act on one contract. Changes nothing; no event where nothing would change."""
    if isinstance(act, DraftContract):
        return _draft(contract, act)
    if contract is None:
        return NotDone(ContractRefusal.NO_SUCH_CONTRACT)
    wanted = ContractState.DRAFT if isinstance(act, SignContract) else ContractState.SIGNED
    if contract.state is not wanted:
        return NotDone(ContractRefusal.WRONG_STATE, {"state": contract.state.value})
    match act:
        case SignContract():
            return _sign(contract, act)
        case ChangeContract():
            return _change(contract, act)
        case EndContract():
            if parse_day(act.on) is None:
                return NotDone(ContractRefusal.DAY_INVALID)
            if not _is_reason(act.reason):
                return NotDone(ContractRefusal.REASON_REQUIRED)
            return (ContractEnded(annulled=act.annulled, reason=act.reason, on=act.on),)


def _draft(contract: Contract | None, act: DraftContract) -> tuple[Event, ...] | NotDone:
    if contract is not None and contract.state is not ContractState.DRAFT:
        return NotDone(ContractRefusal.WRONG_STATE, {"state": contract.state.value})
    if contract is not None and contract.facts == act.facts:
        return ()
    version = 1 if contract is None else contract.version + 1
    made = _made(act.facts, version, contract)
    if isinstance(made, NotDone):
        return made
    return (ContractDrafted(version=version, facts=act.facts, text=text_digest(made), templates=made.templates),)


def _made(facts: ContractFacts, version: int, before: Contract | None) -> Draft | NotDone:
    if version > VERSIONS_MAX:
        return NotDone(ContractRefusal.TOO_MANY_VERSIONS)
    if before is not None and (before.facts.contract_id, before.facts.deal) != (facts.contract_id, facts.deal):
        return NotDone(ContractRefusal.OTHER_CONTRACT)
    try:
        return draft(facts)
    except ValueError as problem:
        return NotDone(ContractRefusal.FACTS_INVALID, {"problem": str(problem)})


def _sign(contract: Contract, act: SignContract) -> tuple[Event, ...] | NotDone:
    if act.text != contract.text:
        return NotDone(ContractRefusal.OTHER_TEXT)
    if parse_day(act.signed_on) is None:
        return NotDone(ContractRefusal.DAY_INVALID)
    if not all(1 <= len(seal.strip()) <= NAME_MAX for seal in (act.seller_seal, act.buyer_seal)):
        return NotDone(ContractRefusal.SEAL_REQUIRED)
    return (ContractSigned(signed_on=act.signed_on, seller_seal=act.seller_seal, buyer_seal=act.buyer_seal),)


def _change(contract: Contract, act: ChangeContract) -> tuple[Event, ...] | NotDone:
    if parse_day(act.signed_on) is None:
        return NotDone(ContractRefusal.DAY_INVALID)
    if not _is_reason(act.reason):
        return NotDone(ContractRefusal.REASON_REQUIRED)
    if act.facts == contract.facts:
        return ()
    made = _made(act.facts, contract.version + 1, contract)
    if isinstance(made, NotDone):
        return made
    return (
        ContractChanged(
            version=contract.version + 1, facts=act.facts, text=text_digest(made), templates=made.templates,
            reason=act.reason, signed_on=act.signed_on,
        ),
    )  # fmt: skip


def evolve(contract: Contract | None, event: Event, contract_id: str) -> Contract:
    """Return the contract after an event.

    Raises:
        ValueError: the event cannot follow.
    """
    if isinstance(event, ContractDrafted):
        return Contract(
            id=contract_id, seq=1 if contract is None else contract.seq + 1, state=ContractState.DRAFT,
            version=event.version, facts=event.facts, text=event.text, templates=event.templates,
        )  # fmt: skip
    if contract is None:
        raise ValueError(f"{type(event).__name__} of no contract")
    seq = contract.seq + 1
    match event:
        case ContractSigned():
            return replace(
                contract, seq=seq, state=ContractState.SIGNED, signed_on=event.signed_on, seller_seal=event.seller_seal,
                buyer_seal=event.buyer_seal,
            )  # fmt: skip
        case ContractChanged():
            return replace(
                contract, seq=seq, version=event.version, facts=event.facts, text=event.text, templates=event.templates,
                reason=event.reason, changed_on=event.signed_on,
            )  # fmt: skip
        case ContractEnded():
            state = ContractState.ANNULLED if event.annulled else ContractState.RESCINDED
            return replace(contract, seq=seq, state=state, reason=event.reason, ended_on=event.on)


def _is_reason(text: str) -> bool:
    return bool(text.strip()) and len(text) <= REASON_MAX
