"""A registration with everything that is shown of it: the contract as it is registered, the filled form, what was found, the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from engine.calendar import day_of
from engine.values import InstantUs
from settlement.contracts.drafting import Draft, draft
from settlement.contracts.facts import ContractFacts, Profile
from settlement.contracts.life import Contract, ContractState
from settlement.contracts.store import Contracts
from settlement.registration import events as e
from settlement.registration.evolving import Registration
from settlement.registration.filling import Filled, fill, plain_yuan
from settlement.registration.form import Origin
from settlement.registration.package import PackageHead, package, package_bytes
from settlement.registration.precheck import PreCheck, pre_check
from settlement.registration.store import Shelf

_OPEN: Final = (e.RegistrationState.DRAFT, e.RegistrationState.RETURNED)
"""States in which the form is still being filled."""


class File(Struct, frozen=True, kw_only=True):
    """One file."""

    registration: Registration
    contract: Contract
    draft: Draft
    form: Mapping[str, Filled]
    found: PreCheck


def with_profiles(facts: ContractFacts, seller: Profile, buyer: Profile) -> ContractFacts:
    """Return the facts with what the parties have said about themselves."""
    return replace(facts, seller=replace(facts.seller, profile=seller), buyer=replace(facts.buyer, profile=buyer))


def with_amounts(form: Mapping[str, Filled], registration: Registration) -> dict[str, Filled]:
    """Return the form with the amounts as registered."""
    amounts = {"totalamount": registration.total_fen, "technicalamount": registration.technical_fen}
    return {**form, **{key: Filled(plain_yuan(fen), form[key].origin) for key, fen in amounts.items()}}


class Files:
    """Makes them."""

    def __init__(self, shelf: Shelf, contracts: Contracts, *, market: str, now_us: Callable[[], int]) -> None:
        self._shelf = shelf
        self._contracts = contracts
        self._market = market
        self._now_us = now_us

    async def file(self, registration_id: str, *, newest: bool = False) -> File | None:
        """Return a registration with contract, form and findings as of today; `newest`: by the contract's newest version."""
        registration = await self._shelf.read(registration_id)
        if registration is None:
            return None
        contract = await self._contracts.read(registration.contract_id)
        assert contract is not None, "a registration has a contract"
        facts = await self._facts(registration, contract, newest=newest)
        made = draft(facts)
        form = fill(facts, registration.answers)
        if not newest and registration.state not in _OPEN:
            form = await self._handed_in(registration, form)
        found = pre_check(
            made, form, day_of(InstantUs(self._now_us())), explanations=registration.explanations,
            registered_already=registration.number if registration.state is e.RegistrationState.DRAFT else "",
        )  # fmt: skip
        if registration.number:
            form = {**form, "registration_number": Filled(registration.number, form["registration_number"].origin)}
            form = with_amounts(form, registration)
        return File(registration=registration, contract=contract, draft=made, form=form, found=found)

    async def _facts(self, registration: Registration, contract: Contract, *, newest: bool) -> ContractFacts:
        """Return the facts of the version that is registered, with what the parties have said about themselves since."""
        facts = contract.signed_facts
        if registration.state not in _OPEN and not newest and registration.contract_version != contract.version:
            for version in await self._contracts.versions(contract.id):
                if version.version == registration.contract_version:
                    facts = Contract(
                        id=contract.id, seq=contract.seq, state=ContractState.SIGNED, version=version.version, facts=version.facts,
                        text=version.text, templates="", signed_on=contract.signed_on, seller_seal=contract.seller_seal,
                        buyer_seal=contract.buyer_seal,
                    ).signed_facts  # fmt: skip
        return with_profiles(
            facts,
            await self._contracts.profile(facts.seller.party_id),
            await self._contracts.profile(facts.buyer.party_id),
        )

    async def _handed_in(self, registration: Registration, form: dict[str, Filled]) -> dict[str, Filled]:
        """Return the form as it was handed in, whatever the parties have said about themselves since."""
        body = await self.package_of(registration)
        if body is None:
            return form
        said = {field["key"]: field for field in msgspec.json.decode(body)["fields"]}
        return {
            key: Filled(said[key]["value"], Origin(said[key]["origin"])) if key in said else filled
            for key, filled in form.items()
        }

    async def package_of(self, registration: Registration) -> bytes | None:
        """Return the package that was handed in last, as it was; None before."""
        for revision in range(registration.revision, 0, -1):
            body = await self._shelf.document(registration.id, "package", revision)
            if body is not None:
                return body
        return None

    async def preview(self, registration_id: str) -> bytes | None:
        """Return the package as it would be handed in now."""
        file = await self.file(registration_id)
        if file is None:
            return None
        return self.packager(file, self._now_us())(replace(file.registration, revision=file.registration.revision + 1))

    def packager(self, file: File, at_us: int) -> Callable[[Registration], bytes]:
        """Return what makes the package of a file's registration as it is after an act at an instant."""

        def make(after: Registration) -> bytes:
            head = PackageHead(
                registration=after.id, revision=after.revision, made_at_us=at_us, deal=after.deal,
                contract_id=file.contract.id, contract_version=file.contract.version, contract_text=file.contract.text,
                market=self._market, total_fen=after.total_fen, technical_fen=after.technical_fen,
                explanations=after.explanations, demonstration=after.demonstration,
            )  # fmt: skip
            return package_bytes(package(head, file.draft, with_amounts(file.form, after)))

        return make
